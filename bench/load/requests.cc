#include "requests.h"

#include "arrival.h"

#include <algorithm>
#include <cstring>

namespace keyward::load {

namespace {

constexpr std::size_t kDigits = 8;
constexpr std::size_t kCompared = 4096;  // of a longer value, its first and last bytes

std::string filler(std::size_t size) {
  std::string out(size, 0);
  std::uint32_t state = 12345;
  for (char& c : out) {
    state = state * 1664525U + 1013904223U;
    c = static_cast<char>('a' + (state >> 24) % 26);
  }
  return out;
}

}  // namespace

Requests::Requests(const Options& options) : keys_(options.keys), gets_(options.gets) {
  const std::string zeros(kDigits, '0');
  // Keys of different value sizes are different keys: whoever filled them, a GET finds its size.
  const std::string key = options.prefix + "s" + std::to_string(options.size) + ":" + zeros;
  const std::string value = zeros + filler(options.size - kDigits);
  get_ = command({"GET", key});
  set_ = command({"SET", key, value});
  reply_ = "$" + std::to_string(options.size) + "\r\n" + value + "\r\n";
  get_key_ = get_.size() - 2 - kDigits;
  set_value_ = set_.size() - 2 - options.size;
  set_key_ = set_value_ - std::to_string(options.size).size() - 5 - kDigits;
  reply_value_ = reply_.size() - 2 - options.size;
}

std::uint64_t Requests::random() {
  state_ ^= state_ << 13;
  state_ ^= state_ >> 7;
  state_ ^= state_ << 17;
  return state_;
}

double Requests::uniform() { return static_cast<double>((random() >> 11) + 1) * 0x1p-53; }

Request Requests::draw(std::uint64_t at) {
  const std::uint64_t bits = random();
  const auto key = static_cast<std::uint32_t>(((bits >> 32) * keys_) >> 32) + 1;
  return {at, key, ((bits & 0xFFFFU) * 100) >> 16 < gets_};
}

void Requests::number(std::string& text, std::size_t at, std::uint32_t key) const {
  for (std::size_t digit = kDigits; digit-- > 0; key /= 10) {
    text[at + digit] = static_cast<char>('0' + key % 10);
  }
}

void Requests::append(const Request& request, std::string& out) {
  if (request.get) {
    number(get_, get_key_, request.key);
    out += get_;
  } else {
    number(set_, set_key_, request.key);
    std::memcpy(&set_[set_value_], &set_[set_key_], kDigits);
    out += set_;
  }
}

Requests::Check Requests::check(const Request& request, std::string_view input,
                                std::size_t& length) {
  static constexpr std::string_view kOk = "+OK\r\n";
  length = request.get ? reply_.size() : kOk.size();
  const std::size_t have = std::min(input.size(), length);
  if (!request.get) {
    if (std::memcmp(input.data(), kOk.data(), have) != 0) return Check::wrong;
    return have == length ? Check::right : Check::partial;
  }
  if (have < length) {  // the header tells an error or a null at once
    const std::size_t part = std::min(have, reply_value_);
    return std::memcmp(input.data(), reply_.data(), part) == 0 ? Check::partial : Check::wrong;
  }
  number(reply_, reply_value_, request.key);
  const std::size_t head = std::min(length, kCompared);
  const bool same =
      std::memcmp(input.data(), reply_.data(), head) == 0 &&
      std::memcmp(input.data() + length - head, reply_.data() + length - head, head) == 0;
  return same ? Check::right : Check::wrong;
}

}  // namespace keyward::load
