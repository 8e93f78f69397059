#include "view/cursor.h"
#include "view/sight.h"

#include <algorithm>

namespace keyward::view {
namespace {

// pubsub.c: where the reports of keys go that a connection in RESP2 asked for.
constexpr std::string_view kInvalidations = "__redis__:invalidate";

struct Message {
  BareChannel channel;
  std::string_view payload;
};

// What this client may hear of a message; nothing when it may not. The keys of Redis's own events
// are held to what it may read, in the database that the event is of.
std::optional<Message> heard(const Lens& lens, std::string_view channel, std::string_view payload) {
  const policy::KeyspaceChannel event = policy::keyspace_channel(channel);
  const auto db = database_of(event);
  const auto bare = bare_channel(lens, channel);
  if (!bare) return std::nullopt;
  if (event.kind == policy::KeyspaceChannel::Kind::keyevent) {
    if (!db) {
      // Somebody's own channel that only looks like Redis's.
      return prefix_of(lens).empty() ? std::optional(Message{*bare, payload}) : std::nullopt;
    }
    const auto key = bare_key(lens, payload);
    if (!key || !lens.grants.may_know(payload, *db)) return std::nullopt;
    return Message{*bare, *key};
  }
  if (db && !lens.grants.may_know(event.rest, *db)) return std::nullopt;
  const auto subkeys = subkey_event(channel, payload);
  if (subkeys && !(subkeys->key && lens.grants.may_know(*subkeys->key, subkeys->db)))
    return std::nullopt;
  return Message{*bare, payload};
}

bool knows(const Lens& lens, std::string_view key) {
  return key.starts_with(prefix_of(lens)) && lens.grants.may_know(key, lens.db);
}

class FrameView {
 public:
  FrameView(const Lens& lens, std::string_view frame, std::string& out)
      : lens_(lens), frame_(frame), cursor_(frame), out_(out) {}

  // False: no frame that Redis documents. out_ may then hold a part.
  bool show() {
    const char mark = lens_.protocol == resp::Protocol::resp3 ? '>' : '*';
    std::string_view kind;
    if (!cursor_.head(mark, count_) || !cursor_.bulk(kind)) return false;
    // One growth for a payload of any size.
    out_.reserve(out_.size() + frame_.size());
    if (kind == "message" || kind == "smessage") return count_ == 3 && message(kind);
    if (kind == "pmessage") return count_ == 4 && pattern_message();
    if (kind == "invalidate") return count_ == 2 && invalidation();
    return is_confirmation(kind) && count_ == 3 && confirmation(kind);
  }

 private:
  static bool is_confirmation(std::string_view kind) {
    constexpr std::string_view kKinds[] = {"subscribe",    "unsubscribe", "psubscribe",
                                           "punsubscribe", "ssubscribe",  "sunsubscribe"};
    return std::find(std::begin(kKinds), std::end(kKinds), kind) != std::end(kKinds);
  }

  void begin(std::string_view kind) {
    resp::write_push(out_, count_, lens_.protocol);
    resp::write_bulk(out_, kind);
  }

  bool message(std::string_view kind) {
    std::string_view channel;
    std::string_view payload;
    if (!cursor_.bulk(channel)) return false;
    if (Cursor ahead = cursor_; channel == kInvalidations && !ahead.bulk(payload))
      return redirected(kind, channel);
    if (!cursor_.bulk(payload) || !cursor_.done()) return false;
    const auto told = heard(lens_, channel, payload);
    if (!told) return true;
    begin(kind);
    write_channel(out_, told->channel);
    resp::write_bulk(out_, told->payload);
    return true;
  }

  bool pattern_message() {
    std::string_view pattern;
    std::string_view channel;
    std::string_view payload;
    if (!cursor_.bulk(pattern) || !cursor_.bulk(channel) || !cursor_.bulk(payload) ||
        !cursor_.done()) {
      return false;
    }
    const auto bare = bare_channel(lens_, pattern);
    if (!bare) return false;
    const auto told = heard(lens_, channel, payload);
    if (!told) return true;
    begin("pmessage");
    write_channel(out_, *bare);
    write_channel(out_, told->channel);
    resp::write_bulk(out_, told->payload);
    return true;
  }

  bool confirmation(std::string_view kind) {
    begin(kind);
    std::string_view channel;
    if (cursor_.null()) {
      resp::write_null(out_, lens_.protocol);
    } else {
      if (!cursor_.bulk(channel)) return false;
      const auto bare = bare_channel(lens_, channel);
      if (!bare) return false;
      write_channel(out_, *bare);
    }
    const std::size_t at = cursor_.at();
    if (!cursor_.integer()) return false;
    out_.append(cursor_.since(at));
    return cursor_.done();
  }

  bool invalidation() {
    const std::size_t before = out_.size();
    begin("invalidate");
    return known_keys(before);
  }

  bool redirected(std::string_view kind, std::string_view channel) {
    if (!bare_channel(lens_, channel)) return cursor_.element() && cursor_.done();
    const std::size_t before = out_.size();
    begin(kind);
    resp::write_bulk(out_, channel);
    return known_keys(before);
  }

  // A list of keys, or null: everything. What is left of it, or nothing at all: then the frame
  // that began at `before` was about others.
  bool known_keys(std::size_t before) {
    if (cursor_.null()) {
      resp::write_null(out_, lens_.protocol);
      return cursor_.done();
    }
    std::size_t count = 0;
    if (!cursor_.head('*', count)) return false;
    std::string keys;
    std::size_t known = 0;
    for (; count > 0; --count) {
      std::string_view key;
      if (!cursor_.bulk(key)) return false;
      if (!knows(lens_, key)) continue;
      resp::write_bulk(keys, *bare_key(lens_, key));
      ++known;
    }
    if (known == 0) {
      out_.resize(before);
    } else {
      resp::write_array(out_, known);
      out_.append(keys);
    }
    return cursor_.done();
  }

  const Lens& lens_;
  std::string_view frame_;
  Cursor cursor_;
  std::string& out_;
  std::size_t count_ = 0;
};

}  // namespace

bool show_frame(const Lens& lens, std::string_view frame, std::string& out) {
  const std::size_t before = out.size();
  if (FrameView(lens, frame, out).show()) return true;
  out.resize(before);
  return false;
}

}  // namespace keyward::view
