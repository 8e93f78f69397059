#include "keyward/forward/position.h"

#include "keyward/base/descriptor.h"
#include "keyward/base/hash.h"

#include <boost/json.hpp>

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <system_error>
#include <unistd.h>

namespace keyward::forward {
namespace {

namespace json = boost::json;

constexpr std::size_t kMostBytes = std::size_t{1} << 20;

Error io_error(const std::string& path) {
  return {Errc::io, path + ": " + std::generic_category().message(errno)};
}

bool read(const json::object& from, std::string_view name, std::uint64_t& out) {
  const json::value* value = from.if_contains(name);
  json::error_code failed;
  if (value == nullptr || !value->is_number()) return false;
  out = value->to_number<std::uint64_t>(failed);
  return !failed;
}

bool read(const json::object& from, std::string_view name, std::string& out) {
  const json::value* value = from.if_contains(name);
  if (value == nullptr || !value->is_string()) return false;
  out = value->get_string();
  return true;
}

}  // namespace

std::string position_file(const std::string& directory, const std::string& instance,
                          const std::string& forwarder) {
  return directory + "/" + instance + "." + forwarder + ".position";
}

std::string text_of(const Position& position) {
  json::object streams;
  for (const auto& [stream, place] : position.streams) {
    streams[stream] = json::object{{"segment", place.segment},
                                   {"offset", place.offset},
                                   {"sequence", place.sequence},
                                   {"hash", place.hash}};
  }
  const std::string line = json::serialize(json::object{{"instance", position.instance},
                                                        {"forwarder", position.forwarder},
                                                        {"destination", position.destination},
                                                        {"updated_us", position.updated_us},
                                                        {"streams", std::move(streams)}});
  return line + "\n" + hex(sha256(line)) + "\n";
}

Result<Position> parse_position(std::string_view text) {
  const Error damaged(Errc::invalid, "the position file is damaged");
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos || text.size() > kMostBytes) return damaged;
  const std::string_view line = text.substr(0, end);
  if (text.substr(end + 1) != hex(sha256(line)) + "\n") return damaged;
  json::error_code failed;
  const json::value whole = json::parse(line, failed);
  if (failed || !whole.is_object()) return damaged;
  const json::object& fields = whole.get_object();
  Position out;
  const json::value* streams = fields.if_contains("streams");
  if (!read(fields, "instance", out.instance) || !read(fields, "forwarder", out.forwarder) ||
      !read(fields, "destination", out.destination) ||
      !read(fields, "updated_us", out.updated_us) || streams == nullptr || !streams->is_object())
    return damaged;
  for (const auto& [name, value] : streams->get_object()) {
    audit::Place place;
    const json::object* from = value.if_object();
    if (from == nullptr || !read(*from, "segment", place.segment) ||
        !read(*from, "offset", place.offset) || !read(*from, "sequence", place.sequence) ||
        !read(*from, "hash", place.hash))
      return damaged;
    out.streams.emplace(name, std::move(place));
  }
  return out;
}

Result<Position> load_position(const std::string& path) {
  if (::access(path.c_str(), F_OK) != 0 && errno == ENOENT)
    return Error(Errc::not_found, path + " does not exist");
  std::ifstream file(path, std::ios::binary);
  if (!file) return io_error(path);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  auto position = parse_position(text);
  if (!position) return Error(Errc::invalid, path + ": " + position.error().message());
  return position;
}

Result<> save_position(const std::string& path, const Position& position) {
  const std::string draft = path + ".new", text = text_of(position);
  {
    const Descriptor file(::open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!file.open()) return io_error(draft);
    if (::write(file.number(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
        ::fdatasync(file.number()) != 0)
      return io_error(draft);
  }
  return std::rename(draft.c_str(), path.c_str()) == 0 ? Result<>() : io_error(path);
}

}  // namespace keyward::forward
