#include "cli/policy_folder.h"

#include "cli/audit_directory.h"
#include "cli/child_output.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace keyward::cli {
namespace {

namespace fs = std::filesystem;

bool plain_relative(std::string_view name) {
  return !name.empty() && name.front() != '/' && name.find("..") == std::string_view::npos;
}

// Every policy file below `folder` in the commit, written into `scratch`.
Result<> extract(const std::string& revision, const std::string& folder,
                 const ScratchFolder& scratch) {
  const std::vector<std::string> git{"git", "-C", folder};
  const auto run = [&](std::vector<std::string> rest) {
    rest.insert(rest.begin(), git.begin(), git.end());
    return child_output(rest);
  };
  auto commit =
      run({"rev-parse", "--verify", "--quiet", "--end-of-options", revision + "^{commit}"});
  if (!commit) return Error(commit.error().code(), "git:" + revision + ": no such commit here");
  while (!commit->empty() && commit->back() == '\n') commit->pop_back();
  auto names = run({"ls-tree", "-r", "-z", "--name-only", *commit, "."});
  if (!names) return names.error();
  std::size_t files = 0;
  for (std::size_t at = 0; at < names->size();) {
    const std::size_t end = std::min(names->find('\0', at), names->size());
    const std::string name = names->substr(at, end - at);
    at = end + 1;
    if (!name.ends_with(".yaml") && !name.ends_with(".yml")) continue;
    if (!plain_relative(name)) continue;
    auto content = run({"show", *commit + ":./" + name});
    if (!content) return content.error();
    if (!scratch.write(name, *content)) return Error(Errc::io, "cannot write to " + scratch.path());
    ++files;
  }
  if (files == 0)
    return Error(Errc::not_found, "git:" + revision + ": holds no policy file in " + folder);
  return {};
}

}  // namespace

std::shared_ptr<const policy::Snapshot> load_policies(const std::string& folder, bool json) {
  Diagnostics diagnostics;
  auto snapshot = policy::Snapshot::load(folder, command::Catalog::built_in(), {}, diagnostics);
  if (snapshot) return snapshot;
  std::fputs(diagnostics.text().c_str(), stderr);
  fail("the policies of " + folder + " do not load", json);
  return nullptr;
}

ScratchFolder::ScratchFolder() {
  std::error_code code;
  std::string name = (fs::temp_directory_path(code) / "keyward-XXXXXX").string();
  if (!code && ::mkdtemp(name.data()) != nullptr) path_ = name;
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  if (made()) fs::remove_all(path_, ignored);
}

bool ScratchFolder::write(const std::string& name, std::string_view content) const {
  std::error_code code;
  const fs::path target = fs::path(path_) / name;
  fs::create_directories(target.parent_path(), code);
  std::ofstream stream(target, std::ios::binary);
  stream.write(content.data(), static_cast<std::streamsize>(content.size()));
  return stream.good();
}

Result<FolderAt> FolderAt::open(const std::string& where, const std::string& folder) {
  FolderAt out;
  if (!where.starts_with("git:")) {
    out.path_ = where;
    return out;
  }
  out.scratch_ = std::make_shared<ScratchFolder>();
  if (!out.scratch_->made()) return Error(Errc::io, "no place for temporary files");
  if (auto done = extract(where.substr(4), folder, *out.scratch_); !done) return done.error();
  out.path_ = out.scratch_->path();
  return out;
}

bool read_trail(const std::vector<std::string>& paths, bool json,
                const std::function<void(const review::Record&)>& each,
                review::TrailCounts& counts) {
  ProgressBar bar(!json);
  auto lines = audit::TrailLines::open(paths, bar.drawer());
  if (!lines) {
    fail(lines.error().message(), json);
    return false;
  }
  review::TrailReader reader(std::move(*lines));
  review::Record record;
  while (reader.next(record)) each(record);
  counts = reader.counts();
  bar.erase();
  for (const std::string& file : reader.failed()) fail(file);
  return reader.failed().empty();
}

std::vector<std::string> trails(const std::vector<std::string>& given) {
  return given.empty() ? std::vector<std::string>{audit_directory("")} : given;
}

}  // namespace keyward::cli
