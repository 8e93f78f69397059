#include "trigger/entries.h"

#include <utility>

namespace keyward::trigger {
namespace {

using Reply = upstream::ControlReply;
using Type = Reply::Type;

Error strange() { return {Errc::invalid, "Redis answered with something that is no stream"}; }

bool is_error(const Reply& reply) { return reply.type == Type::error; }

// [id, [name, value, ...]], or [id, nil] for one that is gone.
Result<Entry> one_entry(const Reply& reply) {
  if (reply.type != Type::array || reply.elements.size() != 2) return strange();
  const auto id = parse_entry_id(reply.elements[0].text);
  if (!id) return strange();
  Entry out;
  out.id = *id;
  const Reply& fields = reply.elements[1];
  out.deleted = fields.type == Type::nil;
  if (out.deleted) return out;
  if (fields.type != Type::array || fields.elements.size() % 2 != 0) return strange();
  for (std::size_t i = 0; i < fields.elements.size(); i += 2)
    out.fields.push_back({fields.elements[i].text, fields.elements[i + 1].text});
  return out;
}

Result<std::vector<Entry>> all_entries(const Reply& reply) {
  if (reply.type != Type::array) return strange();
  std::vector<Entry> out;
  for (const Reply& element : reply.elements) {
    if (element.type == Type::nil) continue;  // XAUTOCLAIM of 6.2, for one that is gone
    Result<Entry> entry = one_entry(element);
    if (!entry) return entry.error();
    out.push_back(std::move(*entry));
  }
  return out;
}

}  // namespace

Result<std::vector<Entry>> read_entries(const Reply& reply) {
  if (is_error(reply)) return Error(Errc::invalid, reply.text);
  if (reply.type == Type::nil) return std::vector<Entry>();
  if (reply.type != Type::array || reply.elements.size() != 1) return strange();
  const Reply& stream = reply.elements[0];
  if (stream.type != Type::array || stream.elements.size() != 2) return strange();
  return all_entries(stream.elements[1]);
}

Result<Claimed> claimed_entries(const Reply& reply) {
  if (is_error(reply)) return Error(Errc::invalid, reply.text);
  if (reply.type != Type::array || reply.elements.size() < 2) return strange();
  Claimed out;
  out.next = reply.elements[0].text;
  if (!parse_entry_id(out.next)) return strange();
  Result<std::vector<Entry>> entries = all_entries(reply.elements[1]);
  if (!entries) return entries.error();
  out.entries = std::move(*entries);
  if (reply.elements.size() > 2) {
    for (const Reply& id : reply.elements[2].elements) {
      if (const auto one = parse_entry_id(id.text)) out.dropped.push_back(*one);
    }
  }
  return out;
}

}  // namespace keyward::trigger
