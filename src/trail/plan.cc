#include "trail/plan.h"

#include "trail/index_build.h"

#include "keyward/audit/trail_files.h"

#include <algorithm>

namespace keyward::trail {
namespace {

// Errors: why it must not be used.
Result<IndexFile> beside(const std::string& path, audit::Segment& segment) {
  const std::string name = audit::index_file(path);
  if (name.empty()) return Error(Errc::not_found, "no name for an index");
  auto index = IndexFile::open(name);
  if (!index) return index;
  if (index->head().text_size != segment.size())
    return Error(Errc::invalid, "the index is of a segment of another size");
  const auto last = last_line_of(segment);
  if (!last) return last.error();
  const Digest& ends_with = index->head().last_line;
  if (!std::equal(ends_with.begin(), ends_with.end(), last->begin()))
    return Error(Errc::invalid, "the index is of another segment");
  return index;
}

Result<BlockSet> wanted_by(const IndexFile& index, const Query& query) {
  BlockSet wanted(index.blocks());
  for (std::size_t block = 0; block < index.blocks(); ++block) {
    const Zone& zone = index.zone(block);
    if (zone.first_us <= zone.last_us && zone.last_us >= query.from_us &&
        zone.first_us < query.until_us)
      wanted.add(block);
  }
  for (const auto& list : asked_by(query)) {
    const auto found = index.find(list);
    if (!found) return found.error();
    wanted.keep(*found);
  }
  return wanted;
}

}  // namespace

Plan make_plan(const std::string& path, const Query& query, const PlanOptions& options,
               const std::function<void(std::uint64_t)>& progress) {
  Plan plan;
  plan.path = path;
  auto segment = audit::Segment::open(path);
  if (!segment) {
    plan.failed = segment.error().message();
    return plan;
  }
  if (options.use_index) {
    auto index = beside(path, *segment);
    auto wanted = index ? wanted_by(*index, query) : Result<BlockSet>(index.error());
    if (wanted) {
      plan.index.emplace(*std::move(index));
      plan.wanted = *std::move(wanted);
      return plan;
    }
    // That a segment grew since is as it should be.
    if (options.settled && wanted.error().code() != Errc::not_found)
      plan.rejected = wanted.error().message();
  }
  const bool store = options.use_index && options.settled;
  auto built = build_index(*segment, {.fields = store ? kAllFields : bit_of(Field::introduced),
                                      .query = &query,
                                      .progress = progress});
  if (!built) {
    plan.failed = path + ": " + built.error().message();
    return plan;
  }
  // A folder that says no is no trouble: the index serves this search from memory.
  if (store) plan.written = !store_index(path, built->image).has_error();
  auto index = IndexFile::of_image(std::move(built->image));
  if (!index) {
    plan.failed = path + ": " + index.error().message();
    return plan;
  }
  plan.index.emplace(*std::move(index));
  plan.wanted = std::move(built->matching);
  plan.fresh = true;
  return plan;
}

}  // namespace keyward::trail
