// Writes the JSON of one line at the end of a text. What is empty is left out.
#pragma once

#include "keyward/audit/json_text.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace keyward::trail {

class JsonOut {
 public:
  explicit JsonOut(std::string& out) : out_(out) { out_ += '{'; }
  // The end of the line's object.
  void finish() { out_ += '}'; }

  // The members that `fill` writes, as an object; nothing when it writes none.
  template <class Fill>
  void object(std::string_view name, Fill&& fill) {
    const std::size_t before = out_.size();
    member(name);
    out_ += '{';
    const std::size_t empty = out_.size();
    fill();
    if (out_.size() == empty) {
      out_.resize(before);
    } else {
      out_ += '}';
    }
  }
  // Bytes that are not UTF-8 stand as characters U+0000 to U+00FF, as in the trail.
  void text(std::string_view name, std::string_view value) {
    if (value.empty()) return;
    member(name);
    string(value);
  }
  void number(std::string_view name, std::int64_t value) {
    member(name);
    out_ += std::to_string(value);
  }
  void count(std::string_view name, std::uint64_t value) {
    if (value == 0) return;
    member(name);
    out_ += std::to_string(value);
  }
  void yes(std::string_view name) {
    member(name);
    out_ += "true";
  }
  void names(std::string_view name, std::span<const std::string_view> values) {
    if (values.empty()) return;
    member(name);
    out_ += '[';
    for (const std::string_view value : values) {
      string(value);
      out_ += ',';
    }
    out_.back() = ']';
  }
  // JSON that somebody else wrote.
  void raw(std::string_view name, std::string_view json) {
    member(name);
    out_ += json;
  }

 private:
  void member(std::string_view name) {
    if (out_.back() != '{') out_ += ',';
    out_ += '"';
    out_ += name;
    out_ += "\":";
  }
  void string(std::string_view value) {
    out_ += '"';
    audit::append_filled(out_, value.size() * audit::kGrowth,
                         [&](char* at) { return audit::escape(at, value).end; });
    out_ += '"';
  }

  std::string& out_;
};

}  // namespace keyward::trail
