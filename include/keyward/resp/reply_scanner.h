// Upstream bytes -> where a reply ends. The trusted side: framing only, RESP2 and RESP3, no tree, resumable at every byte.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace keyward::resp {

// The first line of a reply or of one of its children.
struct FrameHead {
  char type = 0;             // '+' '-' ':' '$' '*' '_' '#' ',' '(' '!' '=' '%' '~' '>' '|'
  std::int64_t number = 0;   // value of ':' ; length of '$' '!' '=' ; element count of aggregates; -1 = null
  char word[32] = {};        // first word of '+' and '-' ("OK", "NOPERM", "MOVED"), zero-terminated, cut at 31
  [[nodiscard]] bool is_error() const { return type == '-' || type == '!'; }
  [[nodiscard]] bool is_null() const { return type == '_' || (number < 0 && (type == '$' || type == '*')); }
  [[nodiscard]] std::string_view first_word() const { return word; }
};

class ReplyScanner {
 public:
  struct Progress {
    std::size_t used = 0;    // leading bytes that belong to the current reply
    bool head_known = false; // head() is valid (stays true until the next reply begins)
    bool done = false;       // the reply ended at `used`; the next feed() begins another
    bool bad = false;        // not RESP: close the link
  };
  // Looks at no more than one reply. RESP3 attributes ('|') count as part of the reply that follows them.
  Progress feed(std::string_view bytes);

  [[nodiscard]] const FrameHead& head() const { return head_; }
  // When on, heads of the direct children of a top-level array are kept (for EXEC). Applies from the next reply on.
  void keep_children(bool on) { keep_children_ = on; }
  [[nodiscard]] const std::vector<FrameHead>& children() const { return children_; }
  [[nodiscard]] bool at_boundary() const;  // no reply is in progress

 private:
  FrameHead head_;
  bool keep_children_ = false;
  std::vector<FrameHead> children_;
  // Further private state belongs to the implementation.
};

}  // namespace keyward::resp
