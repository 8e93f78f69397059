#include "cli/policy_history.h"

#include "cli/child_output.h"
#include "cli/policy_folder.h"

#include "keyward/report/document.h"
#include "keyward/review/diff.h"

#include <algorithm>
#include <charconv>

namespace keyward::cli {
namespace {

// Between the fields of a commit, and behind the last: no text of a commit holds them.
constexpr char kField = '\x1f', kCommit = '\x1e';
constexpr std::size_t kMostDiff = 64 << 10;

std::vector<std::string> split(const std::string& text, char by) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(by, at), text.size());
    out.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

std::shared_ptr<const policy::Snapshot> snapshot_at(const std::string& commit,
                                                    const std::string& folder) {
  const auto at = FolderAt::open("git:" + commit, folder);
  if (!at) return nullptr;
  Diagnostics ignored;
  return policy::Snapshot::load(at->path(), command::Catalog::built_in(), {}, ignored);
}

void tell_rights(const policy::Snapshot& before, const policy::Snapshot& after,
                 report::PolicyCommit& out) {
  const review::PolicyDiff diff = review::diff(before, after);
  for (const review::PeopleChange& people : diff.people) {
    for (const review::ReachChange& change : people.changes)
      ++(change.gain() ? out.gains : out.losses);
  }
  out.rights = diff.empty() ? "Nobody gains or loses a right.\n" : review::diff_text(diff);
}

std::string files_changed(const std::string& folder, const std::string& commit) {
  auto text = child_output({"git", "-C", folder, "show", "--no-color", "--no-ext-diff",
                            "--no-textconv", "--format=", "--end-of-options", commit, "--", "."});
  if (!text) return {};
  if (text->size() > kMostDiff) {
    text->resize(kMostDiff);
    text->append("\n(cut here)\n");
  }
  return *text;
}

}  // namespace

bool in_git(const std::string& folder) {
  return child_output({"git", "-C", folder, "rev-parse", "--is-inside-work-tree"}).has_value();
}

Blame blame(const std::string& folder, const std::string& file, int from, int to) {
  Blame out;
  const auto text =
      child_output({"git", "-C", folder, "blame", "--line-porcelain", "-L",
                    std::to_string(from) + "," + std::to_string(std::max(from, to)), "--", file});
  if (!text) return out;
  std::string commit, author, mail;
  std::int64_t newest = -1;
  for (const std::string& line : split(*text, '\n')) {
    const auto field = [&](std::string_view name) {
      return line.starts_with(name) ? line.substr(name.size()) : std::string();
    };
    if (const auto name = field("author "); !name.empty()) author = name;
    if (const auto address = field("author-mail "); !address.empty()) mail = address;
    if (line.size() > 40 && line[40] == ' ') commit = line.substr(0, 12);
    const std::string time = field("author-time ");
    if (time.empty()) continue;
    std::int64_t seconds = 0;
    std::from_chars(time.data(), time.data() + time.size(), seconds);
    const std::string told =
        author + " " + mail + ", " +
        report::shown(report::moment_cell(static_cast<std::uint64_t>(seconds) * 1'000'000))
            .substr(0, 10) +
        ", " + commit;
    if (out.first.empty()) out.first = told;
    if (seconds > newest) out.newest = told;
    newest = std::max(newest, seconds);
  }
  return out;
}

std::vector<report::PolicyCommit> policy_history(const std::string& folder, std::size_t most) {
  std::vector<report::PolicyCommit> out;
  const auto log = child_output({"git", "-C", folder, "log", "-n", std::to_string(most),
                                 "--format=%H%x1f%an <%ae>%x1f%ct%x1f%s%x1e", "--", "."});
  if (!log) return out;
  std::vector<std::shared_ptr<const policy::Snapshot>> snapshots;
  for (const std::string& line : split(*log, kCommit)) {
    const auto fields = split(line, kField);
    if (fields.size() < 3) continue;
    report::PolicyCommit& one = out.emplace_back();
    one.commit = fields[0].substr(fields[0].find_first_not_of('\n'));
    one.author = fields[1];
    std::uint64_t seconds = 0;
    std::from_chars(fields[2].data(), fields[2].data() + fields[2].size(), seconds);
    one.time_us = seconds * 1'000'000;
    one.subject = fields.size() > 3 ? fields[3] : "";
    one.diff = files_changed(folder, one.commit);
    snapshots.push_back(snapshot_at(one.commit, folder));
    if (snapshots.back() != nullptr) one.version = snapshots.back()->version();
  }
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (snapshots[i] == nullptr) {
      out[i].rights = "The folder does not load as it is in this commit.\n";
    } else if (i + 1 == out.size()) {
      out[i].rights = out.size() < most ? "The first commit of the folder.\n"
                                        : "Earlier commits are not shown.\n";
    } else if (snapshots[i + 1] == nullptr) {
      out[i].rights = "The folder does not load as it was before this commit.\n";
    } else {
      tell_rights(*snapshots[i + 1], *snapshots[i], out[i]);
    }
  }
  return out;
}

}  // namespace keyward::cli
