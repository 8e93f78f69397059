#include "forward/refused_file.h"

#include "keyward/base/descriptor.h"

#include <boost/json.hpp>

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>

namespace keyward::forward {

RefusedFile::RefusedFile(std::string path, std::uint64_t most)
    : path_(std::move(path)), most_(most) {}

Result<> RefusedFile::add(std::string_view uid, std::string_view why, std::string_view line) {
  namespace json = boost::json;
  std::string text = R"({"uid":)" + json::serialize(json::string(uid)) + R"(,"why":)" +
                     json::serialize(json::string(why));
  if (!line.empty()) text += R"(,"record":)" + std::string(line);
  text += "}\n";
  struct stat facts {};
  if (::stat(path_.c_str(), &facts) == 0 &&
      static_cast<std::uint64_t>(facts.st_size) + text.size() > most_)
    std::rename(path_.c_str(), (path_ + ".old").c_str());
  const Descriptor file(::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!file.open() ||
      ::write(file.number(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return Error(Errc::io, path_ + ": " + std::generic_category().message(errno));
  return {};
}

}  // namespace keyward::forward
