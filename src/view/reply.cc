#include "keyward/view/reply.h"

#include "view/cursor.h"
#include "view/sight.h"

namespace keyward::view {
namespace {

bool sees_key(const Lens& lens, std::string_view key) {
  return key.starts_with(prefix_of(lens)) && lens.by != nullptr &&
         lens.grants.may_see(*lens.by, key, lens.db);
}

// In its own namespace only: keyevent channels are everybody's, and that somebody listens there is
// nobody's business.
bool sees_channel(const Lens& lens, std::string_view channel) {
  const bool shared = !prefix_of(lens).empty() && policy::keyspace_channel(channel).kind ==
                                                      policy::KeyspaceChannel::Kind::keyevent;
  return !shared && lens.grants.may_hear(channel);
}

void write_bare_key(const Lens& lens, std::string_view key, std::string& out) {
  resp::write_bulk(out, key.substr(prefix_of(lens).size()));
}

// Writes the head of an array whose length shows only behind its last element.
class ArrayHead {
 public:
  ArrayHead(std::string& out, std::size_t expected) : out_(out), begin_(out.size()) {
    resp::write_array(out_, expected);
    size_ = out_.size() - begin_;
    expected_ = expected;
  }
  void settle(std::size_t count) {
    if (count == expected_) return;
    std::string head;
    resp::write_array(head, count);
    out_.replace(begin_, size_, head);
  }

 private:
  std::string& out_;
  std::size_t begin_, size_, expected_;
};

bool show_key(const Lens& lens, Cursor& reply, std::string& out) {
  std::string_view key;
  const bool is_null = reply.null();
  if (!is_null && !reply.bulk(key)) return false;
  if (!is_null && sees_key(lens, key)) {
    write_bare_key(lens, key, out);
  } else {
    resp::write_null(out, lens.protocol);
  }
  return true;
}

bool show_keys(const Lens& lens, Cursor& reply, std::string& out) {
  std::size_t count = 0;
  if (!reply.head('*', count)) return false;
  ArrayHead head(out, count);
  std::size_t shown = 0;
  for (; count > 0; --count) {
    std::string_view key;
    if (!reply.bulk(key)) return false;
    if (!sees_key(lens, key)) continue;
    write_bare_key(lens, key, out);
    ++shown;
  }
  head.settle(shown);
  return true;
}

bool show_scan(const Lens& lens, Cursor& reply, std::string& out) {
  std::size_t count = 0;
  std::string_view cursor;
  if (!reply.head('*', count) || count != 2 || !reply.bulk(cursor)) return false;
  resp::write_array(out, 2);
  resp::write_bulk(out, cursor);
  return show_keys(lens, reply, out);
}

bool show_some_key(const Lens& lens, Cursor& reply, std::string& out) {
  std::size_t count = 0;
  if (!reply.head('*', count)) return false;
  bool shown = false;
  for (; count > 0; --count) {
    if (reply.null()) continue;
    std::string_view key;
    if (!reply.bulk(key)) return false;
    if (shown || !sees_key(lens, key)) continue;
    write_bare_key(lens, key, out);
    shown = true;
  }
  if (!shown) resp::write_null(out, lens.protocol);
  return true;
}

// Copies `count` elements as they are.
bool pass(Cursor& reply, std::size_t count, std::string& out) {
  const std::size_t begin = reply.at();
  for (; count > 0; --count) {
    if (!reply.element()) return false;
  }
  out.append(reply.since(begin));
  return true;
}

// The key was an argument, so it is one's own.
bool show_own_key(const Lens& lens, Cursor& reply, std::string& out) {
  std::string_view key;
  if (!reply.bulk(key) || !bare_key(lens, key)) return false;
  write_bare_key(lens, key, out);
  return true;
}

bool show_first_key(const Lens& lens, Cursor& reply, std::string& out) {
  if (reply.null_array()) {
    out.append(reply.since(0));
    return true;
  }
  std::size_t count = 0;
  if (!reply.head('*', count) || count < 2) return false;
  resp::write_array(out, count);
  return show_own_key(lens, reply, out) && pass(reply, count - 1, out);
}

bool show_streams(const Lens& lens, Cursor& reply, std::string& out) {
  if (reply.null_array()) {
    out.append(reply.since(0));
    return true;
  }
  const bool map = reply.mark() == '%';
  std::size_t count = 0;
  if (!reply.head(map ? '%' : '*', count)) return false;
  out.append(reply.since(0));
  for (; count > 0; --count) {
    std::size_t pair = 2;
    if (!map) {
      if (!reply.head('*', pair) || pair != 2) return false;
      resp::write_array(out, pair);
    }
    if (!show_own_key(lens, reply, out)) return false;
    if (reply.mark() != '*' || !pass(reply, 1, out)) return false;
  }
  return true;
}

bool show_channels(const Lens& lens, Cursor& reply, std::string& out) {
  std::size_t count = 0;
  if (!reply.head('*', count)) return false;
  ArrayHead head(out, count);
  std::size_t shown = 0;
  for (; count > 0; --count) {
    std::string_view channel;
    if (!reply.bulk(channel)) return false;
    const auto bare = bare_channel(lens, channel);
    if (!bare || !sees_channel(lens, channel)) continue;
    write_channel(out, *bare);
    ++shown;
  }
  head.settle(shown);
  return true;
}

// The client named the channels; what it may not know is how many listen.
bool show_channel_counts(const Lens& lens, Cursor& reply, std::string& out) {
  const bool map = reply.mark() == '%';
  std::size_t count = 0;
  if (!reply.head(map ? '%' : '*', count) || (!map && count % 2 != 0)) return false;
  out.append(reply.since(0));
  for (std::size_t left = map ? count : count / 2; left > 0; --left) {
    std::string_view channel;
    if (!reply.bulk(channel)) return false;
    const auto bare = bare_channel(lens, channel);
    const std::size_t begin = reply.at();
    if (!bare || !reply.integer()) return false;
    write_channel(out, *bare);
    if (sees_channel(lens, channel)) {
      out.append(reply.since(begin));
    } else {
      resp::write_integer(out, 0);
    }
  }
  return true;
}

bool show_error(const Lens& lens, Cursor& reply, std::string& out) {
  if (!reply.element()) return false;
  append_error(lens, reply.since(0), out);
  return true;
}

bool is_error(const Cursor& reply) { return reply.mark() == '-' || reply.mark() == '!'; }

bool show_shape(Shape shape, const Lens& lens, Cursor& reply, std::string& out) {
  if (is_error(reply)) return show_error(lens, reply, out);
  switch (shape) {
    case Shape::as_is:
    case Shape::errors:
      return pass(reply, 1, out);
    case Shape::key:
      return show_key(lens, reply, out);
    case Shape::keys:
      return show_keys(lens, reply, out);
    case Shape::scan:
      return show_scan(lens, reply, out);
    case Shape::some_key:
      return show_some_key(lens, reply, out);
    case Shape::first_key:
      return show_first_key(lens, reply, out);
    case Shape::streams:
      return show_streams(lens, reply, out);
    case Shape::channels:
      return show_channels(lens, reply, out);
    case Shape::channel_counts:
      return show_channel_counts(lens, reply, out);
  }
  return false;
}

bool show_members(std::span<const Member> members, const Lens& lens, Cursor& reply,
                  std::string& out) {
  if (is_error(reply)) return show_error(lens, reply, out);
  if (reply.null_array()) {
    out.append(reply.since(0));
    return true;
  }
  std::size_t count = 0;
  if (!reply.head('*', count) || count != members.size()) return false;
  resp::write_array(out, count);
  for (const Member& member : members) {
    const std::size_t begin = reply.at();
    if (!reply.element()) return false;
    const Lens eyes{lens.grants, lens.db, lens.protocol, member.by};
    if (!show(member.shape, eyes, reply.since(begin), out)) return false;
  }
  return true;
}

}  // namespace

Shape shape_of(const command::Command& command, const policy::Permit& permit,
               const policy::Grants& grants) {
  const bool named = !grants.name_space().empty();
  const bool held = named || permit.filtered();
  switch (command.info->answer) {
    case command::Answer::nameless:
      break;
    case command::Answer::quotes:
      return named ? Shape::errors : Shape::as_is;
    case command::Answer::keys:
      return held ? Shape::keys : Shape::as_is;
    case command::Answer::scan:
      return held ? Shape::scan : Shape::as_is;
    case command::Answer::one_key:
      return held ? Shape::some_key : Shape::as_is;
    case command::Answer::first_key:
      return named ? Shape::first_key : Shape::as_is;
    case command::Answer::streams:
      return named ? Shape::streams : Shape::as_is;
    case command::Answer::channels:
      return Shape::channels;
    case command::Answer::channel_counts:
      return Shape::channel_counts;
  }
  return Shape::as_is;
}

bool show(Shape shape, const Lens& lens, std::string_view reply, std::string& out) {
  const std::size_t before = out.size();
  Cursor cursor(reply);
  if (show_shape(shape, lens, cursor, out) && cursor.done()) return true;
  out.resize(before);
  return false;
}

bool show_exec(std::span<const Member> members, const Lens& lens, std::string_view reply,
               std::string& out) {
  const std::size_t before = out.size();
  Cursor cursor(reply);
  if (show_members(members, lens, cursor, out) && cursor.done()) return true;
  out.resize(before);
  return false;
}

}  // namespace keyward::view
