#include "upstream/control_reply.h"

namespace keyward::upstream {
namespace {

ControlReply::Type type_of(int hiredis_type) {
  switch (hiredis_type) {
    case REDIS_REPLY_STRING:
      return ControlReply::Type::string;
    case REDIS_REPLY_ARRAY:
      return ControlReply::Type::array;
    case REDIS_REPLY_INTEGER:
      return ControlReply::Type::integer;
    case REDIS_REPLY_STATUS:
      return ControlReply::Type::status;
    case REDIS_REPLY_ERROR:
      return ControlReply::Type::error;
    default:
      return ControlReply::Type::nil;
  }
}

// Depth is bounded by the reader.
ControlReply value_of(const redisReply& from) {
  ControlReply reply;
  reply.type = type_of(from.type);
  reply.integer = from.integer;
  if (from.str != nullptr) reply.text.assign(from.str, static_cast<std::size_t>(from.len));
  reply.elements.reserve(from.elements);
  for (std::size_t index = 0; index < from.elements; ++index) {
    reply.elements.push_back(value_of(*from.element[index]));
  }
  return reply;
}

}  // namespace

Result<ControlReply> ControlReader::parse(std::string_view frame) {
  void* raw = nullptr;
  if (redisReaderFeed(reader_.get(), frame.data(), frame.size()) != REDIS_OK ||
      redisReaderGetReply(reader_.get(), &raw) != REDIS_OK) {
    return Error(Errc::invalid, std::string("bad reply from Redis: ") + reader_->errstr);
  }
  if (raw == nullptr) return Error(Errc::invalid, "bad reply from Redis: incomplete");
  const std::unique_ptr<void, decltype(&freeReplyObject)> owner(raw, &freeReplyObject);
  return value_of(*static_cast<const redisReply*>(raw));
}

}  // namespace keyward::upstream
