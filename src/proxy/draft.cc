#include "proxy/draft.h"

namespace keyward::proxy {

namespace {

constexpr std::size_t kKeepNames = 16UL * 1024;  // memory a released draft keeps
constexpr std::size_t kKeepArguments = 1024;

std::uint32_t name(Draft& draft, const command::Command& command, std::uint32_t arg) {
  Draft::Argument& argument = draft.arguments[arg];
  if (argument.begin == Draft::kNoName) {
    argument.begin = static_cast<std::uint32_t>(draft.names.size());
    draft.names.append(command.args[arg]);
  }
  return arg;
}

}  // namespace

Draft* Drafts::make(const command::Command& command, const policy::RuleRef& rule) {
  Draft* draft = free_;
  if (draft != nullptr) {
    free_ = draft->next;
    draft->next = nullptr;
  } else {
    draft = all_.emplace_back(std::make_unique<Draft>()).get();
  }
  draft->info = command.info;
  draft->rule = &rule;
  for (const std::string_view arg : command.args)
    draft->arguments.push_back({Draft::kNoName, arg.size()});
  for (const command::KeyUse& key : command.keys) {
    draft->keys.push_back(name(*draft, command, key.arg));
    draft->reads = draft->reads || (key.access & command::kRead) != 0;
    draft->writes = draft->writes || (key.access & command::kModify) != 0;
  }
  for (const command::ChannelUse& channel : command.channels)
    draft->channels.push_back(name(*draft, command, channel.arg));
  return draft;
}

void Drafts::release(Draft* draft) {
  while (draft != nullptr) {
    Draft* next = draft->next;
    draft->names.clear();
    if (draft->names.capacity() > kKeepNames) std::string().swap(draft->names);
    draft->arguments.clear();
    draft->keys.clear();
    draft->channels.clear();
    if (draft->arguments.capacity() > kKeepArguments) {
      draft->arguments.shrink_to_fit();
      draft->keys.shrink_to_fit();
    }
    draft->reads = draft->writes = draft->transaction = false;
    draft->number = draft->multi_id = draft->ticket = 0;
    draft->next = free_;
    free_ = draft;
    draft = next;
  }
}

const DraftViews& views_of(const Draft& draft) {
  thread_local DraftViews views;
  // A place with the right length and no content: records show lengths of values, never their
  // bytes.
  static constexpr char kNothing = 0;
  views.args.clear();
  views.keys.clear();
  views.channels.clear();
  for (const Draft::Argument& argument : draft.arguments) {
    const char* data =
        argument.begin == Draft::kNoName ? &kNothing : draft.names.data() + argument.begin;
    views.args.emplace_back(data, argument.length);
  }
  for (const std::uint32_t index : draft.keys) views.keys.push_back(views.args[index]);
  for (const std::uint32_t index : draft.channels) views.channels.push_back(views.args[index]);
  return views;
}

}  // namespace keyward::proxy
