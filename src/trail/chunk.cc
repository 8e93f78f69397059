#include "trail/chunk.h"

#include "trail/introduced.h"

#include "keyward/audit/line_head.h"
#include "keyward/audit/segment.h"

#include <algorithm>
#include <array>
#include <map>
#include <unordered_map>

namespace keyward::trail {
namespace {

struct Hash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const {
    return std::hash<std::string_view>()(text);
  }
};
template <class Value>
using ByName = std::unordered_map<std::string, Value, Hash, std::equal_to<>>;
using Introductions = ByName<std::unique_ptr<Introduced>>;

// The mark of `session` records, so that of a block that is read only for them no other line is
// parsed.
constexpr std::string_view kSessionMark = R"("kind":"session")";

template <class Take>
void each_line(std::string_view text, const Take& take) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return;  // not written to its end yet, or torn
    take(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
}

class ChunkReader {
 public:
  ChunkReader(const Chunk& chunk, const Query& query, const Write& write)
      : chunk_(chunk), query_(query), write_(write), index_(*chunk.plan->index) {}

  [[nodiscard]] Hits read() {
    auto segment = audit::Segment::open(chunk_.plan->path);
    if (!segment) {
      hits_.failed = segment.error().message();
      return std::move(hits_);
    }
    segment_ = &*segment;
    for (const std::size_t block : chunk_.blocks) {
      if (!read_block(block)) break;
    }
    return std::move(hits_);
  }

 private:
  bool text_of(std::size_t block, std::string& out) {
    auto text = audit::read_range(*segment_, index_.zone(block).begin, index_.end_of(block));
    if (!text) {
      hits_.failed = chunk_.plan->path + ": " + text.error().message();
      return false;
    }
    ++hits_.blocks_read;
    out = *std::move(text);
    return true;
  }

  bool read_block(std::size_t block) {
    std::string text;
    if (!text_of(block, text)) return false;
    here_.clear();
    bool ok = true;
    each_line(text, [&](std::string_view line) { ok = ok && take(block, line); });
    // Later blocks may need who was introduced here.
    introductions_[block] = std::move(here_);
    return ok;
  }

  bool take(std::size_t block, std::string_view line) {
    Record record;
    if (line.size() > audit::kLineLimit || !parser_.parse(line, record)) {
      ++hits_.unreadable;
      return true;
    }
    if (auto one = introduce(record))
      here_.insert_or_assign(std::string(record.session), std::move(one));
    // Of what a session adds, only the subject's other name can be asked for.
    const bool joins_first = !query_.users.empty();
    if (!joins_first && !matches(query_, record)) return true;
    if (!join(block, record)) return false;
    if (joins_first && !matches(query_, record)) return true;
    ++hits_.count;
    if (!write_) return true;
    const std::size_t begin = hits_.text.size();
    write_(record, hits_.text);
    hits_.hits.push_back({record.time_us, begin, hits_.text.size() - begin});
    return true;
  }

  // False: what the index says of sessions does not hold.
  bool join(std::size_t block, Record& record) {
    if (!record.data() || record.session.empty()) return true;
    if (const auto found = here_.find(record.session); found != here_.end()) {
      complete(record, found->second->record);
      return true;
    }
    const std::vector<std::size_t>* where = blocks_of(record.session);
    if (where == nullptr) return false;
    const auto behind = std::lower_bound(where->begin(), where->end(), block);
    if (behind == where->begin()) {  // was never introduced, if that is so
      hits_.index_wrong = !chunk_.plan->fresh;
      return !hits_.index_wrong;
    }
    const std::size_t before = *(behind - 1);
    const Introductions* there = introduced_in(before);
    if (there == nullptr) return false;
    const auto found = there->find(record.session);
    if (found == there->end()) {
      hits_.index_wrong = true;
      return false;
    }
    complete(record, found->second->record);
    return true;
  }

  // The blocks with `session` records of a session.
  const std::vector<std::size_t>* blocks_of(std::string_view session) {
    if (const auto known = places_.find(session); known != places_.end()) return &known->second;
    const std::array<Asked, 1> asked{{{Field::introduced, std::string(session), false}}};
    const auto found = index_.find(asked);
    if (!found) {
      hits_.index_wrong = true;
      return nullptr;
    }
    std::vector<std::size_t> blocks;
    for (std::size_t block = 0; block < found->size(); ++block) {
      if (found->has(block)) blocks.push_back(block);
    }
    return &places_.insert_or_assign(std::string(session), std::move(blocks)).first->second;
  }

  const Introductions* introduced_in(std::size_t block) {
    if (const auto known = introductions_.find(block); known != introductions_.end())
      return &known->second;
    std::string text;
    if (!text_of(block, text)) return nullptr;
    Introductions found;
    RecordParser parser;
    each_line(text, [&](std::string_view line) {
      Record record;
      if (line.size() > audit::kLineLimit || line.find(kSessionMark) == std::string_view::npos ||
          !parser.parse(line, record))
        return;
      if (auto one = introduce(record))
        found.insert_or_assign(std::string(record.session), std::move(one));
    });
    return &introductions_.insert_or_assign(block, std::move(found)).first->second;
  }

  const Chunk& chunk_;
  const Query& query_;
  const Write& write_;
  const IndexFile& index_;
  audit::Segment* segment_ = nullptr;
  RecordParser parser_;
  Hits hits_;
  Introductions here_;  // of the block being read, as far as it is
  std::map<std::size_t, Introductions> introductions_;
  ByName<std::vector<std::size_t>> places_;
};

}  // namespace

Hits read_chunk(const Chunk& chunk, const Query& query, const Write& write) {
  return ChunkReader(chunk, query, write).read();
}

}  // namespace keyward::trail
