#include "policy/claims.h"

#include "keyward/policy/glob.h"

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include <algorithm>

namespace keyward::policy {
namespace {

constexpr int kDeepest = 8;

// Claim names hold dots themselves ("kubernetes.io", "https://example.com/team"): the longest name
// that exists wins.
const boost::json::value* find_claim(const boost::json::object& object, std::string_view path,
                                     int depth = 0) {
  if (const boost::json::value* whole = object.if_contains(path)) return whole;
  if (depth == kDeepest) return nullptr;
  for (std::size_t dot = path.rfind('.'); dot != std::string_view::npos && dot > 0;
       dot = path.rfind('.', dot - 1)) {
    const boost::json::value* child = object.if_contains(path.substr(0, dot));
    if (child == nullptr || !child->is_object()) continue;
    return find_claim(child->as_object(), path.substr(dot + 1), depth + 1);
  }
  return nullptr;
}

bool claim_is(const boost::json::value& claim, std::string_view wanted) {
  if (const auto* text = claim.if_string()) return std::string_view(*text) == wanted;
  if (claim.is_bool() || claim.is_int64() || claim.is_uint64())
    return boost::json::serialize(claim) == wanted;
  if (const auto* list = claim.if_array()) {
    return std::any_of(list->begin(), list->end(), [&](const boost::json::value& one) {
      return one.is_string() && std::string_view(one.get_string()) == wanted;
    });
  }
  return false;
}

std::optional<std::string> text_claim(const identity::Principal& principal, std::string_view path) {
  const boost::json::value* claim = find_claim(principal.claims, path);
  if (claim == nullptr || !claim->is_string()) return std::nullopt;
  return std::string(std::string_view(claim->get_string()));
}

// Part 2 or 3 of "system:serviceaccount:<namespace>:<name>"; the token's own claim, where there is
// one, must agree.
std::optional<std::string> service_account(const identity::Principal& principal, int part,
                                           std::string_view claim) {
  const std::optional<std::string> claimed = text_claim(principal, claim);
  constexpr std::string_view kHead = "system:serviceaccount:";
  const std::string_view subject = principal.subject;
  std::optional<std::string> named;
  if (subject.starts_with(kHead)) {
    const std::string_view rest = subject.substr(kHead.size());
    const std::size_t colon = rest.find(':');
    if (colon != std::string_view::npos && rest.find(':', colon + 1) == std::string_view::npos) {
      named = std::string(part == 2 ? rest.substr(0, colon) : rest.substr(colon + 1));
    }
  }
  if (claimed && named && *claimed != *named) return std::nullopt;
  return claimed ? claimed : named;
}

}  // namespace

bool matches(const Who& who, const identity::Principal& principal) {
  if (who.issuer != principal.issuer_alias) return false;
  if (!who.subject.empty()) {
    const bool glob = who.subject.find('*') != std::string::npos;
    if (principal.subject.empty()) return false;
    if (glob ? !glob_match(who.subject, principal.subject) : who.subject != principal.subject)
      return false;
  }
  if (!who.groups.empty() &&
      std::none_of(who.groups.begin(), who.groups.end(), [&](const std::string& group) {
        return std::find(principal.groups.begin(), principal.groups.end(), group) !=
               principal.groups.end();
      })) {
    return false;
  }
  return std::all_of(who.claims.begin(), who.claims.end(), [&](const auto& wanted) {
    const boost::json::value* claim = find_claim(principal.claims, wanted.first);
    return claim != nullptr && claim_is(*claim, wanted.second);
  });
}

std::optional<std::string> template_value(const identity::Principal& principal,
                                          std::string_view name) {
  if (name == "subject") return principal.subject;
  if (name == "k8s.namespace") return service_account(principal, 2, "kubernetes.io.namespace");
  if (name == "k8s.serviceaccount")
    return service_account(principal, 3, "kubernetes.io.serviceaccount.name");
  if (name.starts_with("claim.")) return text_claim(principal, name.substr(6));
  return std::nullopt;
}

}  // namespace keyward::policy
