#include "keyward/audit/json_text.h"

#include "audit/place.h"

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace keyward::audit {
namespace {

std::string parsed(const std::string& inside) {
  boost::json::error_code error;
  const auto value = boost::json::parse("\"" + inside + "\"", error);
  EXPECT_FALSE(error) << inside;
  return error ? std::string() : std::string(value.as_string());
}

// Independent of the decoder under test: Boost.JSON refuses what is not UTF-8.
bool is_utf8(const std::string& bytes) {
  std::string text = "\"";
  for (const char byte : bytes) {
    if (byte == '"' || byte == '\\') text.push_back('\\');
    text.push_back(static_cast<unsigned char>(byte) < 0x20 ? 'x' : byte);
  }
  boost::json::error_code error;
  static_cast<void>(boost::json::parse(text + "\"", error));
  return !error;
}

std::string latin1_as_utf8(const std::string& bytes) {
  std::string text;
  for (const char byte : bytes) {
    const auto code = static_cast<unsigned char>(byte);
    if (code < 0x80) {
      text.push_back(byte);
    } else {
      text.push_back(static_cast<char>(0xc0 | code >> 6));
      text.push_back(static_cast<char>(0x80 | (code & 0x3f)));
    }
  }
  return text;
}

// What a function writes at the place it is given.
template <typename Fill>
std::string written(const Fill& fill) {
  std::string out;
  append_filled(out, 8192, fill);
  return out;
}

void expect_faithful(const std::string& bytes) {
  Encoding encoding{};
  const std::string inside = written([&](char* at) {
    const Escaped escaped = escape(at, bytes);
    encoding = escaped.encoding;
    return escaped.end;
  });
  EXPECT_EQ(encoding == Encoding::utf8, is_utf8(bytes));
  EXPECT_EQ(parsed(inside), encoding == Encoding::utf8 ? bytes : latin1_as_utf8(bytes));
  EXPECT_TRUE(std::none_of(inside.begin(), inside.end(), [](char byte) {
    return static_cast<unsigned char>(byte) < 0x20 || byte == 0x7f;
  })) << inside;
}

TEST(JsonText, EverySingleByteAndPairComesBack) {
  for (int first = 0; first < 256; ++first) {
    expect_faithful(std::string(1, static_cast<char>(first)));
    for (int second = 0; second < 256; ++second) {
      expect_faithful({static_cast<char>(first), static_cast<char>(second)});
    }
  }
}

TEST(JsonText, RandomBytesComeBack) {
  std::mt19937 random(4711);
  // Favours the edges of UTF-8: leads, continuations, surrogates, what is beyond U+10FFFF.
  const std::string interesting =
      "a\"\\\n\x1b\x7f\x80\x8f\x90\x9f\xa0\xbf\xc0\xc2\xdf\xe0\xe2\xed\xef\xf0\xf4\xf5\xff";
  for (int round = 0; round < 200'000; ++round) {
    std::string bytes(random() % 7 + (random() % 4 == 0 ? 9 : 0), 'x');
    for (char& byte : bytes) {
      if (bytes.size() > 9 && random() % 2 == 0) continue;
      byte = random() % 4 == 0 ? static_cast<char>(random())
                               : interesting[random() % interesting.size()];
    }
    expect_faithful(bytes);
    if (HasFailure()) break;
  }
}

TEST(JsonText, WhatATerminalObeysIsEscaped) {
  const std::string_view text = "\x1b[2J \xc2\x9b \xe2\x80\xa8 \xe2\x80\xae \xe2\x81\xa6 \xc3\xa9";
  EXPECT_EQ(written([&](char* at) { return escape(at, text).end; }),
            "\\u001b[2J \\u009b \\u2028 \\u202e \\u2066 \xc3\xa9");
}

// Eight bytes are looked at together: each of them must be able to stop that.
TEST(JsonText, AByteThatNeedsEscapingIsSeenInEveryPlace) {
  for (int byte = 0; byte < 128; ++byte) {
    for (std::size_t place = 0; place < 19; ++place) {
      std::string bytes = "abcdefgh~!#[]ijk}{z";
      bytes[place] = static_cast<char>(byte);
      expect_faithful(bytes);
    }
  }
}

TEST(JsonText, CutKeepsCharactersWhole) {
  const std::string text = "aa\xe2\x82\xac\xe2\x82\xac";  // aa€€
  EXPECT_EQ(cut(text, 8), text);
  EXPECT_EQ(cut(text, 7), "aa\xe2\x82\xac");
  EXPECT_EQ(cut(text, 5), "aa\xe2\x82\xac");
  EXPECT_EQ(cut(text, 4), "aa");
  EXPECT_EQ(cut(text, 2), "aa");
  EXPECT_EQ(cut(std::string(9, '\x80'), 5).size(), 5U);
}

TEST(JsonText, LongTextsAreBoundedAndSaySo) {
  const std::string text(kTextLimit + 30, 'x');
  EXPECT_EQ(written([&](char* at) { return put_text(at, "name", text); }),
            ",\"name\":\"" + std::string(kTextLimit, 'x') + "...(+30 bytes)\"");
}

TEST(JsonText, NumbersAtTheirLimits) {
  EXPECT_EQ(written([](char* at) {
              at = put(put(at, ~std::uint64_t{0}), ' ');
              return put_signed(at, std::numeric_limits<std::int64_t>::min());
            }),
            "18446744073709551615 -9223372036854775808");
}

// Against the library: every carry, every width.
TEST(Digits, CountAsTheNumberDoes) {
  for (const std::uint64_t start : {std::uint64_t{0}, std::uint64_t{8}, std::uint64_t{96},
                                    std::uint64_t{99'999'990}, ~std::uint64_t{0} - 40}) {
    Digits digits(start);
    for (std::uint64_t step = 0; step < 40; ++step) {
      EXPECT_EQ(digits.text(), std::to_string(start + step));
      EXPECT_EQ(digits.number(), start + step);
      digits.increment();
    }
  }
  Digits digits(123'456);
  digits.set(7);
  EXPECT_EQ(digits.text(), "7");
}

TEST(Digits, MillisecondsOfATimeAreItsFirstDigits) {
  for (const std::uint64_t time : {std::uint64_t{0}, std::uint64_t{999}, std::uint64_t{1000},
                                   std::uint64_t{1'800'000'000'123'456}})
    EXPECT_EQ(milliseconds_of(Digits(time)), std::to_string(time / 1000));
}

}  // namespace
}  // namespace keyward::audit
