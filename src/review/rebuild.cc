#include "keyward/review/rebuild.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <span>

namespace keyward::review {
namespace {

using command::CommandInfo;

constexpr std::size_t kMostForms = 4096;
constexpr std::uint32_t kActivityRead = 1;

// Past one argument of the query: a bare or quoted name, or <5 bytes>.
std::size_t end_of_word(std::string_view query, std::size_t at) {
  if (query[at] == '"') {
    for (++at; at < query.size() && query[at] != '"'; ++at) {
      if (query[at] == '\\') ++at;
    }
    at = std::min(at + 1, query.size());
  }
  while (at < query.size() && query[at] != ' ') {
    if (query[at] == '<') {
      const std::size_t close = query.find('>', at);
      return close == std::string_view::npos ? query.size() : close + 1;
    }
    ++at;
  }
  return at;
}

std::uint64_t number_at(std::string_view text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// SET k v, then options. GET has three bytes like many a number behind EX, and then it is taken for
// the number: of two readings the one with fewer rights. True when only GET explains the lengths.
bool only_get_explains(std::span<const std::uint64_t> options) {
  // reachable[i][g]: options before i can be read, with GET among them or without.
  std::vector<std::array<bool, 2>> reachable(options.size() + 1, {false, false});
  reachable[0][0] = true;
  for (std::size_t i = 0; i < options.size(); ++i) {
    for (std::size_t get = 0; get < 2; ++get) {
      if (!reachable[i][get]) continue;
      const std::uint64_t length = options[i];
      if (length == 2 || length == 7) reachable[i + 1][get] = true;  // NX XX, KEEPTTL
      if (length == 3) reachable[i + 1][1] = true;                   // GET
      const bool timed = length == 2 || length == 4;                 // EX PX, EXAT PXAT
      if (timed && i + 2 <= options.size() && options[i + 1] <= 20) reachable[i + 2][get] = true;
    }
  }
  return reachable.back()[1] && !reachable.back()[0];
}

std::vector<std::string> words_of(std::string_view name) {
  const std::size_t bar = name.find('|');
  if (bar == std::string_view::npos) return {std::string(name)};
  return {std::string(name.substr(0, bar)), std::string(name.substr(bar + 1))};
}

bool starts_with_any(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// What a command says beside its names, where the plain filler of every place will not do.
std::vector<std::string> told_words(const CommandInfo& info, std::size_t keys,
                                    std::string_view variant) {
  const std::string count = std::to_string(keys);
  const std::string_view name = info.name;
  const auto with = [&](std::vector<std::string> rest) {
    rest.insert(rest.begin(), std::string(name));
    return rest;
  };
  if (name == "set") return variant == "get" ? with({"", "v", "get"}) : with({"", "v"});
  if (name == "getex") return variant == "more" ? with({"", "persist"}) : with({""});
  if (name == "bitfield" || name == "bitfield_ro") {
    return variant == "read" ? with({"", "get", "u8", "0"}) : with({"", "set", "u8", "0", "0"});
  }
  if (name == "sort") return keys > 1 ? with({"", "store", ""}) : with({""});
  if (name == "georadius")
    return keys > 1 ? with({"", "0", "0", "1", "m", "store", ""}) : with({"", "0", "0", "1", "m"});
  if (name == "georadiusbymember")
    return keys > 1 ? with({"", "0", "1", "m", "store", ""}) : with({"", "0", "1", "m"});
  if (name == "geosearch") return with({"", "frommember", "m", "byradius", "1", "m"});
  if (name == "geosearchstore") return with({"", "", "frommember", "m", "byradius", "1", "m"});
  if (name == "xadd") return with({"", "*", "f", "v"});
  if (name == "zadd") return with({"", "1", "m"});
  if (name == "client|tracking") return {"client", "tracking", "on"};
  if (starts_with_any(name, {"zunionstore", "zinterstore", "zdiffstore"})) {
    std::vector<std::string> out =
        with({"", std::to_string(keys - std::min<std::size_t>(keys, 1))});
    out.resize(out.size() + keys - std::min<std::size_t>(keys, 1));
    return out;
  }
  if (info.grammar == command::Grammar::streams) {
    std::vector<std::string> out =
        name == "xreadgroup" ? with({"group", "g", "c", "streams"}) : with({"streams"});
    out.resize(out.size() + keys);
    out.insert(out.end(), keys, "0");
    return out;
  }
  if (info.grammar == command::Grammar::numkeys) {
    const bool second = info.kind == command::Kind::script || name.starts_with('b');
    std::vector<std::string> out = second ? with({"0", count}) : with({count});
    out.resize(out.size() + keys);
    if (name.ends_with("lmpop")) out.emplace_back("left");
    if (name.ends_with("zmpop")) out.emplace_back("min");
    return out;
  }
  return {};
}

}  // namespace

void read_lengths(const Record& record, bool container, Lengths& out) {
  out.hidden.clear();
  out.longest = out.count = out.more = 0;
  out.says_get = false;
  const std::string_view query = record.query;
  std::size_t skip = container ? 2 : 1;
  for (std::size_t at = 0; at < query.size(); ++at) {
    const std::size_t end = end_of_word(query, at);
    const std::string_view word = query.substr(at, end - at);
    at = end;
    if (skip > 0) {
      --skip;
      continue;
    }
    if (word == "...") {
      out.more = number_at(query.substr(std::min(end + 1, query.size())));
      return;
    }
    ++out.count;
    const std::size_t angle = word.rfind('<');
    const bool hidden = angle == 0 && word.ends_with('>');
    const bool cut = angle != std::string_view::npos && angle > 2 && word.ends_with('>');
    std::uint64_t length = word.size();
    if (hidden || cut) length = number_at(word.substr(angle + 1));
    out.longest = std::max(out.longest, length);
    if (hidden) out.hidden.push_back(length);
    if (out.count > 2 && word == "GET") out.says_get = true;
  }
}

std::string Rebuilder::variant_of(const CommandInfo& info, const Record& record) const {
  if (info.name == "set") {
    const auto& hidden = lengths_.hidden;
    const bool options = hidden.size() > 1 && lengths_.more == 0;
    if (lengths_.says_get) return "get";
    return options && only_get_explains(std::span(hidden).subspan(1)) ? "get" : "";
  }
  if (info.name == "getex") return lengths_.count > 1 ? "more" : "";
  if (info.name == "bitfield_ro") return "read";
  if (info.name == "bitfield") return record.activity == kActivityRead ? "read" : "";
  return {};
}

// Puts the places of names into the words when a command of that form has as many.
bool Rebuilder::fits(const Form& form, std::size_t keys, std::size_t channels, Form& placed) {
  args_.clear();
  for (const Word& word : form)
    args_.push_back(word.text.empty() ? "k" : std::string_view(word.text));
  if (command::analyse(catalog_, args_, command_).verdict != command::Verdict::ok) return false;
  if (command_.keys.size() != keys || command_.channels.size() != channels) return false;
  placed = form;
  int next = 0;
  for (const command::KeyUse& use : command_.keys) placed[use.arg].name = next++;
  for (const command::ChannelUse& use : command_.channels) placed[use.arg].name = next++;
  return true;
}

Rebuilder::Form Rebuilder::find_form(const CommandInfo& info, const Record& record,
                                     std::string_view variant) {
  const std::size_t keys = record.keys.size();
  const std::size_t channels = record.channels.size();
  const auto form_of = [](const std::vector<std::string>& words) {
    Form form;
    for (const std::string& word : words) form.push_back({word, -1});
    return form;
  };
  Form out;
  const std::vector<std::string> told = told_words(info, keys, variant);
  if (!told.empty()) return fits(form_of(told), keys, channels, out) ? out : Form{};
  // Every other place may hold any text; a count of keys reads as the right one.
  const std::string filler = std::to_string(std::max<std::size_t>(keys, 1));
  std::vector<std::string> words = words_of(info.name);
  const auto least = static_cast<std::size_t>(std::abs(info.arity));
  const std::size_t most = info.arity >= 0 ? least : least + 3 * (keys + channels) + 3;
  words.resize(std::max(words.size(), least), filler);
  while (words.size() <= most) {
    if (fits(form_of(words), keys, channels, out)) return out;
    words.push_back(filler);
  }
  return {};
}

const Rebuilder::Form* Rebuilder::form_for(const CommandInfo& info, const Record& record) {
  const std::string variant = variant_of(info, record);
  const std::uint64_t letter = variant.empty() ? 0 : static_cast<unsigned char>(variant[0]);
  const std::uint64_t key = (std::uint64_t{info.id} << 32U) | (letter << 16U) |
                            (std::uint64_t{record.keys.size()} << 8U) | record.channels.size();
  const auto found = forms_.find(key);
  if (found != forms_.end()) return &found->second;
  if (forms_.size() >= kMostForms) forms_.clear();
  return &forms_.emplace(key, find_form(info, record, variant)).first->second;
}

const command::Command* Rebuilder::rebuild(const Record& record) {
  problem_ = {};
  const CommandInfo* info = catalog_.by_name(record.command);
  if (info == nullptr) {
    problem_ = "a command that the catalogue does not know";
    return nullptr;
  }
  read_lengths(record, record.command.find('|') != std::string_view::npos, lengths_);
  const Form* form = form_for(*info, record);
  if (form->empty()) {
    problem_ = "its names do not make a command of this kind";
    return nullptr;
  }
  args_.clear();
  for (const Word& word : *form) {
    const auto name = static_cast<std::size_t>(word.name);
    args_.push_back(word.name < 0               ? std::string_view(word.text)
                    : name < record.keys.size() ? record.keys[name]
                                                : record.channels[name - record.keys.size()]);
  }
  if (command::analyse(catalog_, args_, command_).verdict != command::Verdict::ok) {
    problem_ = "a name in it reads as an option";
    return nullptr;
  }
  return &command_;
}

}  // namespace keyward::review
