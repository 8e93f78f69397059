#include "cli/policy_folder.h"
#include "cli/verbs.h"

#include "keyward/review/fmt.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

namespace keyward::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLargest = std::size_t{1} << 20;  // of a policy file

struct FmtOptions {
  std::vector<std::string> files;
  bool check = false;
  bool json = false;
};

Result<std::string> read_file(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  std::string content(kLargest + 1, '\0');
  stream.read(content.data(), static_cast<std::streamsize>(content.size()));
  content.resize(static_cast<std::size_t>(stream.gcount()));
  if (!stream.is_open() || stream.bad()) return Error(Errc::io, path + ": cannot be read");
  if (content.size() > kLargest)
    return Error(Errc::limit, path + ": a policy file has at most 1 MiB");
  return content;
}

// The rights of every grant, as two folders of equal meaning have them.
Result<std::vector<std::string>> rights_in(const std::string& path) {
  Diagnostics diagnostics;
  const auto snapshot = policy::Snapshot::load(path, command::Catalog::built_in(), {}, diagnostics);
  if (!snapshot) return Error(Errc::invalid, diagnostics.text());
  std::vector<std::string> out;
  for (const policy::GrantInfo& info : snapshot->grants()) {
    const auto grants = snapshot->grants_as_written(info.name);
    if (!grants) return grants.error();
    std::string who;
    for (const policy::Who& one : info.who) {
      who += one.issuer + '\n' + one.subject + '\n';
      for (const std::string& group : one.groups) who += group + '\n';
      for (const auto& [claim, value] : one.claims) who += claim + '=' + value + '\n';
    }
    out.push_back(info.team + '\n' + info.name + '\n' + (*grants)->rights_id() + '\n' + who);
  }
  out.push_back(std::to_string(snapshot->expectations()));
  return out;
}

// Loaded before and after, it grants the same: the last check before anything is written.
Result<> same_rights(const std::string& path, const std::string& before, const std::string& after) {
  const ScratchFolder scratch;
  const std::string name = fs::path(path).filename().string();
  if (!scratch.made() || !scratch.write("before/" + name, before) ||
      !scratch.write("after/" + name, after))
    return Error(Errc::io, "no place for temporary files");
  const auto had = rights_in(scratch.path() + "/before");
  if (!had) {
    // The copy's place means nothing to anybody.
    std::string why = had.error().message();
    const std::string copy = scratch.path() + "/before/" + name;
    for (std::size_t at = why.find(copy); at != std::string::npos; at = why.find(copy, at))
      why.replace(at, copy.size(), path);
    while (why.ends_with('\n')) why.pop_back();
    return Error(Errc::invalid, why);
  }
  const auto has = rights_in(scratch.path() + "/after");
  if (!has || *has != *had)
    return Error(Errc::internal, path + ": formatted it would not grant the same; left as it is");
  return {};
}

// Whole or not at all: a file beside it that takes its place.
Result<> replace_file(const std::string& path, const std::string& content) {
  struct stat facts {};
  std::error_code code;
  const fs::path real = fs::canonical(path, code);
  if (code) return Error(Errc::io, path + ": " + code.message());
  if (::stat(real.c_str(), &facts) != 0) return Error(Errc::io, path + ": " + std::strerror(errno));
  std::string fresh = (real.parent_path() / ("." + real.filename().string() + ".XXXXXX")).string();
  const int fd = ::mkstemp(fresh.data());
  if (fd < 0) return Error(Errc::io, path + ": " + std::strerror(errno));
  bool good = ::write(fd, content.data(), content.size()) == static_cast<ssize_t>(content.size());
  good = good && ::fchmod(fd, facts.st_mode & 07777) == 0 && ::fsync(fd) == 0;
  good = ::close(fd) == 0 && good;
  good = good && ::rename(fresh.c_str(), real.c_str()) == 0;
  if (good) return {};
  const std::string why = std::strerror(errno);
  ::unlink(fresh.c_str());
  return Error(Errc::io, path + ": " + why);
}

// A folder stands for its policy files.
std::vector<std::string> files_of(const std::vector<std::string>& given) {
  std::vector<std::string> out;
  for (const std::string& path : given) {
    std::error_code code;
    if (!fs::is_directory(path, code)) {
      out.push_back(path);
      continue;
    }
    const auto first = static_cast<std::ptrdiff_t>(out.size());
    for (fs::recursive_directory_iterator entry(path, code), end; !code && entry != end;
         entry.increment(code)) {
      const std::string name = entry->path().filename().string();
      const std::string kind = entry->path().extension().string();
      if (name.starts_with('.')) {
        if (entry->is_directory(code)) entry.disable_recursion_pending();
      } else if (kind == ".yaml" || kind == ".yml") {
        out.push_back(entry->path().string());
      }
    }
    std::sort(out.begin() + first, out.end());
  }
  return out;
}

enum class Outcome { same, changed, failed };

struct Answer {
  Outcome outcome = Outcome::failed;
  std::string text;  // the diff, or why not
};

Answer format_one(const std::string& path, bool check) {
  const auto before = read_file(path);
  if (!before) return {Outcome::failed, before.error().message()};
  const auto after = review::format_policy(*before);
  if (!after) return {Outcome::failed, path + ":" + after.error().message()};
  if (*after == *before) return {Outcome::same, {}};
  if (auto same = same_rights(path, *before, *after); !same)
    return {Outcome::failed, same.error().message()};
  if (check) return {Outcome::changed, review::unified_diff(*before, *after, path)};
  if (auto done = replace_file(path, *after); !done)
    return {Outcome::failed, done.error().message()};
  return {Outcome::changed, {}};
}

int format(const FmtOptions& options) {
  bool failed = false;
  bool changed = false;
  boost::json::array all;
  for (const std::string& path : files_of(options.files)) {
    const Answer answer = format_one(path, options.check);
    failed = failed || answer.outcome == Outcome::failed;
    changed = changed || answer.outcome == Outcome::changed;
    if (options.json) {
      all.push_back(boost::json::object{{"file", path},
                                        {"outcome", answer.outcome == Outcome::same ? "canonical"
                                                    : answer.outcome == Outcome::changed
                                                        ? (options.check ? "differs" : "formatted")
                                                        : "failed"},
                                        {"text", answer.text}});
    } else if (answer.outcome == Outcome::failed) {
      fail(answer.text);
    } else if (answer.outcome == Outcome::changed) {
      options.check ? static_cast<void>(std::fputs(answer.text.c_str(), stdout))
                    : static_cast<void>(print_line(path));
    }
  }
  const bool good = !failed && !(options.check && changed);
  if (options.json) print_json(boost::json::object{{"ok", good}, {"files", std::move(all)}});
  return good ? kDone : kDoesNotHold;
}

}  // namespace

void add_policy_fmt(CLI::App& policy, Chosen& chosen) {
  CLI::App* verb = policy.add_subcommand("fmt", "Policy files in their canonical form");
  auto options = std::make_shared<FmtOptions>();
  verb->add_option("FILE", options->files, "Policy files or folders")->required();
  verb->add_flag("--check", options->check, "Write nothing; print what would change");
  verb->add_flag("--json", options->json, "One JSON object");
  verb->footer(
      "Comments stay with what they are about. A file is only replaced when it loads before and\n"
      "after, and grants the same. Prints the files it changed; with --check exit code 1 and a\n"
      "diff when there is one.\n"
      "Examples:\n"
      "  keyward policy fmt policies/\n"
      "  keyward policy fmt --check policies/airflow.yaml");
  verb->callback([&chosen, options] { chosen.run = [options] { return format(*options); }; });
}

}  // namespace keyward::cli
