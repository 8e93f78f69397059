#include "keyward/lease/self_test.h"

namespace keyward::lease {
namespace {

using upstream::ControlReply;

struct Run {
  std::size_t open = 0;
  SelfTest result = SelfTest::passed;
  std::string detail;
  std::function<void(SelfTest, const std::string&)> done;
};

// "+OK" when allowed, a bulk string with the reason when not (acl.c aclCommand DRYRUN). Errors: no
// such subcommand before 7.0; NOPERM when the admin user lacks it; anything else, an unknown
// command for example, is a refusal.
SelfTest judge(const Result<ControlReply>& reply, bool allowed) {
  if (reply.has_error()) return SelfTest::lost;
  if (reply->type == ControlReply::Type::error) {
    const std::string& text = reply->text;
    const bool unknown =
        text.starts_with("ERR Unknown subcommand") || text.starts_with("ERR unknown subcommand");
    if (unknown || text.starts_with("NOPERM")) return SelfTest::skipped;
  }
  const bool answer = reply->type == ControlReply::Type::status && reply->text == "OK";
  return answer == allowed ? SelfTest::passed : SelfTest::disagrees;
}

}  // namespace

void self_test(upstream::Control& control, const std::string& user, const policy::AclRules& rules,
               std::function<void(SelfTest, const std::string&)> done) {
  if (rules.probes.empty()) return done(SelfTest::passed, {});
  auto run = std::make_shared<Run>();
  run->open = rules.probes.size();
  run->done = std::move(done);
  for (const auto& probe : rules.probes) {
    std::vector<std::string> argv{"ACL", "DRYRUN", user};
    argv.insert(argv.end(), probe.argv.begin(), probe.argv.end());
    const std::string name = probe.argv.empty() ? std::string() : probe.argv.front();
    control.call(argv, [run, name, allowed = probe.allowed](const Result<ControlReply>& reply) {
      const SelfTest one = judge(reply, allowed);
      if (one > run->result) {
        run->result = one;
        run->detail = name + (allowed ? " is refused but should be allowed"
                                      : " is allowed but should be refused");
      }
      if (--run->open == 0) run->done(run->result, run->detail);
    });
  }
}

}  // namespace keyward::lease
