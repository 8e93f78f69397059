#include "review/template_match.h"

#include "keyward/base/ascii.h"
#include "keyward/policy/glob.h"

#include <vector>

namespace keyward::review {
namespace {

constexpr std::size_t kLongestValue = 64;

struct Template {
  std::size_t at = 0, size = 0;  // of "{subject}" in the pattern
};

// The first of the templates that policy files know.
std::optional<Template> first_template(std::string_view pattern) {
  for (std::size_t at = pattern.find('{'); at != std::string_view::npos;
       at = pattern.find('{', at + 1)) {
    const std::size_t end = pattern.find('}', at);
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view name = pattern.substr(at + 1, end - at - 1);
    if (name == "subject" || name == "k8s.namespace" || name == "k8s.serviceaccount" ||
        (name.starts_with("claim.") && name.size() > 6))
      return Template{at, end + 1 - at};
  }
  return std::nullopt;
}

std::string replaced(std::string_view pattern, const Template& at, std::string_view by) {
  return std::string(pattern.substr(0, at.at)) + std::string(by) +
         std::string(pattern.substr(at.at + at.size));
}

// Every template as `*`: wider than any value.
std::string opened(std::string pattern) {
  while (const auto at = first_template(pattern)) pattern = replaced(pattern, *at, "*");
  return pattern;
}

}  // namespace

std::optional<std::string> match_template(std::string_view pattern, std::string_view name) {
  const auto at = first_template(pattern);
  if (!at)
    return policy::glob_match(pattern, name) || pattern == "*" ? std::optional(std::string())
                                                               : std::nullopt;
  if (!policy::glob_match(opened(std::string(pattern)), name)) return std::nullopt;
  const std::string_view shown = pattern.substr(at->at, at->size);
  const std::string_view head = pattern.substr(0, at->at);
  if (head.find_first_of("*?[\\") != std::string_view::npos)
    return std::string(shown) + " has a value that fits";
  // Behind a literal beginning the value begins at a known place; the longest comes first.
  std::size_t end = at->at;
  while (end < name.size() && end - at->at < kLongestValue && is_plain(name[end])) ++end;
  for (; end > at->at; --end) {
    const std::string_view value = name.substr(at->at, end - at->at);
    std::string with = replaced(pattern, *at, value);
    for (auto again = first_template(with); again && with.substr(again->at, again->size) == shown;
         again = first_template(with))
      with = replaced(with, *again, value);
    const auto rest = match_template(with, name);
    if (!rest) continue;
    return std::string(shown) + " is " + std::string(value) + (rest->empty() ? "" : ", " + *rest);
  }
  return std::nullopt;
}

}  // namespace keyward::review
