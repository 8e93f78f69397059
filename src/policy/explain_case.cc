#include "keyward/policy/explain_case.h"

#include "keyward/base/latin1.h"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <yaml-cpp/yaml.h>

namespace keyward::policy {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxLine = 64UL * 1024 * 1024;

// Claims given as YAML are text: that is how policies compare them.
json::value from_yaml(const YAML::Node& node) {
  if (node.IsMap()) {
    json::object out;
    for (const auto& entry : node) out[entry.first.as<std::string>()] = from_yaml(entry.second);
    return out;
  }
  if (node.IsSequence()) {
    json::array out;
    for (const auto& item : node) out.push_back(from_yaml(item));
    return out;
  }
  return node.IsScalar() ? json::value(json::string(node.Scalar())) : json::value(nullptr);
}

bool read_groups(const json::value& value, std::vector<std::string>& out) {
  if (!value.is_array()) return false;
  for (const json::value& item : value.get_array()) {
    if (!item.is_string()) return false;
    out.emplace_back(std::string_view(item.get_string()));
  }
  return true;
}

bool read_argv(const json::value* value, std::vector<std::string>& out) {
  if (value == nullptr || !value->is_array() || value->get_array().empty()) return false;
  for (const json::value& item : value->get_array()) {
    if (!item.is_string()) return false;
    auto bytes = bytes_from_latin1(std::string_view(item.get_string()));
    if (!bytes) return false;
    out.push_back(std::move(*bytes));
  }
  return true;
}

json::value text_or_null(const std::string& text) {
  return text.empty() ? json::value(nullptr) : json::value(json::string(latin1_to_utf8(text)));
}

}  // namespace

Result<identity::Principal> principal_from(const json::object& claims) {
  identity::Principal out;
  for (const auto& [key, value] : claims) {
    const auto* text = value.if_string();
    if (key == "issuer" || key == "subject" || key == "sub") {
      if (text == nullptr) return Error(Errc::invalid, std::string(key) + " is not text");
      (key == "issuer" ? out.issuer_alias : out.subject) = std::string_view(*text);
    } else if (key == "groups") {
      if (!read_groups(value, out.groups))
        return Error(Errc::invalid, "groups is not a list of text");
      out.claims["groups"] = value;
    } else if (key == "claims") {
      if (!value.is_object()) return Error(Errc::invalid, "claims is not an object");
      for (const auto& [name, inner] : value.get_object()) out.claims[name] = inner;
    } else {
      out.claims[key] = value;
    }
  }
  if (out.issuer_alias.empty()) return Error(Errc::invalid, "the identity names no issuer alias");
  if (!out.subject.empty()) out.claims["sub"] = out.subject;
  out.id = out.issuer_alias + ":" + out.subject;
  return out;
}

Result<json::object> claims_from_text(const std::string& text) {
  boost::system::error_code not_json;
  json::value value = json::parse(text, not_json);
  if (not_json) {
    try {
      value = from_yaml(YAML::Load(text));
    } catch (const YAML::Exception&) {
      value = nullptr;
    }
  }
  if (value.is_object()) return value.get_object();
  return Error(Errc::invalid, "an identity is {issuer: ALIAS, subject: NAME, groups: [NAME]}");
}

Result<ExplainCase> parse_case(std::string_view line) {
  if (line.size() > kMaxLine) return Error(Errc::limit, "the line is longer than 64 MiB");
  boost::system::error_code bad;
  const json::value value = json::parse(line, bad);
  if (bad || !value.is_object()) return Error(Errc::invalid, "the line is not a JSON object");
  const json::object& object = value.get_object();
  ExplainCase out;
  if (!read_argv(object.if_contains("argv"), out.argv)) {
    return Error(Errc::invalid, "argv is not a list of strings of code points below 256");
  }
  const json::value* grant = object.if_contains("grant");
  const json::value* as = object.if_contains("as");
  if ((grant == nullptr) == (as == nullptr)) {
    return Error(Errc::invalid, "a case has either \"grant\" or \"as\"");
  }
  if (grant != nullptr) {
    if (!grant->is_string()) return Error(Errc::invalid, "grant is not text");
    out.grant = std::string_view(grant->get_string());
  } else {
    if (!as->is_object()) return Error(Errc::invalid, "as is not an object");
    auto principal = principal_from(as->get_object());
    if (!principal) return principal.error();
    out.as = std::move(*principal);
  }
  if (const json::value* db = object.if_contains("db")) {
    if (!db->is_int64() || db->get_int64() < 0 || db->get_int64() > 65535) {
      return Error(Errc::invalid, "db is not a database number");
    }
    out.db = static_cast<std::uint32_t>(db->get_int64());
  }
  return out;
}

Explainer::Explainer(std::shared_ptr<const Snapshot> snapshot) : snapshot_(std::move(snapshot)) {}

Result<Explanation> Explainer::answer(const ExplainCase& question) {
  const Facts facts{.db = question.db};
  if (question.as) return explain(*snapshot_, *question.as, question.argv, facts);
  auto& grants = named_[question.grant];
  if (!grants) {
    auto found = snapshot_->grants_named(question.grant);
    if (!found) {
      named_.erase(question.grant);
      return found.error();
    }
    grants = *found;
  }
  return explain(*grants, question.argv, snapshot_->catalog(), facts);
}

json::object to_json(const Explanation& explanation) {
  return {{"verdict", name(explanation.verdict)},
          {"rule", text_or_null(explanation.rule)},
          {"file", text_or_null(explanation.file)},
          {"line", explanation.line > 0 ? json::value(explanation.line) : json::value(nullptr)},
          {"reason", text_or_null(explanation.reason)}};
}

json::object error_answer(std::string_view reason) {
  return {{"verdict", "error"},
          {"rule", nullptr},
          {"file", nullptr},
          {"line", nullptr},
          {"reason", latin1_to_utf8(reason)}};
}

}  // namespace keyward::policy
