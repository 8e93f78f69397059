#include "trail/index_file.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>

namespace keyward::trail {
namespace {

const Error& damaged() {
  static const Error error(Errc::invalid, "the index is not what was written");
  return error;
}

}  // namespace

Result<IndexFile> IndexFile::open(const std::string& path) {
  IndexFile index;
  index.path_ = path;
  if (auto loaded = index.load(); !loaded) return loaded.error();
  return index;
}

Result<IndexFile> IndexFile::of_image(std::string image) {
  IndexFile index;
  index.image_ = std::move(image);
  if (auto loaded = index.load(); !loaded) return loaded.error();
  return index;
}

Result<IndexFile::Source> IndexFile::source() const {
  Source source;
  if (path_.empty()) {
    source.image = image_;
    source.size = image_.size();
    return source;
  }
  source.file.reset(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat facts {};
  if (!source.file.open() || ::fstat(source.file.number(), &facts) != 0)
    return Error(errno == ENOENT ? Errc::not_found : Errc::io,
                 "the index cannot be read: " + std::generic_category().message(errno));
  if (!S_ISREG(facts.st_mode)) return damaged();
  source.size = static_cast<std::uint64_t>(facts.st_size);
  return source;
}

bool IndexFile::Source::read(std::string& into, std::uint64_t offset, std::size_t count) const {
  if (offset > size || count > size - offset) return false;
  if (!file.open()) {
    into.assign(image.substr(offset, count));
    return true;
  }
  into.resize(count);
  for (std::size_t filled = 0; filled < count;) {
    const ssize_t got = ::pread(file.number(), into.data() + filled, count - filled,
                                static_cast<off_t>(offset + filled));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    filled += static_cast<std::size_t>(got);
  }
  return true;
}

Result<> IndexFile::load() {
  const auto from = source();
  if (!from) return from.error();
  std::string bytes;
  if (!from->read(bytes, 0, kHeadSize)) return damaged();
  const auto head = decode_head(bytes);
  if (!head || head->blocks > kMostBlocks) return damaged();
  const std::uint64_t tables =
      head->blocks * std::uint64_t{kZoneSize} + head->leaves * std::uint64_t{kLeafSize};
  if (tables > from->size - kHeadSize) return damaged();
  std::string rest;
  if (!from->read(rest, kHeadSize, tables)) return damaged();
  const std::uint32_t sum = u32_at(bytes, kHeadSize - 4);
  bytes.resize(kHeadSize - 4);
  if (checksum(bytes + rest) != sum) return damaged();
  head_ = *head;
  words_begin_ = kHeadSize + tables;
  zones_.reserve(head->blocks);
  for (std::size_t block = 0; block < head->blocks; ++block) {
    const std::size_t at = block * kZoneSize;
    zones_.push_back(
        {u64_at(rest, at), u64_at(rest, at + 8), u64_at(rest, at + 16), u64_at(rest, at + 24)});
    // What is read of the segment is decided by these.
    const std::uint64_t before = block == 0 ? 0 : zones_[block - 1].begin;
    if (zones_[block].begin < before || zones_[block].begin > head->text_size) return damaged();
  }
  if (!zones_.empty() && zones_.front().begin != 0) return damaged();
  leaves_.reserve(head->leaves);
  for (std::size_t leaf = 0; leaf < head->leaves; ++leaf) {
    const std::size_t at = head->blocks * kZoneSize + leaf * kLeafSize;
    leaves_.push_back({u64_at(rest, at), u32_at(rest, at + 8), u32_at(rest, at + 12)});
    if (leaves_.back().size > kMostLeafBytes) return damaged();
  }
  return {};
}

Result<std::string> IndexFile::leaf_text(const Source& from, std::size_t leaf) const {
  std::string text;
  if (!from.read(text, words_begin_ + leaves_[leaf].offset, leaves_[leaf].size) ||
      checksum(text) != leaves_[leaf].sum)
    return damaged();
  return text;
}

bool IndexFile::next_entry(std::string_view& rest, Entry& entry, std::size_t blocks) {
  std::uint64_t same = 0, more = 0, count = 0;
  if (!take_varint(rest, same) || !take_varint(rest, more)) return false;
  if (same > entry.text.size() || more > rest.size()) return false;
  entry.text.resize(same);
  entry.text += rest.substr(0, more);
  rest.remove_prefix(more);
  const std::string_view begin = rest;
  if (!take_varint(rest, count)) return false;
  if ((count & 1U) != 0) {
    if (rest.size() < (blocks + 7) / 8) return false;
    rest.remove_prefix((blocks + 7) / 8);
  } else {
    std::uint64_t ignored = 0;
    for (std::uint64_t left = count / 2; left > 0; --left) {
      if (!take_varint(rest, ignored)) return false;
    }
  }
  entry.blocks = begin.substr(0, begin.size() - rest.size());
  return true;
}

bool IndexFile::add_blocks(std::string_view encoded, BlockSet& out) {
  std::uint64_t count = 0;
  if (!take_varint(encoded, count)) return false;
  if ((count & 1U) != 0) {
    for (std::size_t block = 0; block < out.size(); ++block) {
      if ((static_cast<std::uint8_t>(encoded[block / 8]) >> block % 8 & 1U) != 0) out.add(block);
    }
    return true;
  }
  std::uint64_t block = 0, step = 0;
  for (std::uint64_t left = count / 2; left > 0; --left) {
    if (!take_varint(encoded, step)) return false;
    block += step;
    if (step > out.size() || block >= out.size()) return false;
    out.add(block);
  }
  return true;
}

Result<std::size_t> IndexFile::leaf_of(const Source& from, std::string_view word) const {
  std::size_t low = 0, high = leaves_.size();  // the answer is in [low, high)
  while (high - low > 1) {
    const std::size_t middle = low + (high - low) / 2;
    const auto text = leaf_text(from, middle);
    if (!text) return text.error();
    std::string_view rest = *text;
    Entry first;
    if (!next_entry(rest, first, zones_.size())) return damaged();
    (first.text <= word ? low : high) = middle;
  }
  return low;
}

Result<> IndexFile::find_one(const Source& from, const Asked& asked, BlockSet& out) const {
  if (leaves_.empty()) return {};
  const std::string word = static_cast<char>(asked.field) + asked.value;
  const auto first = leaf_of(from, word);
  if (!first) return first.error();
  for (std::size_t leaf = *first; leaf < leaves_.size(); ++leaf) {
    const auto text = leaf_text(from, leaf);
    if (!text) return text.error();
    std::string_view rest = *text;
    Entry entry;
    while (!rest.empty()) {
      if (!next_entry(rest, entry, zones_.size())) return damaged();
      if (entry.text < word) continue;
      const bool fits = asked.prefix ? entry.text.starts_with(word) : entry.text == word;
      if (!fits) return {};  // sorted: nothing behind it fits either
      if (!add_blocks(entry.blocks, out)) return damaged();
      if (!asked.prefix) return {};
    }
  }
  return {};
}

Result<BlockSet> IndexFile::find(std::span<const Asked> any) const {
  const auto from = source();
  if (!from) return from.error();
  BlockSet out(zones_.size());
  for (const Asked& asked : any) {
    if ((head_.fields & bit_of(asked.field)) == 0) return BlockSet(zones_.size(), true);
    if (auto found = find_one(*from, asked, out); !found) return found.error();
  }
  return out;
}

}  // namespace keyward::trail
