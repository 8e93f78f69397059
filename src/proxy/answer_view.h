// An answer of which the client may see only what view::show leaves: what has to be seen whole is
// gathered, within a bound; the rest streams. No I/O.
#pragma once

#include "keyward/resp/reply_scanner.h"
#include "keyward/view/reply.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace keyward::proxy {

// In upstream::Awaiting::shape: the answer to an EXEC some of whose members have shapes.
inline constexpr std::uint8_t kMembers = 0xFF;

// One answer, or one element of EXEC's.
class ValueView {
 public:
  enum class Trouble : std::uint8_t {
    none,
    too_large,   // more had to be held than the bound allows: the client got an error instead
    unreadable,  // not what Redis documents: the same
  };

  ValueView(view::Shape shape, std::size_t most) : shape_(shape), most_(most) {}
  // Appends what the client gets at this point.
  void feed(const view::Lens& lens, std::string_view bytes, bool last, std::string& out);
  [[nodiscard]] Trouble trouble() const { return trouble_; }

 private:
  enum class Way : std::uint8_t { undecided, streams, gathers, dropped };
  void gather(const view::Lens& lens, std::string_view bytes, bool last, std::string& out);
  bool show_first(const view::Lens& lens, std::string& out);
  void give_up(Trouble why, std::string& out);

  view::Shape shape_;
  std::size_t most_;
  Way way_ = Way::undecided;
  Trouble trouble_ = Trouble::none;
  std::string gathered_;
};

class AnswerView {
 public:
  AnswerView(view::Shape shape, std::size_t most) : value_(shape, most), most_(most) {}
  // Of EXEC, which has as many elements.
  AnswerView(std::vector<view::Member> members, std::size_t most)
      : value_(view::Shape::errors, most), most_(most), members_(std::move(members)) {}
  void feed(const view::Lens& lens, std::string_view bytes, bool last, std::string& out);
  // The worst that happened to any of it.
  [[nodiscard]] ValueView::Trouble trouble() const { return trouble_; }

 private:
  enum class Stage : std::uint8_t { head, members, value };
  std::string_view take_head(std::string_view bytes, std::string& out);
  void note();

  ValueView value_;
  std::size_t most_;
  std::vector<view::Member> members_;
  Stage stage_ = Stage::head;
  std::string head_;  // the first line of EXEC's answer, until it is whole
  std::size_t at_ = 0;
  resp::ReplyScanner scanner_;
  ValueView::Trouble trouble_ = ValueView::Trouble::none;
};

}  // namespace keyward::proxy
