// A report as files: page, CSVs, facts, and a signed list of them.
#pragma once

#include "keyward/base/ed25519.h"
#include "keyward/base/result.h"
#include "keyward/report/document.h"

#include <optional>
#include <string>
#include <vector>

namespace keyward::report {

inline constexpr const char* kPage = "report.html";
inline constexpr const char* kManifest = "report.json";

struct Folder {
  std::string path;
  bool replace = false;  // a report that is there already
};

// Writes report.html, a CSV for each table, facts.json, and last report.json: the SHA-256 of each
// and a signature by `key` over all. Without a key it is not signed, and check_folder() says so.
// The bytes follow from the arguments alone. Errors: the folder holds something else, or a report
// and `replace` is not set; it cannot be written.
[[nodiscard]] Result<std::vector<std::string>> write_folder(const Folder& folder,
                                                            const Document& document,
                                                            const PrivateKey* key);

struct Checked {
  std::string key;                    // its id; empty: not signed
  std::vector<std::string> problems;  // in a line each; empty: everything is as it was written
  std::size_t files = 0;
};
// `trusted`: the signature has to be by this key. Errors: no report is there.
[[nodiscard]] Result<Checked> check_folder(const std::string& path,
                                           const std::optional<PublicKey>& trusted);

// The text with a signature of its own in it: covers it with the signature's 128 digits as zeros.
// `text` holds kOpenSignature once.
inline constexpr std::string_view kOpenSignature =
    "00000000000000000000000000000000000000000000000000000000000000000000000000000000"
    "000000000000000000000000000000000000000000000000";
[[nodiscard]] std::string signed_text(std::string text, const PrivateKey& key);
[[nodiscard]] bool signature_holds(std::string text, std::string_view signature,
                                   const PublicKey& key);

}  // namespace keyward::report
