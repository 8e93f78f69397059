#include "audit/segment_check.h"

#include "keyward/audit/line_head.h"

#include <algorithm>

namespace keyward::audit {

SegmentFacts check_segment(const Listed& listed, const Marks* marks,
                           const std::function<void(std::uint64_t)>& progress) {
  SegmentFacts facts;
  auto segment = Segment::open(listed.file.path);
  if (!segment || segment->size() < listed.size) return facts;
  LineReader reader(*segment, listed.size, progress);
  auto mark = std::vector<Mark>::const_iterator{}, marks_end = mark;
  Standing& last = facts.last;
  std::uint64_t& lines = facts.lines;
  while (const auto line = reader.next()) {
    const auto head = parse_head(*line);
    if (!head || (lines == 0) != begins_segment(head->kind)) return facts;
    if (lines == 0) {
      facts.claim = parse_claim(*line);
      if (!facts.claim) return facts;
      facts.first = head->sequence;
      std::copy(head->prev.begin(), head->prev.end(), facts.prev.begin());
      if (marks != nullptr) {
        marks_end = marks->all().end();
        mark = std::lower_bound(
            marks->all().begin(), marks_end, head->sequence,
            [](const Mark& one, std::uint64_t sequence) { return one.sequence < sequence; });
      }
    } else if (head->prev != view(last.hash) || head->sequence != last.sequence + 1) {
      return facts;
    }
    last.hash = hash_of(*line);
    last.sequence = head->sequence;
    last.kind.assign(head->kind);
    facts.time_us = head->time_us;
    ++lines;
    for (; mark != marks_end && mark->sequence == last.sequence; ++mark) {
      if (mark->hash != last.hash) return facts;
    }
    last.line.assign(*line);
  }
  last.spot = Spot{listed.file.name, lines, last.sequence};
  facts.sound = lines > 0 && !reader.failed() && reader.rest().empty();
  return facts;
}

}  // namespace keyward::audit
