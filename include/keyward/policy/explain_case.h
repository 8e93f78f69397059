// One question to a policy folder: may this grant or this person run this command? Pure.
#pragma once

#include "keyward/base/result.h"
#include "keyward/policy/explain.h"
#include "keyward/policy/snapshot.h"

#include <boost/json/object.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace keyward::policy {

// {issuer, subject, groups, claims: {...}}; every other member is a claim as well. As `as:` of an
// expect case.
[[nodiscard]] Result<identity::Principal> principal_from(const boost::json::object& claims);
// JSON, or the flow style of YAML: {issuer: okta, subject: w1, groups: [airflow-workers]}.
[[nodiscard]] Result<boost::json::object> claims_from_text(const std::string& text);

struct ExplainCase {
  std::string grant;  // or
  std::optional<identity::Principal> as;
  std::vector<std::string> argv;  // bytes
  std::uint32_t db = 0;
};
// {"grant": "airflow-worker", "argv": ["GET", "k"]} or {"as": {...}, "argv": [...]}, optionally
// "db". Strings of argv are bytes as Latin-1.
[[nodiscard]] Result<ExplainCase> parse_case(std::string_view line);

// Answers cases; keeps compiled grants of names it has seen.
class Explainer {
 public:
  explicit Explainer(std::shared_ptr<const Snapshot> snapshot);
  // An error is a case that names no grant of the folder.
  [[nodiscard]] Result<Explanation> answer(const ExplainCase& question);

 private:
  std::shared_ptr<const Snapshot> snapshot_;
  std::unordered_map<std::string, std::shared_ptr<const Grants>> named_;
};

// {"verdict", "rule", "file", "line", "reason"}; what is not known is null.
[[nodiscard]] boost::json::object to_json(const Explanation& explanation);
[[nodiscard]] boost::json::object error_answer(std::string_view reason);

}  // namespace keyward::policy
