// Request frames, good and bad, that more than one test feeds: to our parser, to Redis, to the
// mutator.
#pragma once

#include <string>
#include <vector>

namespace keyward::test {

// Each is complete: Redis and our parser answer it or refuse it without waiting for more.
inline std::vector<std::string> malformed_requests() {
  const std::string wide(70'000, '7');
  return {
      "*x\r\n",
      "*\r\n",
      "*-\r\n",
      "*+1\r\n",
      "* 1\r\n",
      "*1 \r\n",
      "*01\r\n",
      "*00\r\n",
      "*-0\r\n",
      "*1.0\r\n",
      "*0x1\r\n",
      "*2147483648\r\n",
      "*9223372036854775807\r\n",
      "*9223372036854775808\r\n",
      "*18446744073709551617\r\n",
      "*99999999999999999999999999\r\n",
      "*1\n$4\r\nPING\r\n",
      "*" + wide,
      "*1\r\n+PING\r\n",
      "*1\r\n:1\r\n",
      "*1\r\nPING\r\n",
      "*1\r\n*1\r\n$4\r\nPING\r\n",
      "*1\r\n\r\n",
      "*1\r\n\n\r\n",
      "*1\r\n\x01\r\n",
      "*1\r\n\xff\r\n",
      "*1\r\n'\r\n",
      "*2\r\n$4\r\nPING\r\n?\r\n",
      "*1\r\n$\r\n",
      "*1\r\n$-1\r\n",
      "*1\r\n$-\r\n",
      "*1\r\n$x\r\n",
      "*1\r\n$+4\r\nPING\r\n",
      "*1\r\n$04\r\nPING\r\n",
      "*1\r\n$ 4\r\nPING\r\n",
      "*1\r\n$4 \r\nPING\r\n",
      "*1\r\n$4x\r\nPING\r\n",
      "*1\r\n$536870913\r\n",
      "*1\r\n$9223372036854775807\r\n",
      "*1\r\n$18446744073709551615\r\n",
      "*1\r\n$" + wide,
      "SET a \"b\r\n",
      "SET a 'b\r\n",
      "SET a \"b\"c\r\n",
      "SET a 'b'c\r\n",
      "SET a \"b\\\"\r\n",
      "SET a 'b\\'\r\n",
      "ECHO '\\\\'\r\n",
      "\"\r\n",
      "SET a \"\\x4\r\n",
      "PING " + wide + wide,
  };
}

// Inline lines whose words depend on the quoting rules; each has at least one word.
inline std::vector<std::string> inline_lines() {
  return {
      "ECHO a",
      "  ECHO\t\ta  ",
      "ECHO\va",
      "ECHO \v\f a\vb",
      "ECHO a\fb",
      R"(ECHO "a b")",
      R"(ECHO 'a b')",
      R"(ECHO "")",
      R"(ECHO '')",
      R"(ECHO a"b c")",
      R"(ECHO a'b c')",
      R"(ECHO "\x41\x42\x00\xff")",
      R"(ECHO "\x4")",
      R"(ECHO "\xg1")",
      R"(ECHO "\n\r\t\b\a\\\"\'\q")",
      R"(ECHO '\n\x41\'\"')",
      R"(ECHO '\\ ')",
      R"(ECHO \n\x41)",
      R"(ECHO a\)",
      R"(ECHO "a"	)",
      R"("ECHO" 'a')",
      R"(E"CHO" a)",
      "ECHO caf\xc3\xa9",
      "ECHO \xff\xfe",
      "ECHO \x01\x7f",
      "ECHO a\rb",
      "ECHO *1",
      "ECHO a b",
      "$4",
      "+OK",
  };
}

inline std::vector<std::string> good_requests() {
  return {
      "*1\r\n$4\r\nPING\r\n",
      "*2\r\n$4\r\nECHO\r\n$0\r\n\r\n",
      "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\n\r\n\r\n$\r\n",
      "*0\r\n*1\r\n$4\r\nPING\r\n",
      "*-1\r\n*-9\r\nPING\r\n",
      "\r\n\r\n \t\r\nPING\r\n\n",
      "PING\n",
      "PING\r\r\n",
      "SET \"a b\" '\\'x' \"\\x00\\n\"\r\nGET k\r\n",
      "*1\r\n$4\r\nPING\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\nPING\r\n*1\r\n$4\r\nQUIT\r\n",
      "*2\r\n$4\r\nECHO\r\n$20\r\n01234567890123456789\r\n",
      "*4\r\n$3\r\nSET\r\n$1\r\nk\r\n$40\r\n0123456789012345678901234567890123456789\r\n$"
      "2\r\nNX\r\n"
      "*1\r\n$4\r\nPING\r\n",
      "*3\r\n$40\r\n0123456789012345678901234567890123456789\r\n"
      "$40\r\nabcdefghijabcdefghijabcdefghijabcdefghij\r\n$0\r\n\r\n*0\r\n\r\n*1\r\n$4\r\nPING\r\n",
  };
}

}  // namespace keyward::test
