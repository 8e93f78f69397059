#include "keyward/audit/request.h"

#include "audit/activity.h"
#include "audit/redact.h"

namespace keyward::audit {
namespace {

constexpr std::size_t kRoom = 2 * kNamesSize + kCallsSize + kScriptSize + kQuerySize;

}  // namespace

RequestPrinter::RequestPrinter() : scratch_(std::make_unique_for_overwrite<char[]>(kRoom)) {}

void RequestPrinter::print(const RequestView& request, RequestText& out) {
  char* const begin = scratch_.get();
  const Names keys = put_names(begin, "key", request.args, request.keys, request.name_hash);
  const Names channels = put_names(keys.end, "channel", request.args, request.channels, request.name_hash);
  char* const named = put_script(put_calls(channels.end, request.calls), request);
  const char* const end = put_query(named, request);
  out.text.assign(begin, static_cast<std::size_t>(end - begin));
  out.names_size = static_cast<std::size_t>(named - begin);
  out.activity =
      static_cast<std::uint8_t>(activity_of(request.command, request.reads, request.writes));
  out.writes = request.writes;
  out.cut = keys.cut || channels.cut || request.args.size() > kArgumentsShown;
}

}  // namespace keyward::audit
