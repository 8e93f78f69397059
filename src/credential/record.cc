#include "keyward/credential/record.h"

#include "keyward/identity/vended_password.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>

namespace keyward::credential {
namespace {

namespace json = boost::json;
using identity::Principal;
using identity::Vended;

constexpr std::int64_t kForm = 1;

std::int64_t number(WallTime time) { return time.time_since_epoch().count(); }
WallTime time_of(std::int64_t number) { return WallTime(WallTime::duration(number)); }

json::array list(const std::vector<std::string>& texts) {
  json::array out;
  for (const std::string& text : texts) out.emplace_back(text);
  return out;
}

// Reads members of one object; the first that is missing or of another kind spoils it all.
class Members {
 public:
  explicit Members(const json::object& object) : object_(object) {}

  std::string text(std::string_view name) {
    const json::value* value = find(name);
    if (value != nullptr && value->is_string()) return std::string(value->get_string());
    return spoil(), std::string();
  }
  std::int64_t number(std::string_view name) {
    const json::value* value = find(name);
    if (value != nullptr && value->is_int64()) return value->get_int64();
    return spoil(), 0;
  }
  std::vector<std::string> texts(std::string_view name) {
    std::vector<std::string> out;
    const json::value* value = find(name);
    if (value == nullptr || !value->is_array()) return spoil(), out;
    for (const json::value& one : value->get_array()) {
      if (!one.is_string()) return spoil(), out;
      out.emplace_back(one.get_string());
    }
    return out;
  }
  json::object object(std::string_view name) {
    const json::value* value = find(name);
    if (value != nullptr && value->is_object()) return value->get_object();
    return spoil(), json::object();
  }
  void spoil() { good_ = false; }
  [[nodiscard]] bool good() const { return good_; }

 private:
  const json::value* find(std::string_view name) {
    return object_.if_contains(json::string_view(name.data(), name.size()));
  }
  const json::object& object_;
  bool good_ = true;
};

Vended::Mode mode_of(std::string_view word, Members& from) {
  if (word == "proxy") return Vended::Mode::proxy;
  if (word == "direct") return Vended::Mode::direct;
  from.spoil();
  return Vended::Mode::none;
}

std::optional<Digest> digest_of(std::string_view text) {
  Digest out{};
  if (text.size() != 2 * out.size()) return std::nullopt;
  const auto value = [](char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
  };
  for (std::size_t at = 0; at < out.size(); ++at) {
    const int high = value(text[2 * at]), low = value(text[2 * at + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    out[at] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return out;
}

Principal read_principal(Members& from) {
  Principal out;
  out.id = from.text("id");
  out.issuer_alias = from.text("alias");
  out.issuer = from.text("issuer");
  out.subject = from.text("subject");
  out.label = from.text("label");
  out.groups = from.texts("groups");
  out.claims = from.object("claims");
  out.token_id = from.text("token_id");
  out.evidence = from.text("evidence");
  out.issued_at = time_of(from.number("token_issued"));
  out.expires_at = time_of(from.number("ends"));
  out.bound_to = from.text("bound_to");
  out.auth_protocol = "keyward-credential";
  out.vended.mode = mode_of(from.text("mode"), from);
  out.vended.user = from.text("user");
  out.vended.grants = from.texts("grants");
  return out;
}

}  // namespace

std::string record_name(std::string_view user) {
  const bool direct = user.starts_with(identity::kDirectUsers);
  return std::string(direct ? kDirectRecords : kProxyRecords).append(user);
}

std::string write_record(const Record& record) {
  const Principal& who = record.principal;
  return json::serialize(
      json::object{{"form", kForm},
                   {"user", who.vended.user},
                   {"mode", who.vended.mode == Vended::Mode::direct ? "direct" : "proxy"},
                   {"grants", list(who.vended.grants)},
                   {"id", who.id},
                   {"alias", who.issuer_alias},
                   {"issuer", who.issuer},
                   {"subject", who.subject},
                   {"label", who.label},
                   {"groups", list(who.groups)},
                   {"claims", who.claims},
                   {"token_id", who.token_id},
                   {"evidence", who.evidence},
                   {"token_issued", number(who.issued_at)},
                   {"ends", number(who.expires_at)},
                   {"bound_to", who.bound_to},
                   {"password", hex(record.password)},
                   {"issued", number(record.issued)},
                   {"last", number(record.last)},
                   {"rights", record.rights_id},
                   {"instance", record.instance}});
}

std::optional<Record> read_record(std::string_view text) {
  boost::system::error_code bad;
  const json::value value = json::parse(json::string_view(text.data(), text.size()), bad);
  if (bad || !value.is_object()) return std::nullopt;
  Members members(value.get_object());
  if (members.number("form") != kForm) return std::nullopt;
  Record out;
  out.principal = read_principal(members);
  const auto password = digest_of(members.text("password"));
  out.issued = time_of(members.number("issued"));
  out.last = time_of(members.number("last"));
  out.rights_id = members.text("rights");
  out.instance = members.text("instance");
  if (!members.good() || !password) return std::nullopt;
  out.password = *password;
  return out;
}

}  // namespace keyward::credential
