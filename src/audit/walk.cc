#include "audit/walk.h"

#include "audit/ocsf.h"
#include "audit/seal.h"

#include "keyward/audit/line_head.h"

#include <boost/json.hpp>

#include <algorithm>

namespace keyward::audit {

std::optional<StartClaim> claim_of(const TrailFile& file) {
  auto segment = Segment::open(file.path);
  if (!segment) return {};
  LineReader reader(*segment, std::min<std::uint64_t>(segment->size(), 2 * kLineLimit), {});
  const auto line = reader.next();
  return line ? parse_claim(*line) : std::nullopt;
}

bool claim_holds(const StartClaim& claim, const TrailFile& file, const Standing& before) {
  const PreviousRun& said = claim.previous;
  if (claim.own_file != file.name) return false;
  // What stood before was removed: its hash and number are signed, the rest nobody can check.
  if (before.spot.file.empty() && before.sequence > 0)
    return said.sequence == before.sequence && said.hash == before.hash;
  const bool stopped = before.kind == "stop" && said.torn_bytes == 0;
  const bool followed = !before.spot.file.empty();
  if (said.file != before.spot.file || said.sequence != before.sequence ||
      said.hash != before.hash || (followed && said.stopped != stopped))
    return false;
  return !said.rotated || (followed && !stopped && said.torn_bytes == 0);
}

void Walk::judge_end(const Standing& last) {
  boost::json::error_code error;
  static_cast<void>(boost::json::parse(last.line, error));
  const bool stopped = last.kind == "stop";
  const bool sound = !error && known_kind(last.kind) && (!stopped || sealed(last.line));
  if (!sound) return fail("altered", last.spot);
  report_.last = last.sequence;
  report_.running = !stopped || report_.torn_bytes > 0;
  if (marks_ == nullptr || marks_->newest() <= last.sequence) return;
  Spot after = last.spot;
  ++after.line;
  ++after.sequence;
  fail("truncated", after);
}

void Walk::fail(std::string_view problem, const Spot& spot) {
  report_.whole = false;
  report_.problem = problem;
  report_.file = spot.file;
  report_.line = spot.line;
  report_.sequence = spot.sequence;
}

// The first segment that is there begins the stream, or begins where it was signed to begin.
bool Walk::enter(std::size_t index) {
  const TrailFile& file = files_[index].file;
  if (index > 0) {
    const std::uint64_t before = files_[index - 1].file.number;
    if (file.number == before + 1) return true;
    fail(file.number <= before ? "forked" : "missing file", here_);
    return false;
  }
  const Origin beginning;
  const Origin* origin = marks_ != nullptr  ? marks_->origin(file.number)
                         : file.number == 1 ? &beginning
                                            : nullptr;
  if (origin == nullptr) {
    fail("missing file", here_);
    return false;
  }
  last_.sequence = origin->sequence - 1;
  last_.hash = origin->prev;
  report_.first = origin->sequence;
  return true;
}

void Walk::check_file(std::size_t index) {
  const TrailFile& file = files_[index].file;
  here_ = Spot{file.name, 1, 0};
  if (!enter(index)) return;
  auto segment = Segment::open(file.path);
  if (!segment) return fail("unreadable", here_);
  const std::uint64_t size = std::min(segment->size(), files_[index].size);
  std::uint64_t end = size;
  // The next segment vouches for what it found behind the last whole record.
  const bool followed =
      index + 1 < files_.size() && files_[index + 1].file.number == file.number + 1;
  if (const auto next = followed ? claim_of(files_[index + 1].file) : std::nullopt;
      next && next->previous.file == file.name && next->previous.torn_bytes > 0) {
    if (next->previous.torn_bytes > size) return fail("truncated", here_);
    end = size - next->previous.torn_bytes;
    if (!torn_as_claimed(*segment, end, size, next->previous.torn_hash)) return;
  }
  LineReader reader(*segment, end, {});
  check_lines(reader, file);
  if (!report_.whole) return;
  if (reader.failed()) return fail("unreadable", here_);
  if (here_.line == 1) return fail("truncated", here_);  // not one record in it
  ++report_.files;
  if (reader.rest().empty()) return;
  if (followed) return fail("altered", here_);  // the next one did not vouch for this
  if (index + 1 < files_.size()) return;        // a segment is missing or forked: said there
  if (!may_become_next(reader.rest())) return fail("altered", here_);
  report_.torn_bytes = reader.rest().size();
}

// `here_.line` is left one past the last line.
void Walk::check_lines(LineReader& reader, const TrailFile& file) {
  auto mark = std::vector<Mark>::const_iterator{}, marks_end = mark;
  if (marks_ != nullptr) {
    marks_end = marks_->all().end();
    mark = std::upper_bound(
        marks_->all().begin(), marks_end, last_.sequence,
        [](std::uint64_t sequence, const Mark& one) { return sequence < one.sequence; });
  }
  while (const auto line = reader.next()) {
    const auto head = parse_head(*line);
    here_.sequence = head ? head->sequence : last_.sequence + 1;
    if (!head) return fail("altered", here_);
    const bool linked = head->prev == view(last_.hash) && head->sequence == last_.sequence + 1;
    if (!linked) return explain(*line, head->sequence, head->prev, head->kind, reader);
    if ((here_.line == 1) != begins_segment(head->kind)) return fail("altered", here_);
    if (here_.line == 1) {
      const auto claim = parse_claim(*line);
      if (!claim || !claim_holds(*claim, file, last_)) return fail("altered", here_);
      if (!claim->previous.file.empty() && !claim->previous.stopped && !claim->previous.rotated)
        ++report_.crashes;
    }
    last_.hash = hash_of(*line);
    last_.sequence = head->sequence;
    last_.kind = head->kind;
    last_.line.assign(*line);
    last_.spot = here_;
    for (; mark != marks_end && mark->sequence == last_.sequence; ++mark) {
      if (mark->hash != last_.hash) return fail("forked", here_);
    }
    ++report_.records;
    ++here_.line;
  }
}

// Names what broke the link in front of this line. The line's own successor shows which of the two
// was altered.
void Walk::explain(std::string_view line, std::uint64_t sequence, std::string_view prev,
                   std::string_view kind, LineReader& reader) {
  const bool first_line = here_.line == 1;
  const bool linked_hash = prev == view(last_.hash);
  if (sequence == last_.sequence + 1 || linked_hash) {
    if (linked_hash || last_.spot.file.empty()) return fail("altered", here_);
    const HexDigest hash = hash_of(line);
    const auto next = reader.next();
    const auto next_head = next ? parse_head(*next) : std::nullopt;
    const bool this_line = next_head && next_head->prev != view(hash);
    return fail("altered", this_line ? here_ : last_.spot);
  }
  if (sequence > last_.sequence + 1) {
    if (!first_line || !begins_segment(kind)) {
      // The one that belongs here stands further down: the two changed places.
      while (const auto later = reader.next()) {
        const auto head = parse_head(*later);
        if (head && head->sequence == last_.sequence + 1) return fail("swapped", here_);
      }
      return fail("gap", here_);
    }
    if (last_.spot.file.empty()) return fail("missing file", here_);
    Spot after = last_.spot;
    ++after.line;
    ++after.sequence;
    return fail("truncated", after);
  }
  fail(first_line ? "forked" : "repeated", here_);
}

// Damage may lie behind the last whole record of a run, if the next run found it just so.
bool Walk::torn_as_claimed(Segment& segment, std::uint64_t begin, std::uint64_t end,
                           const HexDigest& hash) {
  Sha256 sum;
  std::string block(std::size_t{1} << 20, '\0');
  while (begin < end) {
    const ssize_t count =
        segment.read(block.data(), std::min<std::uint64_t>(block.size(), end - begin), begin);
    if (count <= 0) break;
    sum.add(std::string_view(block).substr(0, static_cast<std::size_t>(count)));
    begin += static_cast<std::uint64_t>(count);
  }
  if (sum.finish() == hash) return true;
  fail("truncated", here_);
  return false;
}

// False when the beginning of a record shows another place than the next one in the chain.
bool Walk::linked_if_it_says(std::string_view rest) const {
  const auto agrees = [](std::string_view text, std::string_view expected) {
    const std::size_t common = std::min(text.size(), expected.size());
    return text.substr(0, common) == expected.substr(0, common);
  };
  const auto chain = find_chain(rest);
  if (!chain) {
    return agrees(rest, kDataOpening) ||
           (rest.starts_with('{') && agrees(rest.substr(1), kChainOpening));
  }
  std::string place(view(last_.hash));
  place.append(R"(","sequence":)").append(std::to_string(last_.sequence + 1)).append(",");
  return agrees(rest.substr(*chain), place);
}

// What stands behind the last newline of the newest segment can only be the beginning of the next
// record.
bool Walk::may_become_next(std::string_view rest) const {
  if (last_.kind == "stop" || !linked_if_it_says(rest)) return false;
  boost::json::stream_parser parser;
  boost::json::error_code error;
  return parser.write_some(rest.data(), rest.size(), error) == rest.size() && !error;
}

}  // namespace keyward::audit
