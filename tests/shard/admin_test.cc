// The admin listener over loopback, seen by a plain blocking socket.
#include "keyward/admin/admin_server.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

namespace keyward::admin {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

class AdminListener : public testing::Test {
 protected:
  void SetUp() override {
    Sources sources;
    sources.readiness = [this] { return std::vector<ReadyCheck>{{"redis", ready_, "away"}}; };
    server_ = std::make_unique<AdminServer>(
        io_, net::Endpoint{net::Endpoint::Kind::tcp, "127.0.0.1", 0}, nullptr, std::move(sources));
    const auto started = server_->start();
    ASSERT_TRUE(started) << started.error().message();
    thread_ = std::thread([this] { io_.run(); });
  }
  void TearDown() override {
    asio::post(io_, [this] { server_->stop(); });
    thread_.join();  // also shows that stop() ends every coroutine
  }
  tcp::socket connect() {
    tcp::socket socket(client_io_);
    socket.connect({asio::ip::make_address("127.0.0.1"), server_->port()});
    timeval limit{20, 0};
    setsockopt(socket.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    return socket;
  }
  // Everything until the server closes.
  static std::string rest(tcp::socket& socket) {
    std::string out;
    boost::system::error_code error;
    asio::read(socket, asio::dynamic_buffer(out), error);
    EXPECT_NE(error, asio::error::would_block) << "still open";
    return out;
  }
  std::string exchange(const std::string& bytes) {
    tcp::socket socket = connect();
    boost::system::error_code error;
    asio::write(socket, asio::buffer(bytes), error);
    return rest(socket);
  }

  bool ready_ = false;  // set before the request that reads it
  asio::io_context io_, client_io_;
  std::unique_ptr<AdminServer> server_;
  std::thread thread_;
};

TEST_F(AdminListener, AnswersHealth) {
  const std::string answer =
      exchange("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\nok\n"));
}

TEST_F(AdminListener, HeadHasLengthButNoBody) {
  const std::string answer =
      exchange("HEAD /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("Content-Length: 3\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n"));
}

TEST_F(AdminListener, ReadinessIsAskedAnewEachTime) {
  const std::string ask = "GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  EXPECT_THAT(exchange(ask), StartsWith("HTTP/1.1 503 "));
  asio::post(io_, [this] { ready_ = true; });
  EXPECT_THAT(exchange(ask), StartsWith("HTTP/1.1 200 "));
}

TEST_F(AdminListener, KeepsTheConnectionForMoreRequests) {
  const std::string one = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
  const std::string last = "GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  const std::string answer = exchange(one + one + last);
  EXPECT_THAT(answer, HasSubstr("HTTP/1.1 404 "));
  std::size_t count = 0;
  for (std::size_t at = answer.find(" 200 OK"); at != answer.npos;
       at = answer.find(" 200 OK", at + 1)) {
    ++count;
  }
  EXPECT_EQ(count, 2U);
}

TEST_F(AdminListener, PostIsRefused) {
  const std::string answer = exchange(
      "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(answer, HasSubstr("Allow: GET, HEAD\r\n"));
}

TEST_F(AdminListener, NonsenseAndOversizeEndTheConnection) {
  EXPECT_THAT(exchange("\x16\x03\x01\x02 nonsense\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(exchange("GET / HTTP/1.1\r\nX: " + std::string(24'000, 'a')),
              StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(exchange("POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 20000000\r\n\r\n"),
              StartsWith("HTTP/1.1 413 "));
}

TEST_F(AdminListener, TakesSixtyFourConnectionsAndNoMore) {
  std::vector<tcp::socket> idle;
  for (int i = 0; i < 64; ++i) idle.push_back(connect());
  // The last of them is answered, so all are accepted.
  asio::write(idle.back(), asio::buffer(std::string("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")));
  char byte = 0;
  asio::read(idle.back(), asio::buffer(&byte, 1));
  EXPECT_EQ(byte, 'H');
  tcp::socket extra = connect();
  EXPECT_EQ(rest(extra), "");
  idle.erase(idle.begin(), idle.begin() + 10);
  // Freed places are taken again, as soon as the server has noticed.
  std::string answer;
  for (int i = 0; i < 200 && answer.empty(); ++i) {
    answer = exchange("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    if (answer.empty()) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 "));
}

TEST_F(AdminListener, SilentClientIsCutAtTheDeadline) {
  const auto start = std::chrono::steady_clock::now();
  tcp::socket socket = connect();
  asio::write(socket, asio::buffer(std::string("GET /hea")));
  rest(socket);
  const auto waited = std::chrono::steady_clock::now() - start;
  EXPECT_GT(waited, std::chrono::seconds(8));
  EXPECT_LT(waited, std::chrono::seconds(15));
}

}  // namespace
}  // namespace keyward::admin
