#include "proxy/draft.h"

namespace keyward::proxy {

namespace {

constexpr std::size_t kKeepText = 16UL * 1024;  // memory a released draft keeps

}  // namespace

void Drafts::print(const command::Command& command, std::span<const std::size_t> lengths,
                   const ScriptFacts& script, audit::RequestText& out) {
  keys_.clear();
  channels_.clear();
  std::uint8_t access = command::kNone;
  for (const command::KeyUse& key : command.keys) {
    keys_.push_back(key.arg);
    access |= key.access;
  }
  for (const command::ChannelUse& channel : command.channels) channels_.push_back(channel.arg);
  printer_.print({.command = command.info->name,
                  .args = command.args,
                  .keys = keys_,
                  .channels = channels_,
                  .lengths = lengths,
                  .calls = script.calls,
                  .script_sha1 = script.sha1,
                  .function = script.function,
                  .library = script.library,
                  .option_words = command.option_words,
                  .plain_numbers = command.plain_numbers,
                  .reads = (access & command::kRead) != 0,
                  .writes = command.mutates || (access & command::kModify) != 0,
                  .name_hash = name_hash_},
                 out);
}

Draft* Drafts::make(const command::Command& command, const policy::RuleRef& rule,
                    std::span<const std::size_t> lengths, const ScriptFacts& script) {
  Draft* draft = free_;
  if (draft != nullptr) {
    free_ = draft->next;
    draft->next = nullptr;
  } else {
    draft = all_.emplace_back(std::make_unique<Draft>()).get();
  }
  draft->rule = &rule;
  draft->script = command.info->kind == command::Kind::script;
  print(command, lengths, script, draft->request);
  return draft;
}

void Drafts::release(Draft* draft) {
  while (draft != nullptr) {
    Draft* next = draft->next;
    if (draft->request.text.capacity() > kKeepText) std::string().swap(draft->request.text);
    draft->transaction = false;
    draft->would_deny = {};
    draft->nearest = nullptr;
    draft->attested.clear();
    draft->refused.clear();
    draft->number = draft->multi_id = draft->ticket = 0;
    draft->next = free_;
    free_ = draft;
    draft = next;
  }
}

const audit::RequestText& Drafts::show(const command::Command& command, const ScriptFacts& script) {
  print(command, {}, script, shown_);
  return shown_;
}

const audit::RequestText& Drafts::introduction(const command::Command& command,
                                               const ScriptFacts& script) {
  printer_.print({.command = command.info->name,
                  .args = command.args,
                  .calls = script.calls,
                  .script_sha1 = script.sha1,
                  .function = script.function,
                  .library = script.library,
                  .name_hash = name_hash_},
                 shown_);
  return shown_;
}

const audit::RequestText& Drafts::show(std::string_view name) {
  printer_.print({.command = name}, shown_);
  return shown_;
}

}  // namespace keyward::proxy
