// First byte: which limits. The rest: what a client sends. Pieces must not matter, memory stays
// capped, what was parsed encodes and parses back equal.
#include "fuzz/pieces.h"
#include "fuzz/require.h"
#include "support/resp_events.h"

#include "keyward/resp/writer.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace {

using keyward::resp::Limits;
using keyward::test::RequestReader;

Limits limits_of(std::uint8_t choice) {
  switch (choice % 3) {
    case 0:
      return {};
    case 1:
      return keyward::resp::before_login();
    default: {
      Limits limits;
      limits.max_args = 100;
      limits.max_bulk = 1000;
      limits.max_inline = 200;
      limits.max_buffered = 1500;
      limits.stream_above = 16;
      return limits;
    }
  }
}

void parses_back(const std::vector<std::string>& words) {
  std::string bytes;
  keyward::resp::write_request(bytes, std::vector<std::string_view>(words.begin(), words.end()));
  RequestReader again(Limits{});
  again.feed(bytes);
  require(again.requests().size() == 1 && again.requests()[0] == words,
          "encoding parses back equal");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Limits limits = limits_of(data[0]);
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  RequestReader whole(limits);
  whole.feed(bytes);
  RequestReader cut(limits);
  for (const std::string_view piece : pieces_of(bytes)) {
    if (cut.failed()) break;
    cut.feed(piece);
    require(cut.failed() || cut.held() <= limits.max_buffered + limits.max_inline + 1,
            "held bytes stay under the cap");
  }
  require(cut.events() == whole.events(), "pieces do not matter");
  require(whole.failed() == !whole.error().empty(),
          "a refusal has words and only a refusal has them");
  for (const auto& words : whole.requests()) parses_back(words);
  return 0;
}
