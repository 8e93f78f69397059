#include "policy/folder.h"

#include "keyward/base/hash.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace keyward::policy {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostFiles = 1000;
constexpr int kDeepest = 8;
constexpr std::uintmax_t kLargest = 1U << 20;

bool is_policy(const fs::path& path) {
  return path.extension() == ".yaml" || path.extension() == ".yml";
}

bool inside(const fs::path& root, const fs::path& path) {
  const auto [end, rest] = std::mismatch(root.begin(), root.end(), path.begin(), path.end());
  (void)rest;
  return end == root.end();
}

class Walker {
 public:
  Walker(const fs::path& shown, const fs::path& real, Diagnostics& diagnostics)
      : shown_(shown), real_(real), diagnostics_(diagnostics) {}

  void folder(const fs::path& relative, int depth) {
    std::error_code code;
    std::vector<fs::directory_entry> entries;
    fs::directory_iterator at(real_ / relative, code);
    for (; !code && at != fs::directory_iterator(); at.increment(code)) entries.push_back(*at);
    if (code) return fail(relative, "cannot be read: " + code.message());
    std::sort(entries.begin(), entries.end());
    for (const fs::directory_entry& entry : entries) {
      const fs::path name = relative / entry.path().filename();
      if (entry.path().filename().string().starts_with('.')) continue;
      if (entry.is_directory(code)) {
        if (entry.is_symlink(code)) continue;
        if (depth == kDeepest) return fail(name, "policy folders are at most 8 levels deep");
        folder(name, depth + 1);
      } else if (is_policy(name)) {
        file(name);
      }
    }
  }

  void file(const fs::path& relative) {
    std::error_code code;
    const fs::path target = fs::canonical(real_ / relative, code);
    if (code) return fail(relative, "cannot be read: " + code.message());
    if (!inside(real_, target)) return fail(relative, "is a link that leaves the policy folder");
    if (!fs::is_regular_file(target, code)) return fail(relative, "is not a regular file");
    if (fs::file_size(target, code) > kLargest)
      return fail(relative, "a policy file has at most 1 MiB");
    if (files_.size() == kMostFiles)
      return fail(relative, "a policy folder has at most 1000 files");
    std::ifstream stream(target, std::ios::binary);
    std::string content(kLargest + 1, '\0');
    stream.read(content.data(), static_cast<std::streamsize>(content.size()));
    content.resize(static_cast<std::size_t>(stream.gcount()));
    if (stream.bad() || !stream.is_open()) return fail(relative, "cannot be read");
    if (content.size() > kLargest) return fail(relative, "a policy file has at most 1 MiB");
    files_.push_back(
        {relative.generic_string(), (shown_ / relative).generic_string(), std::move(content)});
  }

  [[nodiscard]] std::vector<PolicyFile> take() { return std::move(files_); }

 private:
  void fail(const fs::path& relative, std::string what) {
    diagnostics_.error((relative.empty() ? shown_ : shown_ / relative).generic_string(), 0, 0,
                       std::move(what));
  }

  fs::path shown_, real_;
  Diagnostics& diagnostics_;
  std::vector<PolicyFile> files_;
};

// A ConfigMap volume swaps all its files at once by the link `..data`: followed once, so that no
// swap comes between two files.
fs::path real_files(const fs::path& real) {
  std::error_code code;
  if (!fs::is_symlink(real / "..data", code)) return real;
  const fs::path target = fs::canonical(real / "..data", code);
  return !code && inside(real, target) && fs::is_directory(target, code) ? target : real;
}

std::string first_line(const fs::path& path) {
  std::ifstream stream(path);
  std::string line;
  std::getline(stream, line);
  while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
  return line;
}

bool is_commit(std::string_view text) {
  return (text.size() == 40 || text.size() == 64) &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string packed_ref(const fs::path& git, const std::string& ref) {
  std::ifstream stream(git / "packed-refs");
  for (std::string line; std::getline(stream, line);) {
    const std::size_t space = line.find(' ');
    if (space == std::string::npos || line.substr(space + 1) != ref) continue;
    return is_commit(line.substr(0, space)) ? line.substr(0, space) : "";
  }
  return {};
}

// `git`: the directory with HEAD; a worktree keeps its branches in the directory that `commondir`
// names.
std::string head_commit(const fs::path& git) {
  const std::string head = first_line(git / "HEAD");
  if (is_commit(head)) return head;
  if (!head.starts_with("ref: refs/") || head.find("..") != std::string::npos) return {};
  const std::string ref = head.substr(5);
  std::vector<fs::path> places{git};
  const std::string common = first_line(git / "commondir");
  if (!common.empty()) places.push_back(git / common);
  for (const fs::path& place : places) {
    const std::string commit = first_line(place / ref);
    if (is_commit(commit)) return commit;
    const std::string packed = packed_ref(place, ref);
    if (!packed.empty()) return packed;
  }
  return {};
}

}  // namespace

std::vector<PolicyFile> read_folder(const std::string& folder, Diagnostics& diagnostics) {
  std::error_code code;
  const fs::path real = fs::canonical(folder, code);
  if (code) {
    diagnostics.error(folder, 0, 0, "cannot be read: " + code.message());
    return {};
  }
  if (!fs::is_directory(real, code)) {
    // One file: the folder is where the name says it is, and a link is taken as the file it names.
    const fs::path shown = fs::path(folder);
    Walker walker(shown.parent_path(), real.parent_path(), diagnostics);
    walker.file(real.filename());
    std::vector<PolicyFile> files = walker.take();
    for (PolicyFile& file : files) {
      file.name = shown.filename().generic_string();
      file.path = shown.generic_string();
    }
    return files;
  }
  const bool before = diagnostics.failed();
  Walker walker(folder, real_files(real), diagnostics);
  walker.folder({}, 1);
  std::vector<PolicyFile> files = walker.take();
  std::sort(files.begin(), files.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  if (files.empty() && diagnostics.failed() == before) {
    diagnostics.error(folder, 0, 0, "holds no policy file",
                      "a *.yaml file with apiVersion: keyward/v1");
  }
  return files;
}

std::string content_version(const std::vector<PolicyFile>& files) {
  std::string all;
  for (const PolicyFile& file : files) {
    all += std::to_string(file.name.size()) + ':' + file.name;
    all += std::to_string(file.content.size()) + ':' + file.content;
  }
  return short_hash(all, 16);
}

std::string git_commit(const std::string& folder) {
  std::error_code code;
  fs::path at = fs::canonical(folder, code);
  if (code) return {};
  while (true) {
    const fs::path git = at / ".git";
    if (fs::is_directory(git, code)) return head_commit(git);
    if (fs::is_regular_file(git, code)) {
      const std::string line = first_line(git);
      return line.starts_with("gitdir: ") ? head_commit(at / line.substr(8)) : "";
    }
    if (at == at.parent_path()) return {};
    at = at.parent_path();
  }
}

}  // namespace keyward::policy
