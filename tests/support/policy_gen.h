// Random policy files that load, names that fall inside and outside of their patterns, and the same
// policy in the words of ACL SETUSER, written without Keyward's compiler: a second oracle.
#pragma once

#include "keyward/command/catalog.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace keyward::test {

using Random = std::mt19937_64;

template <class T>
const T& pick(Random& random, const std::vector<T>& from) {
  return from[random() % from.size()];
}

// Names, patterns and channels meet often enough that both answers come up for every kind of
// pattern.
inline const std::vector<std::string>& fixed_names() {
  using namespace std::string_literals;
  static const std::vector<std::string> all{"a:1",
                                            "a:b2",
                                            "a:b:3",
                                            "b:1",
                                            "b:c",
                                            "app:x",
                                            "app2:x",
                                            "A:1",
                                            "a\"q",
                                            "a'q",
                                            "a:\x06\x16"
                                            "3",
                                            "a\\x",
                                            "[x]",
                                            "{t}:1",
                                            "a:\xc3\xbc",
                                            "x",
                                            ""s,
                                            "a:\0b"s,
                                            "\xff\x80\x00"s,
                                            "a: b\n",
                                            std::string(300, 'a'),
                                            "__Booksleeve_MasterChanged",
                                            "__keyspace@0__:a:1",
                                            "__keyevent@0__:del",
                                            "*",
                                            "a:*",
                                            "b:?",
                                            "a:b*"};
  return all;
}

inline const std::vector<std::string>& fixed_globs() {
  static const std::vector<std::string> all{
      "a:*",    "a:b*",  "b:*",   "app:*",       "*",      "*:1",   "a?1",     "[ab]:[1-3]",
      "[^a]:*", "a\"*",  "a'*",   "a:\x06\x16*", "a\\\\*", "\\[x]", "\\{t}:*", "a:\xc3\xbc*",
      "x",      "a:1",   "*b*",   "a:[b",        "b:\\?",  "a:\\*", "**",      "[a",
      "a:[^b]", "[b-a]", "?\\\\", "__key*",      "a*b*:*", "[]",    "[^]*",    "a:**?"};
  return all;
}

inline std::string random_text(Random& random, std::string_view alphabet, std::size_t most) {
  std::string out(1 + random() % most, ' ');
  for (char& c : out) c = alphabet[random() % alphabet.size()];
  return out;
}

inline std::string random_glob(Random& random) {
  if (random() % 4 != 0) return pick(random, fixed_globs());
  return random_text(random, "aab:1*?[]^-\\", 8);
}

// Text that the glob matches, most of the time: stars and question marks become random bytes,
// classes one of their own.
inline std::string name_inside(Random& random, std::string_view glob) {
  constexpr std::string_view kAny = "ab1:\x01\xff*";
  std::string out;
  for (std::size_t i = 0; i < glob.size(); ++i) {
    if (glob[i] == '*') {
      for (std::size_t n = random() % 4; n > 0; --n) out += kAny[random() % kAny.size()];
    } else if (glob[i] == '?') {
      out += kAny[random() % kAny.size()];
    } else if (glob[i] == '[') {
      const std::size_t end = std::min(glob.find(']', i + 1), glob.size());
      if (end > i + 1) out += glob[i + 1 + random() % (end - i - 1)];
      i = end;
    } else {
      if (glob[i] == '\\' && i + 1 < glob.size()) ++i;
      out += glob[i];
    }
  }
  return out;
}

// A YAML double-quoted scalar.
inline std::string yaml_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    char hex[8];
    if (c == '"' || c == '\\') {
      out += std::string("\\") + c;
    } else if (c >= 0 && c < ' ') {
      std::snprintf(hex, sizeof hex, "\\x%02x", static_cast<unsigned>(c));
      out += hex;
    } else {
      out += c;
    }
  }
  return out + '"';
}

// A word of a selector with every byte spelled out, so that nothing in it means anything to the
// splitting.
inline std::string acl_word(std::string_view text) {
  std::string out = "\"";
  char hex[8];
  for (const char c : text) {
    std::snprintf(hex, sizeof hex, "\\x%02x", static_cast<unsigned>(static_cast<std::uint8_t>(c)));
    out += hex;
  }
  return out + '"';
}

struct RandomPolicy {
  std::string text;                // the file
  std::string bare;                // without what an ACL cannot say
  std::vector<std::string> words;  // SETUSER rules, a selector for each entry
  std::vector<std::string> names;  // keys and channels to try, as Redis knows them
};

class PolicyGenerator {
 public:
  PolicyGenerator(const command::Catalog& catalog, Random& random)
      : catalog_(catalog), random_(random) {}

  // Not every text is a policy: an entry without keys, a flush without every key ... Load it to
  // see.
  RandomPolicy make() {
    out_ = {};
    out_.names = fixed_names();
    out_.words = {"resetkeys", "resetchannels", "-@all"};
    prefix_ = random_() % 4 == 0 ? std::string("ns:") : std::string();
    line("apiVersion: keyward/v1\nteam: t\ngrants:\n");
    for (std::size_t i = 1 + random_() % 2; i > 0; --i) grant(i);
    return std::move(out_);
  }

 private:
  void line(const std::string& text) {
    out_.text += text;
    out_.bare += text;
  }
  // What an ACL cannot say.
  void extra(const std::string& text) { out_.text += text; }
  bool one_in(std::uint64_t times) { return random_() % times == 0; }

  void grant(std::size_t number) {
    line("  - name: g" + std::to_string(number) + "\n    who: [{issuer: x, subject: \"*\"}]\n");
    if (!prefix_.empty()) line("    namespace: " + yaml_text(prefix_) + "\n");
    if (one_in(12)) line("    mode: observe\n");
    if (one_in(3)) extra("    databases: [0, 2]\n");
    if (one_in(8)) extra("    limits: {max_value: 6}\n");
    if (one_in(10)) extra("    ttl: {require: true}\n");
    line("    allow:\n");
    for (std::size_t entries = 1 + random_() % 4; entries > 0; --entries) entry();
  }

  void entry() {
    selector_ = "(\"resetchannels\" \"-@all\"";
    patterns_.clear();
    const std::string words = commands();
    line("      - commands: [" + words + "]\n");
    // It shows nothing without a rule, so a file that grants it without one does not load.
    if (words.find("\"config|get\"") != std::string::npos ||
        words.find("\"CONFIG|GET\"") != std::string::npos)
      line("        arguments: {\"config|get\": [\"max*\", port, \"*\"]}\n");
    if (!one_in(8)) patterns("keys", "~");
    if (one_in(3)) patterns("read", "%R~");
    if (one_in(3)) patterns("write", "%W~");
    if (one_in(2)) patterns("channels", "&");
    // Redis wants no pattern beside "~*", and none beside "&*".
    // Reading and writing "*" is every key, the empty one as well, which a pattern does not match.
    if (holds("%R~*") && holds("%W~*")) patterns_.emplace_back("~*");
    const bool every_key = holds("~*");
    const bool every_channel = holds("&*");
    for (const std::string& word : patterns_) {
      const bool channel = word.starts_with('&');
      if (channel ? every_channel && word != "&*" : every_key && word != "~*") continue;
      selector_ += " " + acl_word(word);
    }
    out_.words.push_back(selector_ + ")");
  }

  bool holds(std::string_view word) const {
    return std::find(patterns_.begin(), patterns_.end(), word) != patterns_.end();
  }

  void patterns(const std::string& field, const std::string& sign) {
    std::string listed;
    for (std::size_t i = 1 + random_() % 3; i > 0; --i) {
      const std::string glob = random_glob(random_);
      listed += (listed.empty() ? "" : ", ") + yaml_text(glob);
      std::string known = glob.find_first_not_of('*') == std::string::npos ? "*" : glob;
      // Braces mean nothing to Redis; the file escapes them.
      if (known.starts_with("\\{")) known.erase(0, 1);
      known = sign == "&" ? channel_name(known) : prefix_ + known;
      patterns_.push_back(sign + known);
      for (int n = 0; n < 2; ++n) out_.names.push_back(name_inside(random_, known));
    }
    line("        " + field + ": [" + listed + "]\n");
  }

  // Keyspace events carry the namespace in the key, keyevents nowhere.
  std::string channel_name(const std::string& channel) const {
    if (channel.starts_with("__keyevent@")) return channel;
    return prefix_ + channel;
  }

  std::string commands() {
    std::string text;
    const auto word = [&](std::string one) {
      selector_ += " " + acl_word((one.starts_with('-') ? "" : "+") + one);
      if (one_in(4)) {
        for (char& c : one) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
      }
      text += (text.empty() ? "" : ", ") + yaml_text(one);
    };
    for (std::size_t i = 1 + random_() % 4; i > 0; --i) {
      if (one_in(16)) {
        word("@all");
      } else if (one_in(2)) {
        word("@" + pick(random_, catalog_.categories()));
      } else {
        word(grantable());
      }
    }
    if (one_in(3)) word("-@" + pick(random_, catalog_.categories()));
    if (one_in(3)) word("-" + grantable());
    return text;
  }

  std::string grantable() {
    while (true) {
      const command::CommandInfo& info = pick(random_, catalog_.all());
      if (!info.on_server) continue;
      if (info.container ? one_in(4) : info.exposure != command::Exposure::never) return info.name;
    }
  }

  const command::Catalog& catalog_;
  Random& random_;
  RandomPolicy out_;
  std::string prefix_, selector_;
  std::vector<std::string> patterns_;
};

}  // namespace keyward::test
