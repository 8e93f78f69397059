#include "proxy/reply_queue.h"

#include <algorithm>

namespace keyward::proxy {

namespace {

// A slot of the ring is used again: what it held is not kept.
void give_back(std::string& text) {
  if (text.capacity() > std::string().capacity()) {
    std::string().swap(text);
  } else {
    text.clear();
  }
}

}  // namespace

Place ReplyQueue::reserve() {
  Item& item = items_.next_slot();
  item.ticket = 0;
  item.done = item.hold = false;  // drop_head() left no bytes
  return first_ + items_.size() - 1;
}

void ReplyQueue::add(Place place, std::string_view bytes, std::uint64_t ticket, bool hold) {
  if (place < first_) return;
  Item& item = items_[place - first_];
  item.hold = hold;
  if (place == first_ && !hold && !mid_message_ && item.waiting.empty()) {
    ready_.append(bytes);
    ready_ticket_ = std::max(ready_ticket_, ticket);
    return;
  }
  item.waiting.append(bytes);
  item.ticket = std::max(item.ticket, ticket);
  waiting_bytes_ += bytes.size();
  if (place == first_ && !hold) release_head();  // what was held before streams as well
}

void ReplyQueue::finish(Place place, std::uint64_t ticket) {
  if (place < first_) return;
  Item& item = items_[place - first_];
  item.done = true;
  item.ticket = std::max(item.ticket, ticket);
  if (place != first_) return;
  if (mid_message_ || !item.waiting.empty()) return release_head();
  // As it mostly is: the answer has left as it came.
  ready_ticket_ = std::max(ready_ticket_, item.ticket);
  drop_head();
  if (!items_.empty() && items_.front().begun()) release_head();
}

void ReplyQueue::drop_head() {
  items_.pop_front();
  ++first_;
}

// The head is complete: it and every complete answer behind it become ready; what the next head has
// so far may stream.
void ReplyQueue::release_head() {
  while (!items_.empty() && !mid_message_) {
    Item& head = items_.front();
    if (head.hold && !head.done) return;
    if (!head.waiting.empty()) {
      ready_.append(head.waiting);
      waiting_bytes_ -= head.waiting.size();
    }
    ready_ticket_ = std::max(ready_ticket_, head.ticket);
    give_back(head.waiting);
    if (!head.done) return;
    drop_head();
  }
}

void ReplyQueue::answer(std::string_view bytes, std::uint64_t ticket) {
  if (items_.empty() && !mid_message_) {
    ready_.append(bytes);
    ready_ticket_ = std::max(ready_ticket_, ticket);
    return;
  }
  const Place place = reserve();
  add(place, bytes, ticket);
  finish(place, ticket);
}

void ReplyQueue::interject(std::string_view bytes, bool last) {
  ready_.append(bytes);
  mid_message_ = !last;
  if (last) release_head();
}

std::string_view ReplyQueue::takeable(const audit::Receipt& receipt) const {
  return receipt.covers(ready_ticket_) ? ready_.view() : std::string_view();
}

void ReplyQueue::taken(std::size_t count) { ready_.consume(count); }

void ReplyQueue::drop_all() {
  while (!items_.empty()) {
    std::string().swap(items_.front().waiting);
    items_.pop_front();
    ++first_;
  }
  waiting_bytes_ = 0;
  ready_.release();
}

}  // namespace keyward::proxy
