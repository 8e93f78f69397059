// Upstream bytes -> where a reply ends. The trusted side: framing only, RESP2 and RESP3, no tree,
// resumable at every byte.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace keyward::resp {

// The first line of a reply or of one of its children.
struct FrameHead {
  char type = 0;  // '+' '-' ':' '$' '*' '_' '#' ',' '(' '!' '=' '%' '~' '>' '|'
  std::int64_t number =
      0;  // value of ':' ; length of '$' '!' '=' ; element count of aggregates; -1 = null
  char word[32] =
      {};  // first word of '+' and '-' ("OK", "NOPERM", "MOVED"), zero-terminated, cut at 31
  [[nodiscard]] bool is_error() const { return type == '-' || type == '!'; }
  [[nodiscard]] bool is_null() const {
    return type == '_' || (number < 0 && (type == '$' || type == '*'));
  }
  [[nodiscard]] std::string_view first_word() const { return word; }
};

class ReplyScanner {
 public:
  struct Progress {
    std::size_t used = 0;     // leading bytes that belong to the current reply
    bool head_known = false;  // head() is valid (stays true until the next reply begins)
    bool done = false;        // the reply ended at `used`; the next feed() begins another
    bool bad = false;         // not RESP: close the link
  };
  // Looks at no more than one reply. RESP3 attributes ('|') count as part of the reply that follows
  // them.
  Progress feed(std::string_view bytes);

  [[nodiscard]] const FrameHead& head() const { return head_; }
  // When on, heads of the direct children of a top-level array are kept (for EXEC), at most a
  // million of them. Applies from the next reply on. Attributes are no children.
  void keep_children(bool on) { keep_children_ = on; }
  [[nodiscard]] const std::vector<FrameHead>& children() const { return children_; }
  [[nodiscard]] bool at_boundary() const {
    return stage_ == Stage::boundary;
  }  // no reply is in progress

 private:
  FrameHead head_;
  bool keep_children_ = false;
  std::vector<FrameHead> children_;

  enum class Stage : std::uint8_t { boundary, line, body, failed };
  enum class Step : std::uint8_t { more, element, failed };
  struct Level {
    std::uint64_t left = 0;  // elements still to come
    bool attribute = false;  // its end is no element of the level above
  };
  static constexpr std::size_t kStored = 64;

  void begin();
  std::size_t take_line(std::string_view bytes, Step& step);
  std::size_t take_body(std::string_view bytes, Step& step);
  Step line_done(std::string_view line, std::size_t length);
  Step aggregate(const FrameHead& head);
  void keep(const FrameHead& head);
  bool element_done();

  Stage stage_ = Stage::boundary;
  bool head_known_ = false;
  bool keeping_ = false;       // keep_children_ as it was when the reply began
  bool after_cr_ = false;      // the line's CR was the last byte seen
  char stored_[kStored] = {};  // first bytes of a line that came in pieces
  std::size_t line_length_ = 0;
  std::uint64_t left_ = 0;  // bytes of a bulk body still to come, its CRLF included
  std::vector<Level> levels_;
};

}  // namespace keyward::resp
