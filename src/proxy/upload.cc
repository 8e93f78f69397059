#include "proxy/upload.h"

#include "keyward/resp/writer.h"

#include <algorithm>

namespace keyward::proxy {

bool Upload::write_pending(std::string& out, std::span<const std::string_view> args) {
  if (args.size() != args_.size()) return false;
  for (std::size_t i = 0; i < written_; ++i) {
    const bool other = i < renamed_.size() && !renamed_[i].empty();
    if (args[i] != (other ? renamed_[i] : args_[i])) return false;
  }
  if (written_ == 0) resp::write_request_head(out, total_);
  for (; written_ < args_.size(); ++written_) {
    // A streamed argument: its bytes went before; only the line end is missing.
    const bool streamed = args_[written_].empty() && lengths_[written_] > 0;
    if (streamed) {
      out.append("\r\n");
      continue;
    }
    resp::write_bulk(out, args[written_]);
    if (args[written_] == args_[written_]) continue;
    renamed_.resize(written_);
    renamed_.emplace_back(args[written_]);
  }
  return true;
}

std::size_t Upload::longest(std::size_t next) const {
  for (std::size_t i = 0; i < args_.size(); ++i) {
    if (args_[i].empty()) next = std::max(next, lengths_[i]);
  }
  return next;
}

std::span<const std::string_view> Upload::views() {
  views_.assign(args_.begin(), args_.end());
  return views_;
}

}  // namespace keyward::proxy
