#include "forward/ecs_shape.h"

#include "keyward/audit/line_reader.h"
#include "keyward/audit/segment.h"
#include "keyward/audit/trail_files.h"
#include "keyward/trail/ecs.h"

#include <algorithm>

namespace keyward::forward {
namespace {
// Every session is introduced again after 64 MiB of a file (docs/audit.md).
constexpr std::uint64_t kFarEnough = std::uint64_t{80} << 20;
}  // namespace

void EcsShape::go_on_behind(const std::string& directory, const std::string& instance,
                            const std::string& stream, const audit::Place& place) {
  const auto files = audit::list_trail(directory);
  if (!files) return;
  const auto file = std::find_if(files->begin(), files->end(), [&](const audit::TrailFile& one) {
    return one.instance == instance && one.stream == stream && one.number == place.segment;
  });
  if (file == files->end()) return;
  auto segment = audit::Segment::open(file->path);
  if (!segment || segment->size() < place.offset) return;
  Stream& own = streams_[stream];
  own.segment = place.segment;
  const std::uint64_t begin = place.offset > kFarEnough ? place.offset - kFarEnough : 0;
  audit::LineReader reader(*segment, place.offset, {}, begin);
  trail::Record record;
  while (const auto line = reader.next()) {
    if (own.parser.parse(*line, record)) static_cast<void>(own.sessions.join(record));
    own.sessions.passed(line->size() + 1);
  }
}

std::string EcsShape::shape(const audit::FedRecord& record) {
  Stream& own = streams_[record.stream];
  if (own.segment != record.segment) {
    own.sessions.forget();
    own.segment = record.segment;
  }
  trail::Record parsed;
  std::string out;
  if (own.parser.parse(record.line, parsed)) {
    static_cast<void>(own.sessions.join(parsed));
    trail::append_ecs(parsed, out);
  }
  own.sessions.passed(record.line.size() + 1);
  return out;
}

}  // namespace keyward::forward
