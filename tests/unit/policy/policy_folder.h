// A policy folder made of texts, loaded with the built-in catalogue.
#pragma once

#include "support/temp_dir.h"

#include "keyward/policy/explain.h"
#include "keyward/policy/snapshot.h"

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

namespace keyward::policy::test {

class PolicyFolder {
 public:
  PolicyFolder& file(const std::string& name, const std::string& content) {
    std::filesystem::create_directories(std::filesystem::path(dir_.file(name)).parent_path());
    std::ofstream(dir_.file(name), std::ios::binary) << content;
    return *this;
  }
  // A file whose only grant "g" is for everyone of issuer "okta" and has these lines.
  PolicyFolder& grant(const std::string& lines) {
    return file("team.yaml",
                "apiVersion: keyward/v1\nteam: t\nowners: [t@example.com]\ngrants:\n  - name: g\n"
                "    who: [{issuer: okta, subject: \"*\"}]\n" +
                    lines);
  }
  std::shared_ptr<const Snapshot> load(const std::vector<std::string>& issuers = {}) {
    diagnostics_ = Diagnostics();
    return Snapshot::load(dir_.path(), command::Catalog::built_in(), issuers, diagnostics_);
  }
  // Texts of the diagnostics with the folder's own path cut off.
  [[nodiscard]] std::string said() const {
    std::string text = diagnostics_.text();
    const std::string path = dir_.path() + "/";
    for (std::size_t at = text.find(path); at != std::string::npos; at = text.find(path))
      text.erase(at, path.size());
    return text;
  }
  [[nodiscard]] const std::string& path() const { return dir_.path(); }
  [[nodiscard]] const Diagnostics& diagnostics() const { return diagnostics_; }

 private:
  keyward::test::TempDir dir_;
  Diagnostics diagnostics_;
};

inline identity::Principal someone(std::string subject = "w1",
                                   std::vector<std::string> groups = {}) {
  identity::Principal principal;
  principal.issuer_alias = "okta";
  principal.subject = std::move(subject);
  principal.id = "okta:" + principal.subject;
  principal.groups = std::move(groups);
  return principal;
}

// The grants of a folder with the one grant of PolicyFolder::grant(), break-glass or not; null when
// it does not load.
inline std::shared_ptr<const Grants> grants_of(PolicyFolder& folder) {
  const auto snapshot = folder.load();
  if (!snapshot) return nullptr;
  const auto grants = snapshot->grants_for(someone(), true);
  return grants ? *grants : nullptr;
}

inline Explanation ask(const Grants& grants, const std::vector<std::string>& argv,
                       const Facts& facts = {}) {
  return explain(grants, argv, *command::Catalog::built_in(), facts);
}

// "allow", "deny" or "error".
inline std::string verdict(const Grants& grants, const std::vector<std::string>& argv,
                           const Facts& facts = {}) {
  return std::string(name(ask(grants, argv, facts).verdict));
}

}  // namespace keyward::policy::test
