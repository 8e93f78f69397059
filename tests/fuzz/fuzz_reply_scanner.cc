// What an upstream sends: pieces must not matter and the promises of the header hold.
#include "fuzz/pieces.h"
#include "fuzz/require.h"
#include "support/reply_feeder.h"

#include <cstdint>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const keyward::test::Scan whole = keyward::test::scan_of(bytes);
  require(whole.contract, "the header's promises");
  keyward::test::ReplyFeeder feeder;
  for (const std::string_view piece : pieces_of(bytes)) feeder.feed(piece);
  require(feeder.scan() == whole, "pieces do not matter");
  return 0;
}
