// An index, asked which blocks of its segment may hold a word. Read where it is needed and not
// mapped: a file that somebody cuts off while it is read is an error then, not the end of the
// process. Opened for each question: a trail of years has more segments than a process may have
// files open.
#pragma once

#include "trail/index_image.h"

#include "keyward/base/descriptor.h"
#include "keyward/base/result.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace keyward::trail {

// find() may be called on several threads.
class IndexFile {
 public:
  // Errors: not there, not whole, of another version.
  [[nodiscard]] static Result<IndexFile> open(const std::string& path);
  [[nodiscard]] static Result<IndexFile> of_image(std::string image);

  [[nodiscard]] const IndexHead& head() const { return head_; }
  [[nodiscard]] std::size_t blocks() const { return zones_.size(); }
  [[nodiscard]] const Zone& zone(std::size_t block) const { return zones_[block]; }
  [[nodiscard]] std::uint64_t end_of(std::size_t block) const {
    return block + 1 < zones_.size() ? zones_[block + 1].begin : head_.text_size;
  }

  // The blocks that have one of the words; all of them where the index does not hold the field.
  // Errors: what was read is not what was written.
  [[nodiscard]] Result<BlockSet> find(std::span<const Asked> any) const;

 private:
  struct Leaf {
    std::uint64_t offset = 0;
    std::uint32_t size = 0, sum = 0;
  };
  struct Entry {
    std::string text;
    std::string_view blocks;  // encoded
  };

  // Where bytes come from for the length of one question.
  struct Source {
    Descriptor file;
    std::string_view image;
    std::uint64_t size = 0;
    [[nodiscard]] bool read(std::string& into, std::uint64_t offset, std::size_t count) const;
  };

  [[nodiscard]] Result<Source> source() const;
  Result<> load();
  [[nodiscard]] Result<std::string> leaf_text(const Source& from, std::size_t leaf) const;
  [[nodiscard]] static bool next_entry(std::string_view& rest, Entry& entry, std::size_t blocks);
  [[nodiscard]] static bool add_blocks(std::string_view encoded, BlockSet& out);
  // The last leaf whose first word is not behind `word`.
  [[nodiscard]] Result<std::size_t> leaf_of(const Source& from, std::string_view word) const;
  [[nodiscard]] Result<> find_one(const Source& from, const Asked& asked, BlockSet& out) const;

  std::string path_;  // empty: `image_` it is
  std::string image_;
  std::uint64_t words_begin_ = 0;
  IndexHead head_;
  std::vector<Zone> zones_;
  std::vector<Leaf> leaves_;
};

}  // namespace keyward::trail
