#include "fleet/revocation_file.h"

#include "fleet/revocation_record.h"

#include "keyward/base/descriptor.h"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <unistd.h>

namespace keyward::fleet {
namespace {

namespace json = boost::json;

Error failed(const std::string& path, const char* what) {
  return {Errc::io, std::string(what) + " " + path + ": " + std::strerror(errno)};
}

Error spoilt(const std::string& path) {
  return {Errc::invalid, path +
                             " does not hold revocations that can be read; what it says counts, "
                             "so repair it, or remove it if Redis has them all"};
}

bool write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(descriptor, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

}  // namespace

Result<std::vector<RevocationEntry>> read_revocations(const std::string& path) {
  std::vector<RevocationEntry> out;
  std::error_code error;
  if (!std::filesystem::exists(path, error) && !error) return out;
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  if (!file) return failed(path, "cannot read");
  boost::system::error_code bad;
  const json::value value = json::parse(text.str(), bad, {}, {.max_depth = 5});
  const json::object* object = bad ? nullptr : value.if_object();
  const json::value* list = object == nullptr ? nullptr : object->if_contains("revocations");
  if (list == nullptr || !list->is_array()) return spoilt(path);
  for (const json::value& one : list->get_array()) {
    auto entry = from_json(one);
    if (!entry) return spoilt(path);
    out.push_back(std::move(*entry));
  }
  return out;
}

Result<> write_revocations(const std::string& path, const std::vector<RevocationEntry>& entries) {
  json::array list;
  for (const RevocationEntry& entry : entries) list.emplace_back(to_json(entry));
  const std::string text = json::serialize(json::object{{"revocations", std::move(list)}}) + "\n";
  const std::string fresh = path + ".new";
  {
    const Descriptor file(
        ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file.open()) return failed(fresh, "cannot open");
    if (!write_all(file.number(), text) || ::fdatasync(file.number()) != 0)
      return failed(fresh, "cannot write");
  }
  if (::rename(fresh.c_str(), path.c_str()) != 0) return failed(path, "cannot replace");
  return {};
}

}  // namespace keyward::fleet
