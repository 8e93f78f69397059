#include "review/policy_text.h"

#include "review/yaml_text.h"

#include "keyward/base/text.h"
#include "keyward/review/access.h"

#include <algorithm>

namespace keyward::review {
namespace {

constexpr std::size_t kMostUnseen = 6;
constexpr std::size_t kMostCases = 40;

std::string list_text(const std::vector<std::string>& items) {
  std::string out = "[";
  for (const std::string& item : items) {
    if (out.size() > 1) out += ", ";
    out += yaml_scalar(item);
  }
  return out + "]";
}

// How wide a pattern is beside what was seen of it.
std::string generality(const std::string& pattern, const PatternUse& use, bool every) {
  const std::string seen =
      (use.names.exact() ? "" : "about ") + grouped(use.names.count()) + " seen";
  if (every) return "EVERY NAME: nothing narrower holds what was seen; " + seen;
  if (pattern.find_first_of("*?[") == std::string::npos) return {};
  return pattern.front() == '*' ? "NO FIXED BEGINNING; " + seen : seen;
}

bool uses_database_0(const GrantDraft& grant) {
  return std::find(grant.databases.begin(), grant.databases.end(), 0U) != grant.databases.end();
}

std::string command_line(const std::vector<std::string>& argv) {
  std::string out;
  for (const std::string& arg : argv) {
    if (!out.empty()) out += ' ';
    std::string word = command_word(arg);
    if (out.empty()) {
      std::transform(word.begin(), word.end(), word.begin(),
                     [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
    }
    out += word;
  }
  return out;
}

}  // namespace

std::string grouped(std::uint64_t number) {
  std::string out = std::to_string(number);
  for (std::size_t at = out.size(); at > 3; at -= 3) out.insert(at - 3, 1, ',');
  return out;
}

std::string shown(std::string_view text, std::size_t limit) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  for (const char c : text.substr(0, limit)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= ' ' && byte < 0x7F) {
      out += c;
    } else {
      out += {'\\', 'x', kHex[byte >> 4U], kHex[byte & 15U]};
    }
  }
  return text.size() > limit ? out + "..." : out;
}

std::string flow_list(std::string_view head, const std::vector<std::string>& items) {
  std::string out(head);
  out += '[';
  const std::string indent(out.size(), ' ');
  std::size_t column = out.size();
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::string item = yaml_scalar(items[i]) + (i + 1 < items.size() ? "," : "]");
    if (i > 0 && column + 1 + item.size() > kTextWidth) {
      out += "\n" + indent;
      column = indent.size();
    } else if (i > 0) {
      out += ' ';
      ++column;
    }
    out += item;
    column += item.size();
  }
  if (items.empty()) out += ']';
  return out;
}

std::string who_text(const policy::Who& who) {
  std::string out = "{issuer: " + yaml_scalar(who.issuer);
  if (!who.subject.empty()) out += ", subject: " + yaml_scalar(who.subject);
  if (!who.groups.empty()) out += ", groups: " + list_text(who.groups);
  if (!who.claims.empty()) {
    out += ", claims: {";
    for (std::size_t i = 0; i < who.claims.size(); ++i) {
      out += (i > 0 ? ", " : "") + yaml_scalar(who.claims[i].first) + ": " +
             yaml_scalar(who.claims[i].second);
    }
    out += "}";
  }
  return out + "}";
}

std::string PolicyText::unseen(const EntryDraft& entry) const {
  std::string out;
  std::size_t more = 0;
  for (const auto* names : {&entry.keys, &entry.channels}) {
    for (const auto& [pattern, use] : *names) {
      std::string commands;
      std::size_t count = 0;
      for (const command::CommandId id : entry.commands) {
        if (use.seen.contains(id) || entry.called.contains(id)) continue;
        ++count;
        if (count <= kMostUnseen)
          commands += (commands.empty() ? "" : " ") + catalog_.all()[id].name;
      }
      if (count == 0) continue;
      if (out.size() > 300) {
        ++more;
        continue;
      }
      if (count > kMostUnseen) commands += " and " + std::to_string(count - kMostUnseen) + " more";
      out += "      #   " + commands + " on " + yaml_scalar(pattern) + "\n";
    }
  }
  if (more > 0) out += "      #   and so on for " + std::to_string(more) + " more patterns\n";
  return out;
}

void PolicyText::patterns(std::string_view key,
                          const std::vector<std::pair<std::string, std::string>>& all) {
  if (all.empty()) return;
  const bool bare =
      std::all_of(all.begin(), all.end(), [](const auto& one) { return one.second.empty(); });
  if (bare) {
    std::vector<std::string> items;
    for (const auto& [pattern, comment] : all) items.push_back(pattern);
    return line(flow_list("        " + std::string(key) + ": ", items));
  }
  line("        " + std::string(key) + ":");
  for (const auto& [pattern, comment] : all) {
    line("          - " + yaml_scalar(pattern) + (comment.empty() ? "" : "  # " + comment));
  }
}

void PolicyText::entry(const EntryDraft& entry) {
  line("      # " + grouped(entry.count) + (entry.count == 1 ? " use" : " uses") + ", last " +
       moment_of(entry.last_us));
  if (const std::string more = unseen(entry); !more.empty()) {
    line("      # allowed too, and not seen:");
    out_ += more;
  }
  if (!entry.called.empty()) {
    std::string names;
    for (const command::CommandId id : entry.called) names += " " + catalog_.all()[id].name;
    line("      # called by scripts, on whichever key:" + names);
  }
  std::vector<std::string> commands;
  for (const command::CommandId id : entry.commands) commands.push_back(catalog_.all()[id].name);
  std::sort(commands.begin(), commands.end());
  line(flow_list("      - commands: ", commands));
  std::vector<std::pair<std::string, std::string>> both, read, write, channels;
  for (const auto& [pattern, use] : entry.keys) {
    auto& list = use.access == 3 ? both : use.access == command::kModify ? write : read;
    list.emplace_back(pattern, generality(pattern, use, pattern == "*"));
  }
  for (const auto& [pattern, use] : entry.channels)
    channels.emplace_back(pattern, generality(pattern, use, pattern == "*"));
  patterns("keys", both);
  patterns("read", read);
  patterns("write", write);
  patterns("channels", channels);
  if (std::find(commands.begin(), commands.end(), "config|get") != commands.end()) {
    line("        # A trail does not hold which parameters were asked for: these are common.");
    line("        arguments: {config|get: [databases, maxmemory, maxmemory-policy]}");
  }
}

void PolicyText::grant(const GrantDraft& grant) {
  line("  # " + grouped(grant.commands) + " commands of " + grouped(grant.people) +
       (grant.people == 1 ? " principal" : " principals"));
  for (const std::string& note : grant.notes) line("  # " + note);
  line("  - name: " + yaml_scalar(grant.name));
  line("    who:");
  for (const policy::Who& who : grant.who) line("      - " + who_text(who));
  line("    databases: [" + joined(grant.databases, ", ") + "]");
  line("    allow:");
  for (const EntryDraft& one : grant.entries) entry(one);
}

void PolicyText::expectations(const GrantDraft& grant) {
  if (!uses_database_0(grant)) return;
  // One person speaks for all of the cases: {subject} must be the same in them.
  const Role& role = *grant.roles.front();
  if (role.subjects.empty()) return;
  std::string subject;
  std::vector<std::string> lines;
  for (const EntryDraft& entry : grant.entries) {
    std::set<std::string> told;
    for (const UseFacts* facts : entry.examples) {
      if (facts->example.empty() || lines.size() >= kMostCases) continue;
      const std::string& whose = facts->example_subject;
      if (!whose.empty() && subject.empty() && role.subjects.contains(whose)) subject = whose;
      if (!whose.empty() && whose != subject) continue;
      if (told.size() >= 12 || !told.insert(facts->example.front()).second) continue;
      lines.push_back(command_line(facts->example));
    }
  }
  if (lines.empty()) return;
  if (subject.empty()) subject = *role.subjects.begin();
  policy::Who as{.issuer = role.issuer, .subject = subject, .groups = role.groups, .claims = {}};
  line("  - as: " + who_text(as));
  line("    allow:");
  for (const std::string& one : lines) line("      - " + yaml_scalar(one));
  line("    deny: [FLUSHALL, \"CONFIG SET maxmemory 1\", \"ACL LIST\"]");
}

}  // namespace keyward::review
