// The settings of an issuer that are not about signed tokens: who else is asked, AWS, certificates.
#pragma once

#include "server/config_fields.h"

#include "keyward/identity/issuer_config.h"

namespace keyward::server {

[[nodiscard]] inline bool is_https(const std::string& url) { return url.starts_with("https://"); }

// Every setting that an issuer may have, under whatever profile.
[[nodiscard]] std::vector<std::string> issuer_settings();
void read_elsewhere(const yaml::Node& node, const Folder& folder, identity::IssuerConfig& out);
void read_aws(const yaml::Node& node, identity::IssuerConfig& out);
void read_certificates(const yaml::Node& node, identity::IssuerConfig& out);
// Settings that stand there and belong to another profile.
void refuse_other_ways(const yaml::Node& node, identity::Profile profile);
// As refuse_other_ways(), for single settings.
void misplaced(const yaml::Node& node, const std::vector<std::string>& settings,
               const std::string& instead);

}  // namespace keyward::server
