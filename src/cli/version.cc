#include "cli/output.h"
#include "cli/verbs.h"

#include "keyward/base/text.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/version.hpp>
#include <openssl/crypto.h>

#include <memory>

namespace keyward::cli {
namespace {

#ifdef NDEBUG
constexpr std::string_view kBuild = "release";
#else
constexpr std::string_view kBuild = "debug";
#endif

constexpr std::string_view kFeatures[] = {"tls",    "resp2", "resp3", "oidc", "policy",
                                          "leases", "audit", "admin", "dev"};
constexpr std::string_view kServers[] = {"Redis 7.0 (tested: 7.0.15)"};

boost::json::array listed(const auto& words) {
  boost::json::array out;
  for (const std::string_view word : words) out.emplace_back(word);
  return out;
}

int print_version(bool json) {
  const std::string compiler = "g++ " __VERSION__;
  const std::string boost =
      std::to_string(BOOST_VERSION / 100'000) + "." + std::to_string(BOOST_VERSION / 100 % 1000);
  if (json) {
    print_json(boost::json::object{{"version", KEYWARD_VERSION},
                                   {"build", kBuild},
                                   {"compiler", compiler},
                                   {"boost", boost},
                                   {"openssl", OpenSSL_version(OPENSSL_VERSION_STRING)},
                                   {"features", listed(kFeatures)},
                                   {"servers", listed(kServers)}});
    return kDone;
  }
  print_line("keyward " KEYWARD_VERSION " (" + std::string(kBuild) + ", " + compiler + ", Boost " +
             boost + ", OpenSSL " + OpenSSL_version(OPENSSL_VERSION_STRING) + ")");
  print_line("features: " + joined(kFeatures, ", "));
  print_line("servers:  " + joined(kServers, ", "));
  return kDone;
}

}  // namespace

void add_version(CLI::App& app, Chosen& chosen) {
  CLI::App* verb = app.add_subcommand("version", "Version, build, features, supported servers");
  auto json = std::make_shared<bool>(false);
  verb->add_flag("--json", *json, "One JSON object");
  verb->footer("Example:\n  keyward version --json");
  verb->callback([&chosen, json] { chosen.run = [json] { return print_version(*json); }; });
}

}  // namespace keyward::cli
