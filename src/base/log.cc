#include "keyward/base/log.h"

#include "keyward/base/utf8.h"

#include <spdlog/sinks/stdout_sinks.h>

#include <chrono>
#include <fmt/chrono.h>
#include <memory>

namespace keyward::log {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";

void append_hex(spdlog::memory_buf_t& out, std::string_view prefix, unsigned char byte) {
  out.append(prefix.data(), prefix.data() + prefix.size());
  out.push_back(kHexDigits[byte >> 4U]);
  out.push_back(kHexDigits[byte & 15U]);
}

void append(spdlog::memory_buf_t& out, std::string_view text) {
  out.append(text.data(), text.data() + text.size());
}

// Message bytes that cannot end the line or the JSON string they stand in.
void append_escaped(spdlog::memory_buf_t& out, std::string_view text, bool json) {
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const std::size_t step = utf8_step(text, i);
    if (step == 0) {
      if (json) {
        append(out, "\\ufffd");
      } else {
        append_hex(out, "\\x", byte);
      }
    } else if (byte < 0x20 || byte == 0x7F) {
      append_hex(out, json ? "\\u00" : "\\x", byte);
    } else {
      if (json && (byte == '"' || byte == '\\')) out.push_back('\\');
      append(out, text.substr(i, step));
    }
    i += step == 0 ? 1 : step;
  }
}

std::string_view level_name(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::trace:
      return "trace";
    case spdlog::level::debug:
      return "debug";
    case spdlog::level::info:
      return "info";
    case spdlog::level::warn:
      return "warn";
    default:
      return "error";
  }
}

// One event, one line, in UTC, whatever bytes the message holds.
class LineFormatter final : public spdlog::formatter {
 public:
  explicit LineFormatter(bool json) : json_(json) {}

  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    const auto since = message.time.time_since_epoch();
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since);
    const auto millis =
        std::chrono::duration_cast<std::chrono::milliseconds>(since - seconds).count();
    const std::time_t whole = static_cast<std::time_t>(seconds.count());
    const std::string time = fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(whole), millis);
    const std::string_view payload(message.payload.data(), message.payload.size());
    if (json_) {
      append(out, R"({"time":")");
      append(out, time);
      append(out, R"(","level":")");
      append(out, level_name(message.level));
      append(out, R"(","message":")");
      append_escaped(out, payload, true);
      append(out, "\"}\n");
    } else {
      append(out, time);
      out.push_back(' ');
      append(out, level_name(message.level));
      out.push_back(' ');
      append_escaped(out, payload, false);
      out.push_back('\n');
    }
  }
  [[nodiscard]] std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<LineFormatter>(json_);
  }

 private:
  bool json_;
};

spdlog::level::level_enum level_of(std::string_view name) {
  if (name == "trace") return spdlog::level::trace;
  if (name == "debug") return spdlog::level::debug;
  if (name == "warn") return spdlog::level::warn;
  if (name == "error") return spdlog::level::err;
  return spdlog::level::info;
}

}  // namespace

void setup(std::string_view level, bool json) {
  auto logger = std::make_shared<spdlog::logger>("keyward",
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_formatter(std::make_unique<LineFormatter>(json));
  logger->set_level(level_of(level));
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
}

std::string printable(std::string_view bytes, std::size_t limit) {
  std::string out;
  const std::string_view shown = bytes.substr(0, limit);
  out.reserve(shown.size());
  for (const char c : shown) {
    const auto byte = static_cast<unsigned char>(c);
    // The backslash too, so that no two inputs look alike.
    if (byte >= 0x20 && byte < 0x7F && c != '\\') {
      out.push_back(c);
    } else {
      out += "\\x";
      out.push_back(kHexDigits[byte >> 4U]);
      out.push_back(kHexDigits[byte & 15U]);
    }
  }
  if (bytes.size() > limit) out += "...";
  return out;
}

}  // namespace keyward::log
