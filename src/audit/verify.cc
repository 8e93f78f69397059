#include "keyward/audit/verify.h"

#include "audit/chain.h"
#include "audit/line_head.h"
#include "audit/line_reader.h"
#include "audit/ocsf.h"
#include "audit/previous_run.h"
#include "audit/seal.h"
#include "audit/trail_files.h"

#include "keyward/base/descriptor.h"

#include <boost/json.hpp>

#include <algorithm>
#include <fcntl.h>
#include <sys/stat.h>

namespace keyward::audit {
namespace {

using Progress = std::function<void(std::uint64_t)>;

struct Spot {
  std::string file;
  std::uint64_t line = 0, sequence = 0;
};

std::uint64_t size_of(int fd) {
  struct stat facts {};
  return ::fstat(fd, &facts) == 0 ? static_cast<std::uint64_t>(facts.st_size) : 0;
}

Descriptor open_file(const std::string& path) {
  return Descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
}

// What the start record of a file says; nullopt when there is none, which the walk reports when it
// gets there.
std::optional<StartClaim> claim_of(const TrailFile& file) {
  const Descriptor fd = open_file(file.path);
  if (!fd.open()) return {};
  LineReader reader(fd.number(), std::min<std::uint64_t>(size_of(fd.number()), 2 * kLineLimit), {});
  const auto line = reader.next();
  return line ? parse_claim(*line) : std::nullopt;
}

// One stream, file after file, record after record; stops at the first bad place.
class Walk {
 public:
  Walk(StreamReport& report, std::vector<TrailFile> files, const Progress& progress)
      : report_(report), files_(std::move(files)), progress_(progress) {}

  void run() {
    for (std::size_t index = 0; index < files_.size() && report_.whole; ++index) check_file(index);
    if (!report_.whole) return;
    boost::json::error_code error;
    static_cast<void>(boost::json::parse(last_line_, error));
    const bool stopped = last_kind_ == "stop";
    const bool sound = !error && known_kind(last_kind_) && (!stopped || sealed(last_line_));
    if (!sound) return fail("altered", previous_);
    report_.running = !stopped || report_.torn_bytes > 0;
  }

 private:
  void fail(std::string_view problem, const Spot& spot) {
    report_.whole = false;
    report_.problem = problem;
    report_.file = spot.file;
    report_.line = spot.line;
    report_.sequence = spot.sequence;
  }

  void check_file(std::size_t index) {
    const TrailFile& file = files_[index];
    here_ = Spot{file.name, 1, 0};
    if (!check_number(index)) return;
    const Descriptor fd = open_file(file.path);
    if (!fd.open()) return fail("unreadable", here_);
    const std::uint64_t size = size_of(fd.number());
    std::uint64_t end = size;
    // The next run vouches for what it found behind the last whole record.
    const bool followed = index + 1 < files_.size() && files_[index + 1].number == file.number + 1;
    if (const auto next = followed ? claim_of(files_[index + 1]) : std::nullopt;
        next && next->previous.file == file.name && next->previous.torn_bytes > 0) {
      if (next->previous.torn_bytes > size) return fail("truncated", here_);
      end = size - next->previous.torn_bytes;
      if (!torn_as_claimed(fd.number(), end, size, next->previous.torn_hash)) return;
    }
    LineReader reader(fd.number(), end, progress_);
    check_lines(reader, file);
    if (!report_.whole) return;
    if (reader.failed()) return fail("unreadable", here_);
    if (here_.line == 1) return fail("truncated", here_);  // not one record in it
    ++report_.files;
    if (reader.rest().empty()) return;
    if (followed) return fail("altered", here_);  // the next run did not vouch for this
    if (index + 1 < files_.size()) return;        // a file is missing or forked: said there
    if (!may_become_next(reader.rest())) return fail("altered", here_);
    report_.torn_bytes = reader.rest().size();
  }

  // False when the beginning of a record shows another place than the next one in the chain.
  [[nodiscard]] bool linked_if_it_says(std::string_view rest) const {
    const auto agrees = [](std::string_view text, std::string_view expected) {
      const std::size_t common = std::min(text.size(), expected.size());
      return text.substr(0, common) == expected.substr(0, common);
    };
    const auto chain = find_chain(rest);
    if (!chain) {
      return agrees(rest, kDataOpening) ||
             (rest.starts_with('{') && agrees(rest.substr(1), kChainOpening));
    }
    std::string place(view(last_));
    place.append(R"(","sequence":)").append(std::to_string(sequence_ + 1)).append(",");
    return agrees(rest.substr(*chain), place);
  }

  // What stands behind the last newline of the newest file can only be the beginning of the next
  // record.
  [[nodiscard]] bool may_become_next(std::string_view rest) const {
    if (last_kind_ == "stop" || !linked_if_it_says(rest)) return false;
    boost::json::stream_parser parser;
    boost::json::error_code error;
    return parser.write_some(rest.data(), rest.size(), error) == rest.size() && !error;
  }

  bool check_number(std::size_t index) {
    const std::uint64_t expected = index == 0 ? 1 : files_[index - 1].number + 1;
    if (files_[index].number == expected) return true;
    fail(files_[index].number < expected ? "forked" : "missing file", here_);
    return false;
  }

  // Damage may lie behind the last whole record of a run, if the next run found it just so.
  bool torn_as_claimed(int fd, std::uint64_t begin, std::uint64_t end, const HexDigest& hash) {
    Sha256 sum;
    std::string block(std::size_t{1} << 20, '\0');
    while (begin < end) {
      const ssize_t count =
          ::pread(fd, block.data(), std::min<std::uint64_t>(block.size(), end - begin),
                  static_cast<off_t>(begin));
      if (count <= 0) break;
      sum.add(std::string_view(block).substr(0, static_cast<std::size_t>(count)));
      begin += static_cast<std::uint64_t>(count);
      if (progress_) progress_(static_cast<std::uint64_t>(count));
    }
    if (sum.finish() == hash) return true;
    fail("truncated", here_);
    return false;
  }

  // `here_.line` is left one past the last line.
  void check_lines(LineReader& reader, const TrailFile& file) {
    while (const auto line = reader.next()) {
      const auto head = parse_head(*line);
      here_.sequence = head ? head->sequence : sequence_ + 1;
      if (!head) return fail("altered", here_);
      const bool linked = head->prev == view(last_) && head->sequence == sequence_ + 1;
      if (!linked) return explain(*line, *head, reader);
      if ((here_.line == 1) != (head->kind == "start")) return fail("altered", here_);
      if (here_.line == 1 && !check_claim(*line, file)) return;
      last_ = hash_of(*line);
      sequence_ = head->sequence;
      last_kind_ = head->kind;
      last_line_.assign(*line);
      previous_ = here_;
      ++report_.records;
      ++here_.line;
    }
  }

  // A start record that is linked in the chain must also tell the truth about the files.
  bool check_claim(std::string_view line, const TrailFile& file) {
    const auto claim = parse_claim(line);
    const bool known =
        claim && claim->own_file == file.name && claim->previous.file == previous_.file;
    const bool agrees =
        known && claim->previous.sequence == sequence_ && claim->previous.hash == last_;
    const bool stopped = last_kind_ == "stop" && claim && claim->previous.torn_bytes == 0;
    if (!agrees || (!previous_.file.empty() && claim->previous.stopped != stopped)) {
      fail("altered", here_);
      return false;
    }
    if (!previous_.file.empty() && !stopped) ++report_.crashes;
    return true;
  }

  // Names what broke the link in front of this line. The line's own successor shows which of the
  // two was altered.
  void explain(std::string_view line, const LineHead& head, LineReader& reader) {
    const bool first_line = here_.line == 1;
    const bool linked_hash = head.prev == view(last_);
    if (head.sequence == sequence_ + 1 || linked_hash) {
      if (linked_hash || previous_.file.empty()) return fail("altered", here_);
      const HexDigest hash = hash_of(line);
      const auto next = reader.next();
      const auto next_head = next ? parse_head(*next) : std::nullopt;
      const bool this_line = next_head && next_head->prev != view(hash);
      return fail("altered", this_line ? here_ : previous_);
    }
    if (head.sequence > sequence_ + 1) {
      if (!first_line || head.kind != "start") return fail("gap", here_);
      if (previous_.file.empty()) return fail("missing file", here_);
      previous_.line += 1;
      previous_.sequence += 1;
      return fail("truncated", previous_);
    }
    fail(first_line ? "forked" : "repeated", here_);
  }

  StreamReport& report_;
  std::vector<TrailFile> files_;
  const Progress& progress_;
  HexDigest last_ = kNoHash;
  std::uint64_t sequence_ = 0;
  std::string last_kind_, last_line_;
  Spot here_, previous_;
};

}  // namespace

bool VerifyReport::whole() const {
  return std::all_of(streams.begin(), streams.end(),
                     [](const StreamReport& stream) { return stream.whole; });
}

Result<VerifyReport> verify(const std::string& directory,
                            const std::function<void(std::uint64_t, std::uint64_t)>& progress) {
  auto files = list_trail(directory);
  if (!files) return files.error();
  if (files->empty()) return Error(Errc::not_found, "no audit trail in " + directory);
  std::uint64_t total = 0, done = 0;
  for (const TrailFile& file : *files) {
    const Descriptor fd = open_file(file.path);
    if (fd.open()) total += size_of(fd.number());
  }
  const Progress count = [&](std::uint64_t bytes) {
    done += bytes;
    if (progress) progress(std::min(done, total), total);
  };
  VerifyReport report;
  for (auto begin = files->begin(); begin != files->end();) {
    const auto end = std::find_if(begin, files->end(), [&](const TrailFile& file) {
      return file.instance != begin->instance || file.stream != begin->stream;
    });
    StreamReport& stream = report.streams.emplace_back();
    stream.instance = begin->instance;
    stream.stream = begin->stream;
    Walk(stream, std::vector<TrailFile>(begin, end), count).run();
    begin = end;
  }
  return report;
}

}  // namespace keyward::audit
