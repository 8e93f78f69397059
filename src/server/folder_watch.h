// Tells when something below a folder changed, by inotify(7): files, subfolders, the folder itself
// and every link on the way to it, `..data` of a Kubernetes volume among them.
#pragma once

#include "keyward/base/result.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace keyward::server {

// Of a name in a watched folder: whether a change of it can change the policies. Names that begin
// with a dot are other people's (.git, editors' drafts).
[[nodiscard]] bool matters(std::string_view name);

class FolderWatch {
 public:
  // A change is told once nothing more happened for `quiet`, at the latest `longest` after the
  // first.
  struct Pace {
    std::chrono::milliseconds quiet{250};
    std::chrono::milliseconds longest{2000};
  };
  FolderWatch(boost::asio::io_context& io, std::string folder, Pace pace,
              std::function<void()> changed);
  // An error says what the system refused.
  Result<> start();
  void stop();

 private:
  void wait();
  void drain();
  void place();
  void add(const std::string& directory, std::string only);
  void add_below(const std::string& directory, int depth);
  void something_changed();

  boost::asio::posix::stream_descriptor inotify_;
  boost::asio::steady_timer timer_;
  std::string folder_;
  Pace pace_;
  std::function<void()> changed_;
  // By watch: the one name that is meant, or empty for all.
  std::map<int, std::string> watches_;
  std::chrono::steady_clock::time_point first_{};  // of the changes that are not told yet
  bool pending_ = false;
};

}  // namespace keyward::server
