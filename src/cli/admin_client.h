// Asks the admin listener of a running Keyward.
#pragma once

#include "keyward/base/result.h"
#include "keyward/base/secret.h"

#include <CLI/App.hpp>
#include <boost/json/object.hpp>

#include <string>
#include <string_view>

namespace keyward::cli {

struct AdminPlace {
  std::string url, ca;     // empty: KEYWARD_ADMIN_URL, KEYWARD_CA
  std::string token_file;  // of the admin token; empty: KEYWARD_ADMIN_TOKEN, or none
};

struct AdminAnswer {
  int status = 0;
  boost::json::object body;
  [[nodiscard]] bool ok() const { return status >= 200 && status < 300; }
  // What it says when it is not ok.
  [[nodiscard]] std::string error() const;
};

// --admin and --ca.
void add_admin_place(CLI::App& verb, AdminPlace& place);
// --admin-token-file, for what operators ask.
void add_admin_token(CLI::App& verb, AdminPlace& place);
// The admin token; empty = none was named.
[[nodiscard]] Result<Secret> admin_token(const AdminPlace& place);

[[nodiscard]] Result<AdminAnswer> ask_admin(const AdminPlace& place, std::string_view method,
                                            std::string_view path, const Secret& bearer,
                                            const boost::json::object& body = {});

}  // namespace keyward::cli
