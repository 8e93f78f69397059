// The one request that a client has under way, as it left: what Redis refuses although the policy
// allows it can then be sent once more.
#pragma once

#include "proxy/draft.h"

#include "keyward/upstream/reply_sink.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace keyward::proxy {

// Bytes are kept in strings that all sessions of a thread share, so that an idle one holds none.
class LoneRequest {
 public:
  LoneRequest() = default;
  ~LoneRequest() { forget(); }
  LoneRequest(const LoneRequest&) = delete;
  LoneRequest& operator=(const LoneRequest&) = delete;

  // Nothing longer is kept: its refusal is answered.
  static constexpr std::size_t kLongest = 4096;

  void keep(std::string_view request) {
    forget();
    if (request.empty() || request.size() > kLongest) return;
    if (!spare().empty()) {
      bytes_ = std::move(spare().back());
      spare().pop_back();
    }
    bytes_.assign(request);
  }
  void forget() {
    if (bytes_.empty()) return;
    bytes_.clear();
    if (spare().size() < kSpare) spare().push_back(std::move(bytes_));
    bytes_ = {};
  }
  [[nodiscard]] explicit operator bool() const { return !bytes_.empty(); }
  [[nodiscard]] std::string_view bytes() const { return bytes_; }

 private:
  static constexpr std::size_t kSpare = 256;
  static std::vector<std::string>& spare() {
    thread_local std::vector<std::string> strings;
    return strings;
  }
  std::string bytes_;
};

}  // namespace keyward::proxy
