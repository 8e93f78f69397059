// Grant drafts as the text of a policy file, with comments for whoever reviews it.
#pragma once

#include "review/grant_draft.h"

#include "keyward/command/catalog.h"

#include <string>
#include <string_view>
#include <vector>

namespace keyward::review {

inline constexpr std::size_t kTextWidth = 100;

// `head` + "[a, b, c]", broken behind commas into lines of at most kTextWidth.
[[nodiscard]] std::string flow_list(std::string_view head, const std::vector<std::string>& items);
// "12,345"
[[nodiscard]] std::string grouped(std::uint64_t number);

// Text that stands in a trail or a policy, on one line of a terminal: at most `limit` bytes.
[[nodiscard]] std::string shown(std::string_view text, std::size_t limit);

class PolicyText {
 public:
  PolicyText(const command::Catalog& catalog, std::string& out) : catalog_(catalog), out_(out) {}
  void grant(const GrantDraft& grant);
  // Cases of the grant from what was seen; nothing when none of it happened in database 0.
  void expectations(const GrantDraft& grant);

 private:
  void entry(const EntryDraft& entry);
  void patterns(std::string_view key, const std::vector<std::pair<std::string, std::string>>& all);
  [[nodiscard]] std::string unseen(const EntryDraft& entry) const;
  void line(std::string_view text) { out_.append(text).push_back('\n'); }

  const command::Catalog& catalog_;
  std::string& out_;
};

}  // namespace keyward::review
