#include "proxy/transaction.h"

#include "keyward/resp/writer.h"

#include <array>
#include <utility>

namespace keyward::proxy {

bool Transaction::queue(std::span<const std::string_view> args, Draft* draft,
                        const view::Member& member) {
  std::size_t size = 16;
  for (const std::string_view arg : args) size += arg.size() + 16;
  if (size > room()) return false;
  resp::write_request(bytes_, args);
  if (draft != nullptr) {
    draft->multi_id = id_;
    draft->member = static_cast<std::uint32_t>(count_);
    draft->next = nullptr;
    (last_ == nullptr ? first_ : last_->next) = draft;
    last_ = draft;
  }
  if (member.shape != view::Shape::as_is) {
    members_.resize(count_);
    members_.push_back(member);
  }
  ++count_;
  return true;
}

void Transaction::leave(const std::vector<trigger::Leaving>& more) {
  for (const trigger::Leaving& each : more)
    left_bytes_ += sizeof each + each.name.size() + each.message.size();
  leavings_.insert(leavings_.end(), more.begin(), more.end());
}

void Transaction::add_own(std::span<const std::string_view> args) {
  resp::write_request(bytes_, args);
  ++added_;
}

Draft* Transaction::draft_of(std::uint32_t member) {
  Draft* draft = first_;
  while (draft != nullptr && draft->member != member) draft = draft->next;
  return draft;
}

void Transaction::abandon() {
  doomed_ = true;
  bytes_.clear();
  expiries_.reset();
  leavings_.clear();
  last_ = nullptr;
  drafts_.release(std::exchange(first_, nullptr));
}

void Transaction::write_block(std::string& out) const {
  static constexpr std::array<std::string_view, 1> kMulti{"MULTI"};
  static constexpr std::array<std::string_view, 1> kExec{"EXEC"};
  resp::write_request(out, kMulti);
  out.append(bytes_);
  resp::write_request(out, kExec);
}

Draft* Transaction::take_drafts() {
  if (first_ != nullptr) first_->transaction = true;
  last_ = nullptr;
  return std::exchange(first_, nullptr);
}

std::vector<view::Member> Transaction::take_members() {
  if (!members_.empty()) members_.resize(count_);
  return std::exchange(members_, {});
}

}  // namespace keyward::proxy
