#include "trail/index_build.h"

#include "trail/index_image.h"

#include "keyward/audit/line_head.h"
#include "keyward/audit/line_reader.h"
#include "keyward/audit/trail_files.h"
#include "keyward/trail/reader.h"

#include <algorithm>
#include <cerrno>
#include <deque>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <unordered_map>

namespace keyward::trail {
namespace {

// Bytes of different words of a segment. A segment of 256 MiB in which every command names another
// key has about 10 MB of them.
constexpr std::size_t kMostWords = std::size_t{64} << 20;
constexpr std::size_t kArenaPage = std::size_t{1} << 20;

// Keeps every different word once, and the blocks that have it, in rising order.
class Words {
 public:
  void add(Field field, std::string_view value, std::uint32_t block) {
    probe_.clear();
    probe_ += static_cast<char>(field);
    probe_ += value;
    const auto found = ids_.find(std::string_view(probe_));
    if (found != ids_.end()) {
      Word& word = words_[found->second];
      if (word.blocks.back() != block) word.blocks.push_back(block);
      return;
    }
    if (bytes_ + probe_.size() > kMostWords && (bit_of(field) & kManyWords) != 0) {
      left_out_ |= bit_of(field);
      return;
    }
    const std::string_view text = keep(probe_);
    ids_.emplace(text, words_.size());
    words_.push_back({text, {block}});
  }
  [[nodiscard]] std::uint32_t left_out() const { return left_out_; }

  struct Word {
    std::string_view text;
    std::vector<std::uint32_t> blocks;
  };
  // Sorted. Nothing may be added afterwards.
  [[nodiscard]] std::vector<Word>& sorted() {
    ids_.clear();
    std::erase_if(words_, [this](const Word& word) {
      return (bit_of(static_cast<Field>(word.text.front())) & left_out_) != 0;
    });
    std::sort(words_.begin(), words_.end(),
              [](const Word& a, const Word& b) { return a.text < b.text; });
    return words_;
  }

 private:
  std::string_view keep(std::string_view text) {
    if (pages_.empty() || pages_.back().capacity() - pages_.back().size() < text.size()) {
      pages_.emplace_back();
      pages_.back().reserve(std::max(kArenaPage, text.size()));
    }
    std::string& page = pages_.back();
    const std::size_t before = page.size();
    page += text;
    bytes_ += text.size();
    return std::string_view(page).substr(before);
  }

  std::string probe_;
  std::deque<std::string> pages_;
  std::size_t bytes_ = 0;
  std::unordered_map<std::string_view, std::size_t> ids_;
  std::vector<Word> words_;
  std::uint32_t left_out_ = 0;
};

void put_blocks(std::string& out, const std::vector<std::uint32_t>& which, std::size_t blocks) {
  std::string sparse;
  std::uint32_t last = 0;
  for (const std::uint32_t block : which) {
    put_varint(sparse, block - last);
    last = block;
  }
  const std::size_t dense = (blocks + 7) / 8;
  if (sparse.size() <= dense) {
    put_varint(out, which.size() * 2);
    out += sparse;
    return;
  }
  put_varint(out, which.size() * 2 + 1);
  const std::size_t begin = out.size();
  out.append(dense, '\0');
  for (const std::uint32_t block : which)
    out[begin + block / 8] = static_cast<char>(out[begin + block / 8] | 1 << block % 8);
}

std::size_t shared(std::string_view a, std::string_view b) {
  const auto [end, ignored] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  return static_cast<std::size_t>(end - a.begin());
}

struct Leaves {
  std::string table, words;
  std::uint32_t count = 0;
};

Leaves encode(const std::vector<Words::Word>& words, std::size_t blocks) {
  Leaves out;
  for (std::size_t first = 0; first < words.size(); first += kWordsInLeaf) {
    const std::size_t begin = out.words.size();
    std::string_view before;
    for (std::size_t at = first; at < std::min(first + kWordsInLeaf, words.size()); ++at) {
      const std::string_view text = words[at].text;
      const std::size_t same = shared(before, text);
      put_varint(out.words, same);
      put_varint(out.words, text.size() - same);
      out.words += text.substr(same);
      put_blocks(out.words, words[at].blocks, blocks);
      before = text;
    }
    put_u64(out.table, begin);
    put_u32(out.table, static_cast<std::uint32_t>(out.words.size() - begin));
    put_u32(out.table, checksum(std::string_view(out.words).substr(begin)));
    ++out.count;
  }
  return out;
}

// Reads the lines of a segment into words and zones.
class Builder {
 public:
  explicit Builder(const BuildOptions& options) : fields_(options.fields), query_(options.query) {}

  void add(std::string_view line, std::uint64_t begin, std::uint64_t end) {
    const std::size_t block = block_of(end);
    while (zones_.size() <= block) zones_.push_back({.begin = begin});
    matching_.resize(zones_.size());
    sessions_.passed(line.size() + 1);
    Record record;
    if (!parser_.parse(line, record)) {
      ++head_.unreadable;
      return;
    }
    ++head_.records;
    (void)sessions_.join(record);
    Zone& zone = zones_[block];
    if (zone.first_us > zone.last_us) zone.first_sequence = record.sequence;
    zone.first_us = std::min(zone.first_us, record.time_us);
    zone.last_us = std::max(zone.last_us, record.time_us);
    if (query_ != nullptr && !matching_[block]) matching_[block] = matches(*query_, record);
    words_of(record, [&](Field field, std::string_view value) {
      if ((bit_of(field) & fields_) != 0)
        words_.add(field, value, static_cast<std::uint32_t>(block));
    });
  }

  [[nodiscard]] Built finish(std::uint64_t text_size, const Digest& last_line) {
    const Leaves leaves = encode(words_.sorted(), zones_.size());
    head_.text_size = text_size;
    head_.last_line = last_line;
    head_.fields = fields_ & ~words_.left_out();
    head_.blocks = static_cast<std::uint32_t>(zones_.size());
    head_.leaves = leaves.count;
    Built built{encode_head(head_, zones_, leaves.table) + leaves.words, BlockSet(zones_.size())};
    for (std::size_t block = 0; block < matching_.size(); ++block) {
      if (matching_[block]) built.matching.add(block);
    }
    return built;
  }

 private:
  std::uint32_t fields_;
  const Query* query_;
  RecordParser parser_;
  Sessions sessions_;
  Words words_;
  std::vector<Zone> zones_;
  std::vector<bool> matching_;
  IndexHead head_;
};

Error failed(const std::string& path) {
  return {Errc::io, "index " + path + ": " + std::generic_category().message(errno)};
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

}  // namespace

Result<Built> build_index(audit::Segment& segment, const BuildOptions& options) {
  Builder builder(options);
  audit::LineReader lines(segment, segment.size(), options.progress);
  std::uint64_t at = 0;
  while (const auto line = lines.next()) {
    // A line beyond the limit comes in pieces without newlines.
    const std::uint64_t end = at + line->size() + (line->size() > audit::kLineLimit ? 0 : 1);
    builder.add(*line, at, end);
    at = end;
  }
  if (lines.failed()) return Error(Errc::io, "a segment cannot be read to its end");
  const auto last = last_line_of(segment);
  if (!last) return last.error();
  return builder.finish(segment.size(), *last);
}

Result<Digest> last_line_of(audit::Segment& segment) {
  const std::uint64_t size = segment.size();
  const std::uint64_t begin = size - std::min<std::uint64_t>(size, 2 * audit::kLineLimit);
  const std::uint64_t near = size - std::min<std::uint64_t>(size, 64 << 10);
  for (const std::uint64_t from : {near, begin}) {
    const auto text = audit::read_range(segment, from, size);
    if (!text) return text.error();
    const std::size_t end = text->rfind('\n');
    if (end == std::string::npos) continue;
    const std::size_t before = end == 0 ? std::string::npos : text->rfind('\n', end - 1);
    if (before == std::string::npos && from != 0 && from != begin) continue;
    const std::size_t first = before == std::string::npos ? 0 : before + 1;
    return sha256(std::string_view(*text).substr(first, end - first));
  }
  return sha256({});
}

Result<> store_index(const std::string& segment_path, std::string_view image) {
  const std::string path = audit::index_file(segment_path);
  if (path.empty()) return Error(Errc::invalid, segment_path + " is not named like a segment");
  const std::string draft = path + "." + std::to_string(::getpid()) + ".new";
  ::unlink(draft.c_str());  // of a process of the same number that is gone
  const Descriptor out(
      ::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!out.open()) return failed(draft);
  struct stat facts {};
  // Made by root for somebody else's folder: let them read it.
  if (::geteuid() == 0 && ::stat(segment_path.c_str(), &facts) == 0)
    (void)!::fchown(out.number(), facts.st_uid, facts.st_gid);
  if (write_all(out.number(), image) && ::rename(draft.c_str(), path.c_str()) == 0) return {};
  const Error error = failed(draft);
  ::unlink(draft.c_str());
  return error;
}

}  // namespace keyward::trail
