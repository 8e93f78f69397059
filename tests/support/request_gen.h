// Requests for the comparison of two judges: after the command's own syntax mostly, and some that
// are bent where a parser could go wrong.
#pragma once

#include "support/command_gen.h"
#include "support/policy_gen.h"

#include <string>
#include <vector>

namespace keyward::test {

// Words that mean something to one command or another.
inline const std::vector<std::string>& telling_words() {
  static const std::vector<std::string> all{"STORE",
                                            "storedist",
                                            "STREAMS",
                                            "GROUP",
                                            "BY",
                                            "GET",
                                            "SET",
                                            "MATCH",
                                            "COUNT",
                                            "LIMIT",
                                            "BLOCK",
                                            "NOACK",
                                            "DB",
                                            "0",
                                            "1",
                                            "2",
                                            "3",
                                            "-1",
                                            "+1",
                                            "01",
                                            "",
                                            "*",
                                            "$",
                                            ">",
                                            "1e1",
                                            "BCAST",
                                            "PREFIX",
                                            "EX",
                                            "NX",
                                            "XX",
                                            "KEEPTTL",
                                            "#",
                                            "a:*",
                                            "WEIGHTS",
                                            "MIN",
                                            "LEFT",
                                            "18446744073709551617",
                                            "4294967297",
                                            "9223372036854775807"};
  return all;
}

// One change that keeps the name: an argument more, less, twice, or another in its place.
inline void bend(std::vector<std::string>& argv, Random& random,
                 const std::vector<std::string>& names) {
  if (argv.size() < 2) return;
  const std::size_t at = 1 + random() % (argv.size() - 1);
  const std::string other = random() % 3 == 0 ? pick(random, names) : pick(random, telling_words());
  const auto here = argv.begin() + static_cast<std::ptrdiff_t>(at);
  switch (random() % 5) {
    case 0:
      argv.erase(here);
      break;
    case 1:
      argv.insert(here, other);
      break;
    case 2:
      *here = other;
      break;
    case 3: {  // the tail twice: options given again
      const std::vector<std::string> tail(here, argv.end());
      argv.insert(argv.end(), tail.begin(), tail.end());
      break;
    }
    default:
      std::swap(*here, argv.back());
  }
}

// Commands in turn, so that each of the table comes up, and oftener those that a set holds.
class RequestGenerator {
 public:
  RequestGenerator(const command::Catalog& catalog, Random& random) : random_(random) {
    for (const command::CommandInfo& info : catalog.all()) {
      const bool runs = !info.container || info.arity == -1;
      if (info.on_server && runs && CommandGenerator::syntaxes().contains(info.name))
        all_.push_back(&info);
    }
  }

  [[nodiscard]] const std::vector<const command::CommandInfo*>& table() const { return all_; }

  // `granted`: a command that the policy has somewhere; null takes the next of the table.
  std::vector<std::string> make(const command::CommandInfo* granted,
                                const std::vector<std::string>& names) {
    const command::CommandInfo& info = granted != nullptr ? *granted : *all_[turn_++ % all_.size()];
    std::vector<std::string> argv = random_request(info, random_, names);
    while (random_() % 8 == 0) bend(argv, random_, names);
    return argv;
  }

 private:
  Random& random_;
  std::vector<const command::CommandInfo*> all_;
  std::size_t turn_ = 0;
};

}  // namespace keyward::test
