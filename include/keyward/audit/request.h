// The part of a record that shows a request, made while the request is there and kept until its
// outcome is known.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace keyward::audit {

class NameHash;

struct RequestView {
  std::string_view command{};                // "set", "config|set"
  std::span<const std::string_view> args{};  // the whole request
  std::span<const std::uint32_t> keys{};     // which of them are names and may be shown
  std::span<const std::uint32_t> channels{};
  std::span<const std::size_t> lengths{};  // of all, where `args` lacks bytes; else empty
  // Of a script that is handed over: the commands its text names, as the catalogue spells them.
  std::span<const std::string_view> calls{};
  // Of what is scripted: the SHA-1 of its text, and the names of a function and its library.
  std::string_view script_sha1{}, function{}, library{};
  // Bit i: argument i is the word of an option; or may be shown if it is a number.
  std::uint64_t option_words = 0, plain_numbers = 0;
  bool reads = false, writes = false;
  const NameHash* name_hash = nullptr;  // set: names are shown as hashes
};

// JSON that holds the command's name, the names of keys and channels and the lengths of everything
// else, never a value.
struct RequestText {
  std::string text;  // the names, then the query
  std::size_t names_size = 0;
  std::uint8_t activity = 0;  // of OCSF class 6005
  bool writes = false;
  bool cut = false;  // something of the request is not shown

  [[nodiscard]] std::string_view names() const {
    return std::string_view(text).substr(0, names_size);
  }
  [[nodiscard]] std::string_view query() const { return std::string_view(text).substr(names_size); }
};

// Renders requests one after the other; `out` keeps its memory from use to use.
class RequestPrinter {
 public:
  RequestPrinter();
  void print(const RequestView& request, RequestText& out);

 private:
  std::unique_ptr<char[]> scratch_;  // room for the longest that a request can give
};

}  // namespace keyward::audit
