// A session's eyes for tests: grants of a policy text, and answers written short.
#pragma once

#include "unit/policy/policy_folder.h"

#include "keyward/command/command.h"
#include "keyward/view/reply.h"
#include "keyward/view/request.h"

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace keyward::view::test {

// A tenant that may do everything inside of "team:".
inline constexpr const char* kTeam = R"(    namespace: "team:"
    databases: [0, 3]
    allow:
      - commands: ["@read", "@write", "@blocking", "@pubsub", "@transaction", "@stream",
                   keys, randomkey, dbsize, script|exists, script|flush, function|list,
                   pubsub|channels, pubsub|numsub, pubsub|numpat, pubsub|shardchannels,
                   pubsub|shardnumsub]
        keys: ["*"]
        channels: ["*", "__keyspace@*__:*", "__keyevent@*__:*"]
)";

// May run one script.
inline constexpr const char* kScripts = R"(    namespace: "team:"
    scripts: [e0e1f9fabfc9d4800c877a703b823ac0578ff8db]
    allow:
      - {commands: ["@scripting"], keys: ["*"]}
)";

// The same without a namespace: full names, two patterns, some of them write only.
inline constexpr const char* kFull = R"(    databases: [0, 3]
    allow:
      - commands: ["@read", "@write", "@blocking", keys, randomkey]
        keys: ["a:*", "b:*"]
        write: ["w:*"]
      - commands: [get]
        keys: ["g:*"]
      - commands: [subscribe, psubscribe, publish, pubsub|channels, pubsub|numsub]
        channels: ["c:*", "__key*"]
)";

inline constexpr const char* kSubkeys = R"(    databases: [0]
    allow:
      - {commands: [hget], keys: ["a:*"]}
      - {commands: [subscribe], channels: ["__subkey*"]}
)";

class Eyes {
 public:
  explicit Eyes(const std::string& policy) : catalog_(command::Catalog::built_in()) {
    grants_ = policy::test::grants_of(folder_.grant(policy));
    if (!grants_) throw std::runtime_error(folder_.said());
  }

  [[nodiscard]] const policy::Grants& grants() const { return *grants_; }
  [[nodiscard]] Lens lens(std::string_view by = "get",
                          resp::Protocol protocol = resp::Protocol::resp2) const {
    return {*grants_, 0, protocol, catalog_->by_name(by)};
  }

  // What the client gets, or "refused".
  [[nodiscard]] std::string sees(Shape shape, std::string_view reply, std::string_view by = "get",
                                 resp::Protocol protocol = resp::Protocol::resp2) const {
    std::string out = "before";
    if (!show(shape, lens(by, protocol), reply, out)) return out == "before" ? "refused" : "dirty";
    return out.substr(6);
  }
  [[nodiscard]] std::string hears(std::string_view frame,
                                  resp::Protocol protocol = resp::Protocol::resp3) const {
    std::string out = "before";
    if (!show_frame(lens("get", protocol), frame, out))
      return out == "before" ? "refused" : "dirty";
    return out.substr(6);
  }

  // The request as Redis gets it, words between spaces; the text of a refusal otherwise.
  std::string sent(const std::vector<std::string_view>& args) {
    const command::Analysis analysis = command::analyse(*catalog_, args, command_);
    if (analysis.verdict != command::Verdict::ok) return "grammar: " + analysis.text;
    if (std::string why = names_.qualify(command_, *grants_); !why.empty()) return why;
    std::string out;
    for (const std::string_view arg : command_.args)
      out += (out.empty() ? "" : " ") + std::string(arg);
    return out;
  }
  // Of the last sent().
  [[nodiscard]] const command::Command& command() const { return command_; }
  [[nodiscard]] const command::Catalog& catalog() const { return *catalog_; }
  RequestNames& names() { return names_; }
  command::Command& command() { return command_; }

 private:
  std::shared_ptr<const command::Catalog> catalog_;
  policy::test::PolicyFolder folder_;
  std::shared_ptr<const policy::Grants> grants_;
  command::Command command_;
  RequestNames names_;
};

inline std::string bulk(std::string_view text) {
  return "$" + std::to_string(text.size()) + "\r\n" + std::string(text) + "\r\n";
}
inline std::string aggregate(char mark, const std::vector<std::string>& elements,
                             std::size_t each = 1) {
  std::string out = mark + std::to_string(elements.size() / each) + "\r\n";
  for (const std::string& element : elements) out += element;
  return out;
}
inline std::string array(const std::vector<std::string>& elements) {
  return aggregate('*', elements);
}
inline std::string map(const std::vector<std::string>& elements) {
  return aggregate('%', elements, 2);
}
inline std::string push(const std::vector<std::string>& elements) {
  return aggregate('>', elements);
}
inline std::string bulks(const std::vector<std::string>& texts) {
  std::vector<std::string> elements;
  for (const std::string& text : texts) elements.push_back(bulk(text));
  return array(elements);
}

}  // namespace keyward::view::test
