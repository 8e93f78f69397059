// A hundred thousand credentials that nobody issued, of every form, with every sort of user name:
// none gets in, and none costs much time or memory.
#include "identity/sts_token.h"
#include "support/allocations.h"
#include "token_maker.h"

#include "keyward/net/sigv4.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <random>
#include <set>

namespace keyward::identity {
namespace {

using namespace keyward::identity::testing;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr const char* kOpaque = "AT-19f3a77c2be04d55.opaque~token/of+the-issuer==";
constexpr std::array kUsers{"", "default", "oidc", "alice", "main:alice"};

// Of this thread: what else the machine does does not count.
microseconds cpu_time() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::duration_cast<microseconds>(seconds(time.tv_sec) +
                                                  std::chrono::nanoseconds(time.tv_nsec));
}

class Mutator {
 public:
  explicit Mutator(std::vector<std::string> originals) : originals_(std::move(originals)) {}

  std::size_t number(std::size_t below) { return random_() % below; }
  const std::string& any() { return originals_[number(originals_.size())]; }
  std::string edited(std::string text) {
    for (std::size_t edits = 1 + number(3); edits > 0; --edits) edit(text);
    return text;
  }
  // The JSON inside is edited and wrapped again: all but the signature may be what a parser takes.
  std::string rewrapped(const std::string& token) {
    const std::size_t first = token.find('.'), last = token.rfind('.');
    if (first == std::string::npos || first == last) return edited(token);
    const bool header = number(2) == 0;
    const auto decoded = base64url_decode(header ? token.substr(0, first)
                                                 : token.substr(first + 1, last - first - 1));
    if (!decoded) return edited(token);
    const std::string wrapped = base64url_encode(edited(*decoded));
    return header ? wrapped + token.substr(first)
                  : token.substr(0, first + 1) + wrapped + token.substr(last);
  }
  std::string rewrapped_request(const std::string& token) {
    const auto url = base64url_decode(std::string_view(token).substr(kStsPrefix.size()));
    return url ? make_sts_token(edited(*url)) : edited(token);
  }
  // The head of one and the tail of another.
  std::string spliced() {
    const std::string &one = any(), &other = any();
    return one.substr(0, number(one.size() + 1)) + other.substr(number(other.size() + 1));
  }
  std::string grown(std::string text) {
    const std::size_t at = number(text.size() + 1);
    const std::string piece = number(2) == 0 ? text.substr(at, 64) : std::string(pieces());
    std::string more;
    while (text.size() + more.size() < 16'000 && !piece.empty()) more += piece;
    return text.insert(at, more);
  }

 private:
  std::string_view pieces() {
    static constexpr std::array<std::string_view, 16> kPieces{
        ".",    "..",     "=",       "%00", "\n", " ",    "\"",         std::string_view("\0", 1),
        "\xff", "[[[[[[", "{\"a\":", "&",   "?",  "e999", "kw-aws-v1.", "eyJhbGciOiJub25lIn0"};
    return kPieces[number(kPieces.size())];
  }
  void edit(std::string& text) {
    static constexpr std::string_view kDigits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
    if (text.empty()) text = "x";
    const std::size_t at = number(text.size());
    switch (number(8)) {
      case 0:
        text[at] = kDigits[number(kDigits.size())];
        break;
      case 1:
        text[at] = static_cast<char>(static_cast<unsigned char>(text[at]) ^ (1U << number(8)));
        break;
      case 2:
        text.insert(at, pieces());
        break;
      case 3:
        text.erase(at, 1 + number(8));
        break;
      case 4:
        text.resize(at);
        break;
      case 5:
        std::swap(text[at], text[number(text.size())]);
        break;
      case 6:
        text.insert(at, text.substr(number(text.size()), number(64)));
        break;
      default:
        text[at] = static_cast<char>(number(256));
        break;
    }
  }

  std::vector<std::string> originals_;
  std::mt19937 random_{20261};
};

class Mutations : public ::testing::Test {
 protected:
  Mutations() {
    clock.set_wall(at_second(kNow));
    door.set_keys("main", usual_keys(), clock.mono());
  }
  static IssuerConfig main_rules() {
    IssuerConfig rules = usual_rules();
    rules.algorithms = {"ES256", "RS256", "PS256"};
    rules.introspection.url = "https://issuer.example/introspect";
    return rules;
  }
  static IssuerConfig aws_rules() {
    IssuerConfig rules;
    rules.alias = "aws";
    apply_profile("aws-iam", rules);
    rules.aws.audience = "keyward-prod";
    rules.aws.accounts = {"123456789012"};
    rules.aws.regions = {"eu-west-1", "global"};
    return rules;
  }
  static std::string presigned() {
    const net::sigv4::Request request{"GET",
                                      "sts.eu-west-1.amazonaws.com",
                                      "/",
                                      {{"Action", "GetCallerIdentity"}, {"Version", "2011-06-15"}},
                                      {{"x-keyward-audience", "keyward-prod"}},
                                      ""};
    return net::sigv4::presign(
        request, {"eu-west-1", "sts", std::chrono::sys_seconds(seconds(kNow)), seconds(900)},
        {"ASIAEXAMPLE", Secret("secret"), "token/with+signs=="});
  }
  // What STS or the introspection endpoint would say. STS accepts what was signed: the request that
  // is made anew is then the one of the original, since only it has this signature.
  bool remote_accepts(const RemoteQuestion& question) {
    const std::string_view shown = question.credential.reveal();
    if (question.kind != RemoteQuestion::Kind::aws_sts) return shown == kOpaque;
    const auto request = read_sts_token(shown, aws_rules(), clock.wall());
    const auto* made = std::get_if<StsRequest>(&request);
    return made != nullptr && made->url == original_request;
  }
  bool accepted(std::string_view user, const std::string& secret, bool second_try) {
    const Digest certificate = sha256("somebody's certificate");
    const Verdict verdict = door.authenticate(
        {.user = user, .secret = secret, .source = "10.0.0.1", .certificate = &certificate},
        second_try);
    if (const auto* elsewhere = std::get_if<AskRemote>(&verdict)) {
      EXPECT_EQ(elsewhere->question->credential.reveal(), secret) << "asked about something else";
      return remote_accepts(*elsewhere->question);
    }
    return std::holds_alternative<std::shared_ptr<const Principal>>(verdict);
  }

  FakeClock clock;
  Authenticator door{{main_rules(), aws_rules()}, {"oidc"}, clock};
  const std::string sts_token = make_sts_token(presigned());
  const std::string original_request =
      std::get<StsRequest>(read_sts_token(sts_token, aws_rules(), at_second(kNow))).url;
  const std::vector<std::string> originals{
      token_of(usual_claims()),
      token_of(usual_claims(), rsa_key(), "RS256"),
      token_of(usual_claims(), rsa_key(), "PS256"),
      token_of(claims_with(
          {{"cnf", {{"x5t#S256", base64url_encode(std::string(32, 'x'))}}}})),  // of another's
      sts_token,
      kOpaque};
};

TEST_F(Mutations, Case25MutatedCredentials) {
  for (const std::string& original : originals) {
    EXPECT_EQ(accepted("", original, false), &original != &originals[3]) << original;
  }
  Mutator mutate(originals);
  const std::set<std::string> issued(originals.begin(), originals.end());
  microseconds longest{}, all{};
  std::size_t most = 0, judged = 0;
  const auto before = test::g_allocated;
  while (judged < 100'000) {
    const std::string& original = mutate.any();
    std::string secret;
    switch (mutate.number(8)) {
      case 0:
        secret = mutate.spliced();
        break;
      case 1:
        secret = mutate.grown(original);
        break;
      case 2:
      case 3:
        secret = is_sts_token(original) ? mutate.rewrapped_request(original)
                                        : mutate.rewrapped(original);
        break;
      default:
        secret = mutate.edited(original);
        break;
    }
    if (issued.contains(secret)) continue;
    const std::string user =
        mutate.number(4) == 0 ? mutate.edited("main:alice") : kUsers[mutate.number(kUsers.size())];
    const microseconds began = cpu_time();
    const auto taken = test::allocations_of(
        [&] { ASSERT_FALSE(accepted(user, secret, judged % 2 == 0)) << user << " " << secret; });
    const microseconds took = cpu_time() - began;
    longest = std::max(longest, took);
    all += took;
    most = std::max(most, taken.bytes);
    ++judged;
  }
  const std::size_t kept = test::g_allocated.held - before.held;
  RecordProperty("longest_us", static_cast<int>(longest.count()));
  RecordProperty("mean_us", static_cast<int>(all.count() / static_cast<long>(judged)));
  RecordProperty("most_bytes", static_cast<int>(most));
  RecordProperty("kept_bytes", static_cast<int>(kept));
  // 16 KiB at the most come in, and JSON takes some ten times its text.
  EXPECT_LT(most, 256U * 1024U);
  EXPECT_LT(kept, 256U * 1024U) << "the names of missing keys, and nothing else";
  EXPECT_LT(longest, milliseconds(20));
  EXPECT_LT(all / judged, microseconds(200));
}

TEST_F(Mutations, Case41MutatedUsers) {
  Mutator mutate({kUsers.begin(), kUsers.end()});
  const std::set<std::string> right(kUsers.begin(), kUsers.end());
  for (int round = 0; round < 20'000; ++round) {
    const std::string user =
        mutate.number(50) == 0 ? mutate.grown(mutate.any()) : mutate.edited(mutate.any());
    ASSERT_EQ(accepted(user, originals[0], false), right.contains(user)) << user;
  }
}

}  // namespace
}  // namespace keyward::identity
