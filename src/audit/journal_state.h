// What a journal holds. journal.cc encodes, chains and writes; journal_segments.cc begins and ends
// segments; journal_sync.cc has what was written brought to the disk.
#pragma once

#include "audit/chain.h"
#include "audit/data_record.h"
#include "audit/head.h"
#include "audit/line_buffer.h"
#include "audit/ocsf.h"
#include "audit/place.h"
#include "audit/previous_run.h"
#include "audit/stream_file.h"
#include "audit/syncer.h"

#include "keyward/audit/journal.h"

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

namespace keyward::audit {

// No two journals of the process share a chapter.
[[nodiscard]] std::uint64_t new_chapter();

struct Journal::State {
  static constexpr std::size_t kKeepCapacity = std::size_t{4} << 20;
  // A session that is still at work says again who it is after so much: a reader of a record need
  // not look further back.
  static constexpr std::uint64_t kChapterSize = std::uint64_t{64} << 20;
  static constexpr std::chrono::seconds kNameCheckInterval{1};

  State(JournalConfig settings, const Clock& source)
      : config(std::move(settings)),
        clock(source),
        writer(config.instance, config.stream, config.redis_label),
        data(config.instance, config.stream, config.redis_label) {}

  JournalConfig config;
  const Clock& clock;
  OcsfWriter writer;
  DataRecords data;
  Chain chain;
  std::uint64_t chapter = new_chapter(), chapter_ends = kChapterSize;  // in bytes of this file
  Subject nobody;
  RecordPlace place;        // of the next record, but for its hash
  bool clock_read = false;  // since the last flush
  Descriptor lock;
  StreamFile file;
  std::uint64_t number = 0;      // of the segment
  std::uint64_t file_size = 0;   // with what waits for it
  std::uint64_t file_first = 0;  // sequence of its first record
  MonoTime opened{};
  MonoTime next_rotation_try{};

  LineBuffer buffer;  // the first `written` bytes are with the kernel
  std::size_t written = 0;
  std::uint64_t durable = 0;
  Counters counters;
  bool closed = false;
  std::shared_ptr<Head> head = std::make_shared<Head>();

  struct Trouble {
    WallTime since{};
    std::uint64_t attempts = 0, shed = 0;
    int error = 0;
  };
  Trouble trouble;
  bool failing = false;

  std::unique_ptr<Syncer> syncer;  // once a record asked for it
  std::function<void()> on_synced;
  std::uint64_t sync_wanted = 0;  // the last record that asked for it
  std::uint64_t sync_requested = 0;
  std::optional<MonoTime> sync_since;  // since when something is waited for
  bool sync_late = false;
  MonoTime next_name_check{};

  Result<> start();
  [[nodiscard]] const RecordPlace& next_place();
  void added(const char* begin, const char* end);
  using Sign = std::function<void(std::span<char> line)>;
  std::uint64_t put(const Event& event, std::string_view extra, const Sign& sign = {});
  std::uint64_t put_data(const Event& event);
  const Opening& opening_of(const Subject& subject, std::uint32_t db);
  bool write_out();
  void fail(int error);
  void recover();
  void publish();
  void request_sync(MonoTime now);
  void mind_sync(MonoTime now);
  Result<> enter_segment(const PreviousRun& previous, Kind kind);
  [[nodiscard]] bool outlived(MonoTime now) const;
  void rotate(MonoTime now);
  [[nodiscard]] bool file_is_gone(MonoTime now);
};

}  // namespace keyward::audit
