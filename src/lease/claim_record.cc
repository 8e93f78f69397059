#include "lease/claim_record.h"

#include "keyward/base/hash.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <fstream>
#include <unistd.h>

namespace keyward::lease {
namespace {

constexpr std::string_view kVersion = "claim 1";

std::string first_line(const char* path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::string link_text(const char* path) {
  std::array<char, 128> text{};
  const ssize_t size = ::readlink(path, text.data(), text.size());
  return size > 0 ? std::string(text.data(), static_cast<std::size_t>(size)) : std::string();
}

// The next line; nothing left is an empty one.
std::string_view next(std::string_view& text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(text.size(), line.size() + 1));
  return line;
}

template <class Number>
bool number(std::string_view text, Number& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

std::string write_claim(const ClaimRecord& record) {
  std::string text(kVersion);
  for (const std::string& part :
       {record.run, record.host, record.place, std::to_string(record.pid),
        std::to_string(record.beat), std::to_string(record.period.count())}) {
    text += "\n" + part;
  }
  return text;
}

std::optional<ClaimRecord> read_claim(std::string_view text) {
  if (next(text) != kVersion) return std::nullopt;
  ClaimRecord record;
  record.run = next(text);
  record.host = next(text);
  record.place = next(text);
  std::int64_t period = 0;
  if (!number(next(text), record.pid) || !number(next(text), record.beat) ||
      !number(next(text), period) || period <= 0 || record.run.empty()) {
    return std::nullopt;
  }
  record.period = std::chrono::milliseconds(period);
  return record;
}

ClaimRecord this_process(std::chrono::milliseconds period) {
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = '\0';
  const std::string boot = first_line("/proc/sys/kernel/random/boot_id");
  const std::string space = link_text("/proc/self/ns/pid");
  return {.run = hex(random_bytes(8)),
          .host = host.data(),
          .place = boot.empty() || space.empty() ? std::string() : short_hash(boot + space, 16),
          .pid = ::getpid(),
          .beat = 0,
          .period = period};
}

bool surely_gone(const ClaimRecord& record, const ClaimRecord& self) {
  if (record.place.empty() || record.place != self.place || record.pid <= 0) return false;
  if (record.pid == self.pid) return true;
  return ::kill(static_cast<pid_t>(record.pid), 0) != 0 && errno == ESRCH;
}

std::string claim_name(std::string_view instance_hash) {
  return "instance/" + std::string(instance_hash);
}

void Fellows::heard(const std::string& hash, const std::optional<ClaimRecord>& record,
                    MonoTime now) {
  const auto at = known_.find(hash);
  if (!record) return;  // never known, or not heard since
  if (at == known_.end()) {
    known_.emplace(hash, Fellow{*record, now});
  } else if (at->second.last != *record) {
    at->second = {*record, now};
  }
}

bool Fellows::gone(const std::string& hash, MonoTime now) const {
  const auto at = known_.find(hash);
  return at != known_.end() && at->second.since + 2 * at->second.last.period <= now;
}

}  // namespace keyward::lease
