#include "keyward/audit/trail_files.h"

#include "keyward/audit/segment.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <system_error>
#include <tuple>

namespace keyward::audit {
namespace {

constexpr std::string_view kEnding = ".jsonl";
constexpr std::size_t kStampSize = 16;  // YYYYMMDDTHHMMSSZ

bool word(std::string_view text, std::size_t limit, bool dots) {
  return !text.empty() && text.size() <= limit && text.front() != '.' &&
         std::all_of(text.begin(), text.end(), [dots](char byte) {
           return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                  (byte >= '0' && byte <= '9') || byte == '_' || byte == '-' ||
                  (dots && byte == '.');
         });
}

bool digits(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char byte) { return byte >= '0' && byte <= '9'; });
}

bool is_stamp(std::string_view text) {
  return text.size() == kStampSize && text[8] == 'T' && text[15] == 'Z' &&
         digits(text.substr(0, 8)) && digits(text.substr(9, 6));
}

}  // namespace

bool valid_instance(std::string_view instance) { return word(instance, 128, true); }
bool valid_stream(std::string_view stream) { return word(stream, 64, false); }

std::string file_name(std::string_view instance, std::string_view stream, WallTime started,
                      std::uint64_t number) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(started);
  return fmt::format("{}.{}.{:%Y%m%dT%H%M%S}Z-{:06}{}", instance, stream,
                     fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)), number, kEnding);
}

std::optional<TrailFile> parse_file_name(std::string_view name) {
  const bool compressed = name.ends_with(kCompressedEnding);
  if (compressed) name.remove_suffix(kCompressedEnding.size());
  if (!name.ends_with(kEnding)) return {};
  std::string_view rest = name.substr(0, name.size() - kEnding.size());
  const std::size_t dash = rest.rfind('-');
  const std::size_t last_dot = rest.rfind('.');
  if (dash == std::string_view::npos || last_dot == std::string_view::npos || dash < last_dot)
    return {};
  const std::string_view number = rest.substr(dash + 1);
  const std::string_view stamp = rest.substr(last_dot + 1, dash - last_dot - 1);
  rest = rest.substr(0, last_dot);
  const std::size_t dot = rest.rfind('.');
  if (dot == std::string_view::npos || !is_stamp(stamp)) return {};
  TrailFile file;
  file.name = name;
  file.compressed = compressed;
  file.instance = rest.substr(0, dot);
  file.stream = rest.substr(dot + 1);
  if (number.size() < 6 || !digits(number) || !valid_instance(file.instance) ||
      !valid_stream(file.stream))
    return {};
  const auto [end, error] =
      std::from_chars(number.data(), number.data() + number.size(), file.number);
  if (error != std::errc{} || file.number == 0) return {};
  return file;
}

std::string index_file(std::string_view segment_path) {
  if (segment_path.ends_with(kCompressedEnding))
    segment_path.remove_suffix(kCompressedEnding.size());
  if (!segment_path.ends_with(kEnding)) return {};
  segment_path.remove_suffix(kEnding.size());
  return std::string(segment_path) + ".index";
}

Result<std::vector<TrailFile>> list_trail(const std::string& directory) {
  std::error_code error;
  std::vector<TrailFile> files;
  std::filesystem::directory_iterator entry(directory, error);
  if (error) return Error(Errc::io, "audit directory " + directory + ": " + error.message());
  for (; entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    auto file = parse_file_name(entry->path().filename().string());
    if (!file) continue;
    file->path = entry->path().string();
    files.push_back(*std::move(file));
  }
  if (error) return Error(Errc::io, "audit directory " + directory + ": " + error.message());
  std::sort(files.begin(), files.end(), [](const TrailFile& a, const TrailFile& b) {
    return std::tie(a.instance, a.stream, a.number, a.name, a.compressed) <
           std::tie(b.instance, b.stream, b.number, b.name, b.compressed);
  });
  files.erase(std::unique(files.begin(), files.end(),
                          [](const TrailFile& a, const TrailFile& b) { return a.name == b.name; }),
              files.end());
  return files;
}

}  // namespace keyward::audit
