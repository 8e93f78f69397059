// A plain HTTP server for tests that keeps connections open, and ends them when it is told to.
#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace keyward::test {

// One thread a connection; `answers` says what the nth request of the server is answered with:
// nothing, and the connection ends instead.
class PlainServer {
 public:
  using Tcp = boost::asio::ip::tcp;
  using Answers = std::function<std::optional<std::string>(int request)>;
  explicit PlainServer(Answers answers) : answers_(std::move(answers)) {
    acceptor_.non_blocking(true);
    thread_ = std::thread([this] { accept(); });
  }
  ~PlainServer() {
    over_ = true;
    thread_.join();
    for (std::thread& one : serving_) one.join();
  }
  [[nodiscard]] std::string url() const {
    return "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()) + "/";
  }
  // Heads and bodies of the requests, in the order in which they came.
  [[nodiscard]] std::vector<std::string> heard() const {
    const std::lock_guard lock(mutex_);
    return heard_;
  }
  std::atomic<int> connections = 0, requests = 0;

 private:
  void accept() {
    while (!over_) {
      boost::system::error_code none;
      Tcp::socket socket(io_);
      acceptor_.accept(socket, none);
      if (none) {
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
        continue;
      }
      ++connections;
      serving_.emplace_back([this, one = std::move(socket)]() mutable { serve(one); });
    }
  }
  void serve(Tcp::socket& socket) {
    socket.non_blocking(true);
    std::string text;
    for (;;) {
      boost::system::error_code bad;
      while (whole(text) > text.size()) {
        char bytes[4096];
        const std::size_t got = socket.read_some(boost::asio::buffer(bytes), bad);
        if (bad == boost::asio::error::would_block && !over_) {
          std::this_thread::sleep_for(std::chrono::milliseconds(1));
          continue;
        }
        if (bad) return;
        text.append(bytes, got);
      }
      {
        const std::lock_guard lock(mutex_);
        heard_.push_back(text.substr(0, whole(text)));
      }
      text.erase(0, whole(text));
      const auto answer = answers_(++requests);
      if (!answer) return;
      socket.non_blocking(false);
      boost::asio::write(socket, boost::asio::buffer(*answer), bad);
      socket.non_blocking(true);
      if (answer->find("Connection: close") != std::string::npos) return;
    }
  }

  // The length of the whole request, when its head is there.
  static std::size_t whole(const std::string& text) {
    const std::size_t head = text.find("\r\n\r\n");
    if (head == std::string::npos) return std::string::npos;
    const std::size_t at = text.find("Content-Length: ");
    const std::size_t body = at < head ? std::stoul(text.substr(at + 16)) : 0;
    return head + 4 + body;
  }

  Answers answers_;
  mutable std::mutex mutex_;
  std::vector<std::string> heard_;
  std::atomic<bool> over_ = false;
  boost::asio::io_context io_;
  Tcp::acceptor acceptor_{io_, Tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0)};
  std::vector<std::thread> serving_;
  std::thread thread_;
};

}  // namespace keyward::test
