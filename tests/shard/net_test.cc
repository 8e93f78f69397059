// Streams, TLS contexts, connecting and accepting: both sides ours, over loopback.
#include "support/raw_client.h"
#include "support/test_certs.h"

#include "keyward/net/acceptor.h"
#include "keyward/net/connect.h"

#include <boost/asio/local/stream_protocol.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/err.h>

#include <fstream>
#include <random>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

namespace keyward::net {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using test::RawClient;
using test::TestCerts;

std::string noise(std::size_t size) {
  std::minstd_rand random(7);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

using SessionPtr = std::unique_ptr<SSL_SESSION, decltype(&SSL_SESSION_free)>;

// One loop with an acceptor; what it accepts becomes streams, TLS when a server context is given.
class NetTest : public testing::Test {
 protected:
  void serve(const ServerTlsConfig* tls) {
    auto made = Acceptor::listen(io, {Endpoint::Kind::tcp, "127.0.0.1", 0});
    ASSERT_TRUE(made.has_value()) << made.error().message();
    acceptor = std::move(*made);
    if (tls != nullptr) {
      auto context = make_server_context(*tls);
      ASSERT_TRUE(context.has_value()) << context.error().message();
      server_context = *context;
    }
    acceptor->start(turn, [this](Descriptor socket, Peer peer) {
      peers.push_back(peer);
      auto stream = std::make_unique<Stream>(std::move(socket));
      if (server_context) {
        stream->set_ssl(make_server_ssl(*server_context));
      }
      accepted.push_back(std::move(stream));
    });
  }

  // Runs the loop until `condition`, at most 5 s.
  template <class Condition>
  bool until(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + 5s;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      io.restart();
      io.run_one_for(10ms);
    }
    return true;
  }

  Endpoint endpoint(Endpoint::Kind kind, const std::string& host = "127.0.0.1") const {
    return {kind, host, acceptor->port()};
  }

  // Connects and drives the server's handshake at the same time.
  Result<std::unique_ptr<Stream>> connect_to(const Endpoint& where, const ClientTlsConfig* tls,
                                             const std::string& name = {}) {
    SslContext context;
    if (tls != nullptr) {
      auto made = make_client_context(*tls);
      if (made.has_error()) return made.error();
      context = *made;
    }
    std::optional<Result<std::unique_ptr<Stream>>> result;
    const auto handle =
        connect(io, where, context, name, 3s, [&](auto made) { result = std::move(made); });
    server_status = IoStatus::want_read;
    accepted.clear();
    until([&] {
      if (!accepted.empty() && server_status != IoStatus::ok && server_status != IoStatus::failed) {
        server_status = accepted.back()->handshake().status;
      }
      const bool server_done = server_status == IoStatus::ok || server_status == IoStatus::failed ||
                               (where.kind == Endpoint::Kind::tcp && !accepted.empty());
      return result.has_value() && (result->has_error() || server_done);
    });
    if (!result) return Error(Errc::timeout, "no answer");
    return std::move(*result);
  }

  // A TLS client of a server with certificates of its own; accepted.back() is the other end.
  Result<std::unique_ptr<Stream>> connect_tls() {
    const TestCerts certs;
    const auto tls = certs.server();
    const auto client_tls = certs.client();
    serve(&tls);
    return connect_to(endpoint(Endpoint::Kind::tls), &client_tls);
  }

  // Shakes hands showing `session`, takes the ticket that comes back; true when it was resumed.
  bool resumes(SSL_CTX& context, SessionPtr& session) {
    auto made = connect_to(endpoint(Endpoint::Kind::tcp), nullptr);
    Stream& client = **made;
    client.set_ssl(make_client_ssl(context, "127.0.0.1"));
    if (session) SSL_set_session(client.ssl(), session.get());
    IoStatus there = IoStatus::want_read, here = IoStatus::want_read;
    EXPECT_TRUE(until([&] {
      if (here != IoStatus::ok) here = client.handshake().status;
      if (there != IoStatus::ok) there = accepted.back()->handshake().status;
      return here == IoStatus::ok && there == IoStatus::ok;
    }));
    EXPECT_EQ(accepted.back()->write("x").status, IoStatus::ok);
    char byte;
    EXPECT_TRUE(until([&] { return client.read({&byte, 1}).status == IoStatus::ok; }));
    const bool resumed = SSL_session_reused(client.ssl()) == 1;
    session.reset(SSL_get1_session(client.ssl()));
    client.shutdown();
    return resumed;
  }

  asio::io_context io;
  Turn turn{io};
  std::unique_ptr<Acceptor> acceptor;
  SslContext server_context;
  std::vector<std::unique_ptr<Stream>> accepted;
  std::vector<Peer> peers;
  IoStatus server_status = IoStatus::want_read;
};

// Sends as much as goes, reads as much as comes, with sizes that never fit.
void pump(Stream& from, std::string_view& left, Stream& to, std::string& got) {
  if (!left.empty()) {
    const IoResult sent = from.write(left);
    ASSERT_NE(sent.status, IoStatus::failed) << from.error();
    if (sent.status == IoStatus::ok) left.remove_prefix(sent.bytes);
  }
  char block[10'007];
  const IoResult read = to.read(block);
  ASSERT_NE(read.status, IoStatus::failed) << to.error();
  if (read.status == IoStatus::ok) got.append(block, read.bytes);
}

void expect_both_ways(Stream& a, Stream& b, std::size_t size) {
  const std::string one = noise(size), two = noise(size / 2 + 1);
  std::string_view one_left = one, two_left = two;
  std::string one_got, two_got;
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while ((one_got.size() < one.size() || two_got.size() < two.size()) &&
         !testing::Test::HasFatalFailure()) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline);
    pump(a, one_left, b, one_got);
    pump(b, two_left, a, two_got);
  }
  EXPECT_TRUE(one_got == one);
  EXPECT_TRUE(two_got == two);
}

TEST_F(NetTest, PlainStreamCarriesBytesBothWays) {
  serve(nullptr);
  auto client = connect_to(endpoint(Endpoint::Kind::tcp), nullptr);
  ASSERT_TRUE(client.has_value()) << client.error().message();
  expect_both_ways(**client, *accepted.back(), 3'000'000);
  (*client)->shutdown();
  char byte;
  ASSERT_TRUE(until([&] { return accepted.back()->read({&byte, 1}).status == IoStatus::eof; }));
  EXPECT_EQ(peers.back().address, "127.0.0.1");
  EXPECT_NE(peers.back().port, 0);
}

TEST_F(NetTest, TlsStreamCarriesBytesBothWaysAndEndsInOrder) {
  const TestCerts certs;
  const auto tls = certs.server();
  const auto client_tls = certs.client();
  serve(&tls);
  auto client = connect_to(endpoint(Endpoint::Kind::tls), &client_tls);
  ASSERT_TRUE(client.has_value()) << client.error().message();
  expect_both_ways(**client, *accepted.back(), 5'000'000);
  const TlsFacts facts = tls_facts(*accepted.back()->ssl());
  EXPECT_EQ(facts.version, "TLSv1.3");
  EXPECT_FALSE(facts.cipher.empty());
  EXPECT_TRUE(facts.certificate_sha256.empty()) << "the client showed none";
  EXPECT_EQ(tls_facts(*(*client)->ssl()).certificate_sha256.size(), 64U);
  (*client)->shutdown();
  char byte;
  ASSERT_TRUE(until([&] { return accepted.back()->read({&byte, 1}).status == IoStatus::eof; }));
  EXPECT_EQ(SSL_get_shutdown(accepted.back()->ssl()) & SSL_RECEIVED_SHUTDOWN,
            SSL_RECEIVED_SHUTDOWN);
}

TEST_F(NetTest, ReadReturnsAllThatTlsHoldsBack) {
  const auto client = connect_tls();
  ASSERT_TRUE(client.has_value());
  const std::string record = noise(9000);  // one record, larger than the reads
  ASSERT_EQ((*client)->write(record).bytes, record.size());
  char block[1000];
  std::string got;
  ASSERT_TRUE(until([&] {
    for (;;) {
      const IoResult result = accepted.back()->read(block);
      if (result.status != IoStatus::ok) return false;
      got.append(block, result.bytes);
      if (result.bytes < sizeof block) {
        EXPECT_EQ(SSL_pending(accepted.back()->ssl()), 0)
            << "a caller that waits now would wait for ever";
      } else {
        EXPECT_TRUE(accepted.back()->readable());
      }
      if (got.size() == record.size()) return true;
    }
  }));
  EXPECT_EQ(got, record);
}

// A read that filled its buffer to the last byte may have left nothing behind inside TLS; what came
// to the socket since then must not wait for another edge.
TEST_F(NetTest, FullReadIsFollowedByWhatCameSince) {
  const auto client = connect_tls();
  ASSERT_TRUE(client.has_value());
  Stream& server = *accepted.back();
  const auto arrives = [&](std::size_t size) {
    EXPECT_EQ((*client)->write(noise(size)).bytes, size);
    return until([&] {
      int waiting = 0;
      return ::ioctl(server.descriptor(), FIONREAD, &waiting) == 0 &&
             waiting > static_cast<int>(size);
    });
  };
  char block[1000];
  ASSERT_TRUE(arrives(sizeof block));
  ASSERT_EQ(server.read(block).bytes, sizeof block);
  ASSERT_TRUE(arrives(500));
  const IoResult second = server.read(block);
  EXPECT_EQ(second.status, IoStatus::ok);
  EXPECT_EQ(second.bytes, 500U);
}

TEST_F(NetTest, CutTlsConnectionIsTheEndToo) {
  const auto client = connect_tls();
  ASSERT_TRUE(client.has_value());
  char ticket;
  EXPECT_EQ((*client)->read({&ticket, 1}).status,
            IoStatus::want_read);  // unread bytes would turn the FIN into a reset
  (*client)->close();
  EXPECT_EQ((*client)->write("x").status, IoStatus::failed)
      << "nothing leaves through a closed descriptor";
  char byte;
  IoStatus status = IoStatus::want_read;
  ASSERT_TRUE(until([&] {
    status = accepted.back()->read({&byte, 1}).status;
    return status != IoStatus::want_read;
  }));
  EXPECT_EQ(status, IoStatus::eof) << accepted.back()->error();
  accepted.back()->shutdown();
}

TEST_F(NetTest, PlaintextOnTheTlsPortIsRecognised) {
  const TestCerts certs;
  const auto tls = certs.server();
  serve(&tls);
  for (const std::string_view bytes : {"*1\r\n$4\r\nPING\r\n", "PING\r\n", "AUTH secret\r\n",
                                       "GET / HTTP/1.1\r\n\r\n", "HELLO 3\r\n"}) {
    accepted.clear();
    RawClient client(acceptor->port());
    client.send(bytes);
    IoStatus status = IoStatus::want_read;
    ASSERT_TRUE(until([&] {
      if (!accepted.empty()) status = accepted.back()->handshake().status;
      return status == IoStatus::failed;
    })) << bytes;
    EXPECT_EQ(accepted.back()->error(), kPlaintextOnTls) << bytes;
    accepted.back()->shutdown();
  }
}

TEST_F(NetTest, ClientRefusesAnUnknownCa) {
  const TestCerts certs, others;
  const auto tls = certs.server();
  const auto client_tls = others.client();
  serve(&tls);
  auto client = connect_to(endpoint(Endpoint::Kind::tls), &client_tls);
  ASSERT_TRUE(client.has_error());
  EXPECT_NE(client.error().message().find("certificate verify failed"), std::string::npos)
      << client.error().message();
}

TEST_F(NetTest, ClientRefusesAnotherName) {
  const TestCerts certs({"localhost"});
  const auto tls = certs.server();
  const auto client_tls = certs.client();
  serve(&tls);
  EXPECT_TRUE(connect_to(endpoint(Endpoint::Kind::tls, "localhost"), &client_tls).has_value());
  EXPECT_TRUE(connect_to(endpoint(Endpoint::Kind::tls), &client_tls, "localhost").has_value());
  const auto by_address = connect_to(endpoint(Endpoint::Kind::tls), &client_tls);
  ASSERT_TRUE(by_address.has_error());
  EXPECT_NE(by_address.error().message().find("mismatch"), std::string::npos)
      << by_address.error().message();
  EXPECT_TRUE(connect_to(endpoint(Endpoint::Kind::tls), &client_tls, "other.example").has_error());
}

// The oldest version a peer may offer is 1.2, or 1.3 where the server says so.
TEST_F(NetTest, OldTlsIsRefused) {
  const TestCerts certs;
  auto tls = certs.server();
  for (const auto& [minimum, offered, works] : {std::tuple{"1.2", TLS1_1_VERSION, false},
                                                {"1.2", TLS1_2_VERSION, true},
                                                {"1.3", TLS1_2_VERSION, false}}) {
    accepted.clear();
    tls.minimum = minimum;
    serve(&tls);
    auto context = make_client_context(certs.client());
    ASSERT_TRUE(context.has_value());
    SSL_CTX_set_security_level(context->get(), 0);
    SSL_CTX_set_min_proto_version(context->get(), TLS1_VERSION);
    SSL_CTX_set_max_proto_version(context->get(), offered);
    SSL_CTX_set_cipher_list(context->get(), "ALL:@SECLEVEL=0");
    std::optional<bool> connected;
    const auto handle = connect(io, endpoint(Endpoint::Kind::tls), *context, {}, 3s,
                                [&](const auto& made) { connected = made.has_value(); });
    ASSERT_TRUE(until([&] {
      if (!accepted.empty()) (void)accepted.back()->handshake();
      return connected.has_value();
    }));
    EXPECT_EQ(*connected, works) << minimum << " against " << offered;
  }
}

TEST_F(NetTest, ClientCertificateIsDemandedAndTold) {
  const TestCerts certs;
  const auto client_files = make_dev_client_certificate(certs.dir(), "worker");
  ASSERT_TRUE(client_files.has_value());
  auto tls = certs.server();
  tls.client_ca_file = client_files->ca_file;
  tls.require_client_certificate = true;
  serve(&tls);
  auto client_tls = certs.client();
  // In TLS 1.3 the client is done before the server looks at its certificate: the server's side
  // tells.
  (void)connect_to(endpoint(Endpoint::Kind::tls), &client_tls);
  EXPECT_EQ(server_status, IoStatus::failed);
  client_tls.certificate_file = client_files->certificate_file;
  client_tls.key_file = client_files->key_file;
  const auto client = connect_to(endpoint(Endpoint::Kind::tls), &client_tls);
  ASSERT_TRUE(client.has_value()) << client.error().message();
  EXPECT_EQ(server_status, IoStatus::ok);
  EXPECT_EQ(tls_facts(*accepted.back()->ssl()).certificate_sha256.size(), 64U);
}

// A client that comes back shows its ticket: no second certificate check, and nothing kept on our
// side meanwhile.
TEST_F(NetTest, ReturningClientsResumeByTicket) {
  const TestCerts certs;
  const auto tls = certs.server();
  serve(&tls);
  auto context = make_client_context(certs.client());
  ASSERT_TRUE(context.has_value());
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    SSL_CTX_set_max_proto_version(context->get(), version);
    SessionPtr session(nullptr, &SSL_SESSION_free);
    for (const bool resumed : {false, true, true}) {
      EXPECT_EQ(resumes(**context, session), resumed) << version;
    }
  }
  EXPECT_EQ(SSL_CTX_sess_number(server_context.get()), 0);
}

// Each shard, each reload and each instance makes a context of its own.
TEST_F(NetTest, TicketsOpenWhereTheSecretIsShared) {
  const TestCerts certs;
  auto tls = certs.server();
  serve(&tls);
  auto context = make_client_context(certs.client());
  ASSERT_TRUE(context.has_value());
  const auto write = [&](const char* name, const std::string& text) {
    std::ofstream(certs.dir() + "/" + name) << text;
    return certs.dir() + "/" + name;
  };
  const auto next = [&](const ServerTlsConfig& config) {
    server_context = *make_server_context(config);
  };
  SessionPtr session(nullptr, &SSL_SESSION_free);
  EXPECT_FALSE(resumes(**context, session));
  next(tls);
  EXPECT_TRUE(resumes(**context, session)) << "the secret of the process";
  tls.ticket_secret_file = write("tickets.secret", std::string(64, 's'));
  next(tls);
  EXPECT_FALSE(resumes(**context, session)) << "another secret";
  next(tls);
  EXPECT_TRUE(resumes(**context, session)) << "the secret of the file";
  tls.client_ca_file = certs.ca();
  next(tls);
  EXPECT_FALSE(resumes(**context, session)) << "it vouches for no client certificate";
  tls.ticket_secret_file = write("short.secret", "short");
  EXPECT_THAT(make_server_context(tls).error().message(), testing::HasSubstr("32 random bytes"));
}

TEST_F(NetTest, ContextsNameTheBadFile) {
  const TestCerts certs, others;
  const auto expect = [](ServerTlsConfig config, const std::string& file, const char* what) {
    const auto made = make_server_context(config);
    ASSERT_TRUE(made.has_error()) << what;
    EXPECT_NE(made.error().message().find(file), std::string::npos) << made.error().message();
    EXPECT_NE(made.error().message().find(what), std::string::npos) << made.error().message();
    EXPECT_EQ(ERR_peek_error(), 0U) << "the queue of OpenSSL must be empty";
  };
  auto config = certs.server();
  config.certificate_file = certs.dir() + "/absent.pem";
  expect(config, "absent.pem", "No such file");
  config.certificate_file = certs.key();
  expect(config, "server.key", "no usable PEM certificate");
  config = certs.server();
  config.key_file = certs.certificate();
  expect(config, "server.pem", "no usable PEM key");
  config.key_file = others.key();
  expect(config, others.key(), "does not belong to");
  config = certs.server();
  config.client_ca_file = certs.key();
  expect(config, "CA file", "no usable PEM certificate");
  // A passphrase is never asked for on the terminal.
  const std::string locked = certs.dir() + "/locked.key";
  ASSERT_EQ(std::system(("openssl ec -aes128 -passout pass:x -in " + certs.key() + " -out " +
                         locked + " 2>/dev/null")
                            .c_str()),
            0);
  config = certs.server();
  config.key_file = locked;
  expect(config, "locked.key", "passphrase");
  config = certs.server();
  config.minimum = "1.1";
  expect(config, "1.2", "TLS version");
  auto client = certs.client();
  client.ca_file = certs.dir() + "/absent.pem";
  EXPECT_TRUE(make_client_context(client).has_error());
  client = certs.client();
  client.certificate_file = certs.certificate();
  EXPECT_TRUE(make_client_context(client).has_error()) << "certificate without key";
}

TEST_F(NetTest, DevCertificatesKeepTheirKeysPrivate) {
  const TestCerts certs;
  struct stat info {};
  ASSERT_EQ(::stat(certs.key().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  EXPECT_TRUE(certificate_lasts(certs.certificate(), 29L * 24 * 3600));
  EXPECT_FALSE(certificate_lasts(certs.certificate(), 31L * 24 * 3600));
  EXPECT_FALSE(certificate_lasts(certs.key(), 1));
}

TEST_F(NetTest, ConnectTellsWhyNot) {
  std::optional<Result<std::unique_ptr<Stream>>> result;
  const auto run = [&](const Endpoint& where, std::chrono::milliseconds deadline) {
    result.reset();
    bool inside = true;
    const auto handle = connect(io, where, nullptr, {}, deadline, [&](auto made) {
      EXPECT_FALSE(inside) << "never from inside connect()";
      result = std::move(made);
    });
    inside = false;
    return until([&] { return result.has_value(); }) && result->has_error();
  };
  ASSERT_TRUE(run({Endpoint::Kind::tcp, "127.0.0.1", test::free_port()}, 2s));
  EXPECT_EQ(result->error().code(), Errc::unavailable);
  EXPECT_NE(result->error().message().find("Connection refused"), std::string::npos);
  ASSERT_TRUE(run({Endpoint::Kind::unix_socket, "/nonexistent/redis.sock", 0}, 2s));
  EXPECT_NE(result->error().message().find("unix:///nonexistent/redis.sock"), std::string::npos);
  ASSERT_TRUE(run({Endpoint::Kind::tls, "127.0.0.1", 1}, 2s));
  EXPECT_EQ(result->error().code(), Errc::internal) << "no TLS context";
}

// A server that accepts and says nothing: the deadline ends the handshake; a dropped handle ends it
// without a word.
TEST_F(NetTest, ConnectGivesUpAtTheDeadlineOrWhenDropped) {
  serve(nullptr);
  const TestCerts certs;
  auto context = make_client_context(certs.client());
  std::optional<Result<std::unique_ptr<Stream>>> result;
  auto handle = connect(io, endpoint(Endpoint::Kind::tls), *context, {}, 50ms,
                        [&](auto made) { result = std::move(made); });
  ASSERT_TRUE(until([&] { return result.has_value(); }));
  ASSERT_TRUE(result->has_error());
  EXPECT_EQ(result->error().code(), Errc::timeout);
  result.reset();
  handle = connect(io, endpoint(Endpoint::Kind::tls), *context, {}, 50ms,
                   [&](auto made) { result = std::move(made); });
  until([&] { return accepted.size() == 2; });
  handle.reset();
  const auto end = std::chrono::steady_clock::now() + 100ms;
  until([&] { return std::chrono::steady_clock::now() > end; });
  EXPECT_FALSE(result.has_value());
}

TEST_F(NetTest, ConnectOverAUnixSocket) {
  const test::TempDir dir;
  const std::string path = dir.file("s.sock");
  asio::local::stream_protocol::acceptor listener(io, asio::local::stream_protocol::endpoint(path));
  std::optional<Result<std::unique_ptr<Stream>>> result;
  const auto handle = connect(io, {Endpoint::Kind::unix_socket, path, 0}, nullptr, {}, 2s,
                              [&](auto made) { result = std::move(made); });
  ASSERT_TRUE(until([&] { return result.has_value(); }));
  ASSERT_TRUE(result->has_value()) << result->error().message();
}

TEST_F(NetTest, SeveralAcceptorsShareAPortButOthersAreTold) {
  serve(nullptr);
  const Endpoint same = endpoint(Endpoint::Kind::tcp);
  auto second = Acceptor::listen(io, same);
  EXPECT_TRUE(second.has_value());
  EXPECT_TRUE(check_port_free(same).has_error());
  EXPECT_TRUE(check_port_free({Endpoint::Kind::tcp, "127.0.0.1", test::free_port()}).has_value());
  EXPECT_TRUE(Acceptor::listen(io, {Endpoint::Kind::tcp, "no.such.host.invalid", 1}).has_error());
  EXPECT_TRUE(Acceptor::listen(io, {Endpoint::Kind::unix_socket, "/tmp/x", 0}).has_error());
}

TEST_F(NetTest, DualStackAcceptorShowsIpv4ClientsAsSuch) {
  auto made = Acceptor::listen(io, {Endpoint::Kind::tcp, "", 0});
  ASSERT_TRUE(made.has_value()) << made.error().message();
  std::string address;
  (*made)->start(turn, [&](Descriptor, const Peer& peer) { address = peer.address; });
  RawClient client((*made)->port());
  ASSERT_TRUE(until([&] { return !address.empty(); }));
  EXPECT_EQ(address, "127.0.0.1");
}

TEST_F(NetTest, AcceptsManyAndStopsWhenTold) {
  serve(nullptr);
  std::vector<RawClient> clients;
  for (int count = 0; count < 200; ++count) clients.emplace_back(acceptor->port());
  ASSERT_TRUE(until([&] { return accepted.size() == 200; }));
  acceptor->stop();
  RawClient late;
  EXPECT_FALSE(late.connect(accepted.empty() ? 1 : test::free_port()));
  acceptor.reset();
  EXPECT_EQ(accepted.size(), 200U);
}

// Out of descriptors the loop does not spin, and goes on by itself when there are some again.
TEST_F(NetTest, OutOfDescriptorsItPausesAndRecovers) {
  serve(nullptr);
  std::vector<RawClient> clients;
  for (int count = 0; count < 8; ++count) clients.emplace_back(acceptor->port());
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const int next = ::dup(0);
  ::close(next);
  rlimit tight = before;
  tight.rlim_cur = static_cast<rlim_t>(next) + 3;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
  const auto end = std::chrono::steady_clock::now() + 250ms;
  int turns = 0;
  until([&] {
    ++turns;
    return std::chrono::steady_clock::now() > end;
  });
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(accepted.size(), 3U);
  EXPECT_LT(turns, 100);
  EXPECT_TRUE(until([&] { return accepted.size() == 8; }));
}

}  // namespace
}  // namespace keyward::net
