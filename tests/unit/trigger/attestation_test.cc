// Known properties of an attestation: an entry as it was attested is believed on its stream and in
// its time; whatever differs in a byte is refused, each with its reason.
#include "keyward/trigger/attestation.h"

#include "keyward/base/hash.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <vector>

namespace keyward::trigger {
namespace {

using namespace std::string_literals;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Entry = std::vector<std::pair<std::string, std::string>>;

constexpr seconds kDay{86400};
const WallTime kNow{seconds(1'800'000'000)};
const std::string kField(kAttestationField);

AttestationKeys keys_of(const char* secret) { return AttestationKeys(Secret(secret)); }

std::vector<FieldView> views(const Entry& entry) { return {entry.begin(), entry.end()}; }

Attested who(WallTime at = kNow) {
  return {.principal = "okta:alice", .grant = "orders", .at = at, .due = at, .nonce = make_nonce()};
}

Entry attested(const AttestationKeys& keys, const std::string& stream, Entry entry,
               const Attested& by) {
  const std::string text = attest(keys, stream, views(entry), by);
  entry.emplace_back(kField, text);
  return entry;
}

Verdict judged(const AttestationKeys& keys, const std::string& stream, const Entry& entry,
               WallTime now = kNow) {
  return verify(keys, stream, views(entry), now, kDay);
}

Unattested why(const AttestationKeys& keys, const std::string& stream, const Entry& entry,
               WallTime now = kNow) {
  const Verdict verdict = judged(keys, stream, entry, now);
  EXPECT_FALSE(verdict.who);
  return verdict.why;
}

TEST(Attestation, SaysWhoCausedTheEntryAndWhen) {
  const auto keys = keys_of("s3cret");
  Attested by = who();
  by.due = kNow + seconds(5);
  by.principal = "eks:system:serviceaccount:a b%\0\xff\n"s;
  by.grant = "orders,refunds";
  const Verdict verdict =
      judged(keys, "orders", attested(keys, "orders", {{"id", "1"}, {"", ""}}, by));
  ASSERT_TRUE(verdict.who);
  EXPECT_EQ(verdict.who->principal, by.principal);
  EXPECT_EQ(verdict.who->grant, by.grant);
  EXPECT_EQ(verdict.who->at, by.at);
  EXPECT_EQ(verdict.who->due, by.due);
  EXPECT_EQ(verdict.who->nonce, by.nonce);
}

// What docs/attestation.md says, by another implementation (Python: hashlib, hmac).
TEST(Attestation, IsWhatAnotherImplementationMakes) {
  const Attested by{.principal = "okta:alice smith",
                    .grant = "orders",
                    .at = WallTime(milliseconds(1'800'000'000'123)),
                    .due = WallTime(milliseconds(1'800'000'000'123)),
                    .nonce = "AAECAwQFBgcICQoLDA0ODw"};
  EXPECT_EQ(
      attest(keys_of("correct horse"), "shop:orders", views({{"id", "1"}, {"total", "9.90"}}), by),
      "1 1800000000123 1800000000123 AAECAwQFBgcICQoLDA0ODw orders okta:alice%20smith "
      "cgtoZ7nOqXGQs1of5717nnz7_WoRVxqyy5kfqALrN4g");
}

TEST(Attestation, WithoutTheFieldThereIsNone) {
  EXPECT_EQ(why(keys_of("s"), "orders", {{"id", "1"}}), Unattested::absent);
  EXPECT_EQ(why(keys_of("s"), "orders", {}), Unattested::absent);
}

TEST(Attestation, DoubledOrNotTheLastFieldIsMalformed) {
  const auto keys = keys_of("s");
  Entry entry = attested(keys, "orders", {{"id", "1"}}, who());
  Entry twice = entry, before = entry;
  twice.push_back(entry.back());
  EXPECT_EQ(why(keys, "orders", twice), Unattested::malformed);
  std::swap(before[0], before[1]);
  EXPECT_EQ(why(keys, "orders", before), Unattested::malformed);
  // A client's own field of that name under ours.
  EXPECT_EQ(why(keys, "orders", attested(keys, "orders", {{kField, "x"}}, who())),
            Unattested::malformed);
}

TEST(Attestation, AnotherStreamOrSecretIsForged) {
  const auto keys = keys_of("s3cret");
  const Entry entry = attested(keys, "orders", {{"id", "1"}}, who());
  EXPECT_EQ(why(keys, "orders2", entry), Unattested::forged);
  EXPECT_EQ(why(keys, "", entry), Unattested::forged);
  EXPECT_EQ(why(keys_of("s3creu"), "orders", entry), Unattested::forged);
}

TEST(Attestation, TheSecretOfBeforeIsStillBelievedWhereItIsKnown) {
  const Entry entry = attested(keys_of("old"), "orders", {{"id", "1"}}, who());
  const AttestationKeys both(Secret("new"), Secret("old"));
  EXPECT_TRUE(judged(both, "orders", entry).who);
  EXPECT_TRUE(judged(both, "orders", attested(both, "orders", {{"a", "b"}}, who())).who);
  EXPECT_EQ(why(keys_of("new"), "orders", entry), Unattested::forged);
}

TEST(Attestation, AgesFromItsDueTimeAndIsNotBelievedBeforeIt) {
  const auto keys = keys_of("s");
  Attested timer = who();
  timer.due = kNow + seconds(3600);
  const Entry entry = attested(keys, "events", {{"key", "k"}}, timer);
  EXPECT_EQ(why(keys, "events", entry, kNow), Unattested::early);
  EXPECT_TRUE(judged(keys, "events", entry, kNow + seconds(3570)).who);
  EXPECT_TRUE(judged(keys, "events", entry, timer.due + kDay).who);
  EXPECT_EQ(why(keys, "events", entry, timer.due + kDay + milliseconds(1)), Unattested::stale);
  const Entry plain = attested(keys, "events", {{"key", "k"}}, who());
  EXPECT_EQ(why(keys, "events", plain, kNow - seconds(31)), Unattested::early);
  EXPECT_EQ(why(keys, "events", plain, kNow + kDay + seconds(1)), Unattested::stale);
}

// Every byte of the attestation and of the entry counts.
TEST(Attestation, AnAlteredByteIsNeverBelieved) {
  const auto keys = keys_of("s3cret");
  const Entry entry = attested(keys, "orders", {{"id", "17"}, {"to", "bob"}}, who());
  for (std::size_t field = 0; field < entry.size(); ++field) {
    for (const bool name : {true, false}) {
      const std::string& text = name ? entry[field].first : entry[field].second;
      for (std::size_t at = 0; at < text.size(); ++at) {
        for (unsigned bit = 0; bit < 8; ++bit) {
          Entry altered = entry;
          std::string& there = name ? altered[field].first : altered[field].second;
          there[at] = static_cast<char>(static_cast<unsigned char>(there[at]) ^ (1U << bit));
          EXPECT_FALSE(judged(keys, "orders", altered).who) << field << ' ' << at << ' ' << bit;
        }
      }
      for (std::size_t size = 0; size < text.size(); ++size) {
        Entry cut = entry;
        (name ? cut[field].first : cut[field].second).resize(size);
        EXPECT_FALSE(judged(keys, "orders", cut).who) << field << ' ' << size;
      }
    }
  }
}

// Fields that were joined, split, swapped, left out or added are another entry, whatever their
// bytes say together.
TEST(Attestation, NoOtherEntryPassesForAnAttestedOne) {
  const auto keys = keys_of("s3cret");
  std::mt19937 random(7);  // NOLINT: the same cases every time
  const auto text = [&] {
    std::string out(random() % 4, '\0');
    for (char& c : out) c = "ab\0 "[random() % 4];
    return out;
  };
  for (int round = 0; round < 20'000; ++round) {
    Entry one, other;
    for (auto fields = random() % 4; fields > 0; --fields) one.emplace_back(text(), text());
    for (auto fields = random() % 4; fields > 0; --fields) other.emplace_back(text(), text());
    const std::string here = text(), there = text();
    Entry entry = attested(keys, here, one, who());
    ASSERT_TRUE(judged(keys, here, entry).who);
    if (one == other && here == there) continue;
    other.push_back(entry.back());
    ASSERT_EQ(why(keys, there, other), Unattested::forged);
  }
}

// Texts around the grammar: never believed, never read beyond their end.
TEST(Attestation, OnlyItsOwnTextIsRead) {
  const auto keys = keys_of("s3cret");
  const Entry good = attested(keys, "orders", {{"id", "1"}}, who());
  const std::string text = good.back().second;
  std::vector<std::string> bad{"",
                               " ",
                               "1",
                               "1 2 3 4 5 6",
                               "      ",
                               text + " ",
                               " " + text,
                               text + " x",
                               "2" + text.substr(1),
                               "0" + text,
                               std::string(9000, '1'),
                               std::string(100'000, ' ')};
  bad.push_back("1 0" + text.substr(2));
  bad.push_back("1 -" + text.substr(2));
  bad.push_back("1 99999999999999999999" + text.substr(text.find(' ', 2)));
  for (const std::string& each : bad)
    EXPECT_EQ(why(keys, "orders", {{"id", "1"}, {kField, each}}), Unattested::malformed) << each;
  std::mt19937 random(11);  // NOLINT
  for (int round = 0; round < 20'000; ++round) {
    std::string altered = text;
    for (auto edits = 1 + random() % 3; edits > 0; --edits) {
      const std::size_t at = random() % altered.size();
      if (random() % 2 == 0)
        altered.erase(at, 1 + random() % 3);
      else
        altered.insert(at, 1, " %0aZ:1-"[random() % 8]);
    }
    if (altered == text) continue;
    EXPECT_FALSE(judged(keys, "orders", {{"id", "1"}, {kField, altered}}).who) << altered;
  }
}

TEST(Attestation, NoncesDiffer) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(seen.insert(make_nonce()).second);
  EXPECT_EQ(seen.begin()->size(), 22U);
}

TEST(Attestation, AGrantOfTheRuleMustBeAmongThoseThatPermittedIt) {
  Attested by = who();
  by.grant = "a,b.c,d";
  const auto under = [&](std::vector<std::string> from) { return caused_under(by, from); };
  EXPECT_TRUE(under({"a"}));
  EXPECT_TRUE(under({"x", "b.c"}));
  EXPECT_TRUE(under({"d"}));
  EXPECT_FALSE(under({"b"}));
  EXPECT_FALSE(under({"a,b.c"}));
  EXPECT_FALSE(under({""}));
  EXPECT_FALSE(under({}));
  by.grant.clear();
  EXPECT_FALSE(under({""}));
}

TEST(Attestation, EveryReasonHasAName) {
  std::set<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(Unattested::stale); ++i)
    names.insert(to_string(Unattested{static_cast<std::uint8_t>(i)}));
  EXPECT_EQ(names.size(), 5U);
}

}  // namespace
}  // namespace keyward::trigger
