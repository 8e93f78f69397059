#include "keyward/view/request.h"

#include "keyward/policy/name_space.h"

namespace keyward::view {
namespace {

using command::Command;

// A session keeps this much from one request to the next.
constexpr std::size_t kKeptBytes = 64UL * 1024;
constexpr std::size_t kKeptArgs = 4096;

constexpr std::string_view kMatch = "MATCH";

std::size_t needed(const Command& command, std::string_view prefix) {
  // One more name: the pattern of a SCAN that has none.
  std::size_t bytes = prefix.size() + 1;
  for (const command::KeyUse& use : command.keys)
    bytes += prefix.size() + command.args[use.arg].size();
  for (const command::ChannelUse& use : command.channels)
    bytes += prefix.size() + command.args[use.arg].size();
  for (const command::NameUse& use : command.names)
    bytes += prefix.size() + command.args[use.arg].size();
  return bytes;
}

}  // namespace

std::string RequestNames::qualify(Command& command, const policy::Grants& grants) {
  if (grants.name_space().empty()) return {};
  if (std::string why = obstacle(command, grants); !why.empty()) return why;
  rewrite(command, grants.name_space());
  return {};
}

// names_ has the room already, so that views into it stay.
std::string_view RequestNames::put(std::string_view name, bool channel, std::string_view prefix) {
  const std::size_t begin = names_.size();
  const policy::KeyspaceChannel event =
      channel ? policy::keyspace_channel(name) : policy::KeyspaceChannel{};
  if (event.kind == policy::KeyspaceChannel::Kind::none) {
    names_.append(prefix).append(name);
  } else if (event.kind == policy::KeyspaceChannel::Kind::keyspace) {
    names_.append(event.head).append(prefix).append(event.rest);
  } else {
    names_.append(name);
  }
  return std::string_view(names_).substr(begin);
}

void RequestNames::rewrite(Command& command, std::string_view prefix) {
  if (names_.capacity() > kKeptBytes) std::string().swap(names_);
  if (args_.capacity() > kKeptArgs) std::vector<std::string_view>().swap(args_);
  names_.clear();
  names_.reserve(needed(command, prefix));
  const std::span<const std::string_view> bare = command.args;
  args_.assign(bare.begin(), bare.end());
  for (const command::KeyUse& use : command.keys)
    args_[use.arg] = put(bare[use.arg], false, prefix);
  for (const command::ChannelUse& use : command.channels)
    args_[use.arg] = put(bare[use.arg], true, prefix);
  for (const command::NameUse& use : command.names)
    args_[use.arg] = put(bare[use.arg], use.channel, prefix);
  if (command.info->answer == command::Answer::scan && command.names.empty()) {
    args_.push_back(kMatch);
    args_.push_back(put("*", false, prefix));
    command.names.push_back({static_cast<std::uint32_t>(args_.size() - 1), false});
  }
  command.args = args_;
  const bool scans = command.info->answer == command::Answer::scan ||
                     command.info->answer == command::Answer::keys;
  if (scans) command.scan_pattern = args_[command.names.back().arg];
}

}  // namespace keyward::view
