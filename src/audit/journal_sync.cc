// How a journal has what was written brought to the disk, and tells when that takes too long.
#include "audit/journal_state.h"

#include <algorithm>
#include <fcntl.h>

namespace keyward::audit {

// Of everything that was written, when somebody waits for a part of it.
void Journal::State::request_sync(MonoTime now) {
  if (std::min(sync_wanted, durable) <= sync_requested) return;
  if (!syncer) {
    const Descriptor folder(::open(config.directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    syncer = std::make_unique<Syncer>(folder.number(), on_synced);
    syncer->enter(file.descriptor());
  }
  sync_requested = durable;
  syncer->request(durable);
  if (!sync_since) sync_since = now;
}

// Tells a disk that takes too long from one that does not. The record that says so waits for
// nothing.
void Journal::State::mind_sync(MonoTime now) {
  if (sync_wanted == 0) return;
  request_sync(now);
  if (!syncer) return;
  if (syncer->synced() >= sync_requested) {
    sync_since.reset();
  } else if (!sync_late && now - *sync_since >= config.sync_limit) {
    sync_late = true;
    ++counters.late_syncs;
  }
  if (!sync_late || sync_since || syncer->error() != 0) return;
  sync_late = false;
  Event event;
  event.kind = Kind::gap;
  event.reason = "the trail could not be brought to the disk in time; no record was lost";
  put(event, R"(,"lost":0)");
}

}  // namespace keyward::audit
