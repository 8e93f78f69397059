#include "server/bootstrap.h"

#include "server/redis_facts.h"

#include <optional>

namespace keyward::server {

Result<RedisAtStart> meet_redis(boost::asio::io_context& io, upstream::Control& control,
                                std::chrono::milliseconds patience, std::function<void()> on_up,
                                std::function<void(const std::string&)> on_down) {
  struct Progress {
    std::string last_error;
    std::optional<Result<upstream::ControlReply>> info;
    std::optional<Result<std::string>> command;
  };
  auto progress = std::make_shared<Progress>();
  control.start(std::move(on_up), [progress, on_down = std::move(on_down)](const std::string& why) {
    progress->last_error = why;
    on_down(why);
  });
  const auto deadline = std::chrono::steady_clock::now() + patience;
  if (!run_until(io, deadline, [&] { return control.up(); })) {
    return Error(Errc::unavailable, "cannot log in to Redis: " + progress->last_error);
  }
  control.call({"INFO"}, [progress](Result<upstream::ControlReply> reply) {
    progress->info.emplace(std::move(reply));
  });
  control.call_raw({"COMMAND"}, [progress](Result<std::string> reply) {
    progress->command.emplace(std::move(reply));
  });
  if (!run_until(io, deadline, [&] { return progress->info && progress->command; })) {
    return Error(Errc::timeout, "Redis did not answer INFO and COMMAND in time");
  }
  if (!*progress->info) return progress->info->error();
  if (!*progress->command) return progress->command->error();
  const upstream::ControlReply& info = progress->info->value();
  if (info.type == upstream::ControlReply::Type::error) {
    return Error(Errc::forbidden,
                 "Redis refused INFO to Keyward's own user: " + info.text + "; grant it +info");
  }
  auto catalog =
      command::Catalog::from_reply(progress->command->value(), server_version(info.text));
  if (!catalog) {
    return Error(Errc::forbidden,
                 "Redis refused COMMAND to Keyward's own user; grant it +command (" +
                     catalog.error().message() + ")");
  }
  return RedisAtStart{.catalog = *catalog, .facts = reduce_info(info.text)};
}

}  // namespace keyward::server
