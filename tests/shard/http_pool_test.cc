// Connections that stay open: used again, and what happens when the other side ends one.
#include "keyward/net/http_pool.h"

#include "support/plain_server.h"

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <thread>

namespace keyward::net {
namespace {

using keyward::test::PlainServer;
using std::chrono::milliseconds;
using std::chrono::seconds;

const std::string kFine = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

struct Rig {
  boost::asio::io_context io;
  std::optional<HttpPool> pool{std::in_place, io, 2};

  Result<HttpResponse> get(const PlainServer& server, milliseconds deadline = seconds(5)) {
    HttpRequest request;
    request.url = server.url();
    request.allow_plain = request.allow_private = true;
    request.deadline = deadline;
    std::optional<Result<HttpResponse>> out;
    pool->fetch(nullptr, std::move(request), [&](auto answer) { out = std::move(answer); });
    while (!out) {
      io.restart();
      io.run_one_for(seconds(1));
    }
    return *out;
  }
};

TEST(HttpPool, OneConnectionServesMany) {
  PlainServer server([](int) { return kFine; });
  Rig rig;
  for (int i = 0; i < 20; ++i) {
    const auto answer = rig.get(server);
    ASSERT_TRUE(answer) << answer.error().message();
    EXPECT_EQ(answer->body, "ok");
  }
  EXPECT_EQ(server.connections, 1);
  EXPECT_EQ(server.requests, 20);
  EXPECT_EQ(rig.pool->idle(), 1U);
}

TEST(HttpPool, AConnectionThatWillCloseIsNotKept) {
  PlainServer server(
      [](int) { return "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"; });
  Rig rig;
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(rig.get(server));
  EXPECT_EQ(server.connections, 3);
  EXPECT_EQ(rig.pool->idle(), 0U);
}

TEST(HttpPool, ARequestThatMeetsTheEndGoesOutAgain) {
  PlainServer server([](int request) {
    return request == 2 ? std::optional<std::string>() : std::optional(kFine);
  });
  Rig rig;
  EXPECT_TRUE(rig.get(server));
  EXPECT_TRUE(rig.get(server));  // request 2 is met with the end, 3 is answered
  EXPECT_EQ(server.requests, 3);
  EXPECT_EQ(server.connections, 2);
}

TEST(HttpPool, AFreshConnectionThatEndsIsAnError) {
  PlainServer server([](int) { return std::optional<std::string>(); });
  Rig rig;
  EXPECT_FALSE(rig.get(server));
  EXPECT_EQ(server.requests, 1);
}

TEST(HttpPool, HalfAnAnswerIsAnErrorAndNotSentAgain) {
  PlainServer server([](int request) {
    return request == 1 ? kFine
                        : "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 9\r\n\r\nok";
  });
  Rig rig;
  EXPECT_TRUE(rig.get(server));
  EXPECT_FALSE(rig.get(server));
  EXPECT_EQ(server.requests, 2);
}

TEST(HttpPool, WhatWasSaidUnaskedEndsTheConnection) {
  PlainServer server([](int) { return kFine + "HTTP/1.1 200 OK\r\n\r\n"; });
  Rig rig;
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(rig.get(server));
  EXPECT_EQ(server.connections, 3);
}

TEST(HttpPool, NobodyIsCalledAfterItsEnd) {
  PlainServer server([](int) {
    std::this_thread::sleep_for(milliseconds(50));
    return kFine;
  });
  Rig rig;
  bool called = false;
  HttpRequest request;
  request.url = server.url();
  request.allow_plain = request.allow_private = true;
  rig.pool->fetch(nullptr, request, [&](const auto&) { called = true; });
  rig.io.run_for(milliseconds(10));
  rig.pool.reset();
  rig.io.restart();
  rig.io.run_for(milliseconds(200));
  EXPECT_FALSE(called);
}

TEST(HttpPool, DeadlinesHold) {
  PlainServer server([](int) {
    std::this_thread::sleep_for(milliseconds(300));
    return kFine;
  });
  Rig rig;
  const auto answer = rig.get(server, milliseconds(50));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), Errc::timeout);
  EXPECT_EQ(rig.pool->idle(), 0U);
}

}  // namespace
}  // namespace keyward::net
