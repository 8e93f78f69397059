#include "review/policy_text.h"

#include "keyward/base/text.h"
#include "keyward/review/diff.h"

#include <boost/json/array.hpp>

#include <algorithm>

namespace keyward::review {
namespace {

namespace json = boost::json;
using How = ReachChange::How;
using On = ReachChange::On;
using Way = SettingChange::Way;

constexpr std::size_t kMostCommands = 12;
constexpr std::size_t kMostPatterns = 6;

std::string listed(const std::vector<std::string>& items, std::string_view between,
                   std::size_t most) {
  std::vector<std::string> printable;
  for (const std::string& item : items) printable.push_back(shown(item, 256));
  return joined(printable, between, most);
}

std::string_view how_text(How how) {
  switch (how) {
    case How::added:
      return "new";
    case How::widened:
      return "widened";
    case How::removed:
      return "removed";
    case How::narrowed:
      return "narrowed";
  }
  return "";
}

std::string_view access_text(const ReachChange& change) {
  if (change.on != On::keys) return "";
  return change.access == 3   ? " (read, write)"
         : change.access == 2 ? " (write)"
         : change.access == 1 ? " (read)"
                              : "";
}

std::string_view way_text(Way way) {
  return way == Way::looser ? "looser" : way == Way::tighter ? "tighter" : "changed";
}

std::string on_text(const ReachChange& change) {
  if (change.on == On::nothing) return "(no key)";
  return (change.on == On::keys ? "keys " : "channels ") +
         listed(change.patterns, " ", kMostPatterns) + std::string(access_text(change));
}

std::string other_text(const ReachChange& change) {
  if (change.other.empty()) return std::string(how_text(change.how));
  return std::string(how_text(change.how)) + (change.gain() ? ", was " : ", now ") +
         shown(change.other, 256);
}

// A cell of a Markdown table: nothing in it can end the cell or start markup.
std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '|':
        out += "&#124;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '`':
        out += "&#96;";
        break;
      case '*':
        out += "&#42;";
        break;
      case '_':
        out += "&#95;";
        break;
      case '[':
        out += "&#91;";
        break;
      case '\n':
      case '\r':
        out += ' ';
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string code(std::string_view text) { return "<code>" + cell(text) + "</code>"; }

std::string code_list(const std::vector<std::string>& items, std::size_t most) {
  std::string out;
  for (std::size_t i = 0; i < items.size() && i < most; ++i)
    out += (out.empty() ? "" : " ") + code(shown(items[i], 256));
  if (items.size() > most) out += " and " + std::to_string(items.size() - most) + " more";
  return out;
}

std::size_t people_who(const PolicyDiff& diff, bool gain) {
  return static_cast<std::size_t>(
      std::count_if(diff.people.begin(), diff.people.end(), [&](const PeopleChange& one) {
        return std::any_of(one.changes.begin(), one.changes.end(),
                           [&](const ReachChange& change) { return change.gain() == gain; });
      }));
}

std::size_t settings_of(const PolicyDiff& diff, Way way) {
  return static_cast<std::size_t>(std::count_if(diff.settings.begin(), diff.settings.end(),
                                                [&](const auto& one) { return one.way == way; }));
}

std::string summary(const PolicyDiff& diff) {
  if (diff.empty()) return "nobody gains or loses anything";
  const auto kinds = [](std::size_t count, const char* one, const char* many) {
    return std::to_string(count) + (count == 1 ? one : many);
  };
  std::string out =
      kinds(people_who(diff, true), " kind of people gains, ", " kinds of people gain, ") +
      kinds(people_who(diff, false), " loses", " lose");
  if (!diff.settings.empty()) {
    out += "; settings: " + std::to_string(settings_of(diff, Way::looser)) + " looser, " +
           std::to_string(settings_of(diff, Way::tighter)) + " tighter, " +
           std::to_string(settings_of(diff, Way::other)) + " changed";
  }
  return out;
}

// "new grant a; removed grant b; grant c is now called d"
std::vector<std::string> name_changes(const PolicyDiff& diff) {
  std::vector<std::string> out;
  for (const std::string& name : diff.new_grants) out.push_back("new grant " + name);
  for (const std::string& name : diff.removed_grants) out.push_back("removed grant " + name);
  for (const auto& [from, to] : diff.renamed_grants)
    out.push_back("grant " + from + " is now called " + to);
  return out;
}

void change_rows(const PolicyDiff& diff, bool gain, std::string& out) {
  for (const PeopleChange& people : diff.people) {
    for (const ReachChange& change : people.changes) {
      if (change.gain() != gain) continue;
      out += gain ? "| **+ gains** | " : "| - loses | ";
      out += code_list(people.who, 4) + " | " + code_list(change.commands, kMostCommands) + " | ";
      out += change.on == On::nothing
                 ? "no key"
                 : std::string(change.on == On::keys ? "keys " : "channels ") +
                       code_list(change.patterns, kMostPatterns) + std::string(access_text(change));
      out += " | " + joined(change.databases, ",") + " | " + cell(other_text(change)) + " | " +
             cell(change.grant) + ", " + cell(change.rule) + " |\n";
    }
  }
}

json::array json_texts(const std::vector<std::string>& items) {
  json::array out;
  for (const std::string& item : items) out.emplace_back(item);
  return out;
}

json::object change_json(const ReachChange& change) {
  json::array databases;
  for (const std::uint32_t db : change.databases) databases.emplace_back(db);
  json::object out{{"gain", change.gain()},
                   {"how", how_text(change.how)},
                   {"commands", json_texts(change.commands)},
                   {"on", change.on == On::keys       ? "keys"
                          : change.on == On::channels ? "channels"
                                                      : "nothing"},
                   {"patterns", json_texts(change.patterns)},
                   {"databases", std::move(databases)},
                   {"grant", change.grant},
                   {"rule", change.rule}};
  if (change.on == On::keys) {
    out["read"] = (change.access & 1U) != 0;
    out["write"] = (change.access & 2U) != 0;
  }
  if (!change.other.empty()) out[change.gain() ? "was" : "now"] = change.other;
  return out;
}

}  // namespace

std::string diff_text(const PolicyDiff& diff) {
  std::string out = diff.version_before + " -> " + diff.version_after + ": " + summary(diff) + "\n";
  for (const std::string& name : name_changes(diff)) out += name + "\n";
  for (const PeopleChange& people : diff.people) {
    out += "\n";
    for (const std::string& who : people.who) out += shown(who, 512) + "\n";
    out += "    grants: " + listed(people.grants_before, ", ", 20);
    if (people.grants_before != people.grants_after)
      out += (people.grants_before.empty() ? "none -> " : " -> ") +
             (people.grants_after.empty() ? "none" : listed(people.grants_after, ", ", 20));
    out += "\n";
    if (people.moved()) out += "  = the grants differ, what they allow does not\n";
    for (const ReachChange& change : people.changes) {
      out += change.gain() ? "  + gains " : "  - loses ";
      out += listed(change.commands, " ", kMostCommands) + " on " + on_text(change);
      if (change.databases != std::vector<std::uint32_t>{0})
        out += " in db " + joined(change.databases, ",");
      out += "  [" + other_text(change) + "; " + change.grant + ", " + change.rule + "]\n";
    }
  }
  if (!diff.settings.empty()) out += "\n";
  for (const SettingChange& one : diff.settings) {
    out += "grant " + one.grant + ": " + one.what + " " + one.before + " -> " + one.after + " (" +
           std::string(way_text(one.way)) + ")\n";
  }
  return out;
}

std::string diff_markdown(const PolicyDiff& diff) {
  std::string out = "### Policy: " + summary(diff) + "\n\n";
  out += code(diff.version_before) + " to " + code(diff.version_after) + "\n";
  for (const std::string& name : name_changes(diff)) out += "\n- " + cell(name);
  if (!name_changes(diff).empty()) out += "\n";
  std::string rows;
  change_rows(diff, true, rows);
  change_rows(diff, false, rows);
  if (!rows.empty()) {
    out += "\n| | who | commands | on | db | how | grant, rule |\n|---|---|---|---|---|---|---|\n" +
           rows;
  }
  if (!diff.settings.empty()) {
    out += "\n| | grant | setting | before | after |\n|---|---|---|---|---|\n";
    for (const Way way : {Way::looser, Way::other, Way::tighter}) {
      for (const SettingChange& one : diff.settings) {
        if (one.way != way) continue;
        out += std::string(way == Way::looser    ? "| **looser** | "
                           : way == Way::tighter ? "| tighter | "
                                                 : "| changed | ") +
               cell(one.grant) + " | " + cell(one.what) + " | " + cell(one.before) + " | " +
               cell(one.after) + " |\n";
      }
    }
  }
  return out;
}

json::object diff_json(const PolicyDiff& diff) {
  json::array people;
  for (const PeopleChange& one : diff.people) {
    json::array changes;
    for (const ReachChange& change : one.changes) changes.push_back(change_json(change));
    people.push_back(json::object{{"who", json_texts(one.who)},
                                  {"grants_before", json_texts(one.grants_before)},
                                  {"grants_after", json_texts(one.grants_after)},
                                  {"changes", std::move(changes)}});
  }
  json::array settings;
  for (const SettingChange& one : diff.settings) {
    settings.push_back(json::object{{"grant", one.grant},
                                    {"setting", one.what},
                                    {"before", one.before},
                                    {"after", one.after},
                                    {"way", way_text(one.way)}});
  }
  json::array renamed;
  for (const auto& [from, to] : diff.renamed_grants)
    renamed.push_back(json::object{{"from", from}, {"to", to}});
  return {{"changed", !diff.empty()},
          {"before", diff.version_before},
          {"after", diff.version_after},
          {"new_grants", json_texts(diff.new_grants)},
          {"removed_grants", json_texts(diff.removed_grants)},
          {"renamed_grants", std::move(renamed)},
          {"people", std::move(people)},
          {"settings", std::move(settings)}};
}

}  // namespace keyward::review
