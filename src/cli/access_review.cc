#include "keyward/report/access_review.h"

#include "cli/audit_directory.h"
#include "cli/output.h"
#include "cli/policy_folder.h"
#include "cli/policy_history.h"
#include "cli/verbs.h"

#include "keyward/base/clock.h"
#include "keyward/base/hash.h"
#include "keyward/report/folder.h"
#include "keyward/trail/times.h"

#include <boost/json/array.hpp>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <unistd.h>

namespace keyward::cli {
namespace {

namespace json = boost::json;
namespace fs = std::filesystem;

constexpr std::uintmax_t kMostText = 4 << 20;

struct Options {
  std::string directory, policy = "policies", output, page, diff, now;
  std::string sign, reviewer, key_file, kept = "access-reviews", check, trusted;
  bool json = false;
};

Result<std::string> read_text(const std::string& path) {
  std::error_code code;
  const auto size = fs::file_size(path, code);
  if (code) return Error(Errc::not_found, path + ": " + code.message());
  if (size > kMostText) return Error(Errc::limit, path + " is larger than a worksheet can be");
  std::ifstream stream(path, std::ios::binary);
  if (!stream) return Error(Errc::io, path + " cannot be read");
  return std::string(std::istreambuf_iterator<char>(stream), {});
}

// Never over another: what is there may be filled in, or signed.
Result<> write_new(const std::string& path, const std::string& text, unsigned mode) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (file < 0)
    return Error(Errc::io, path + (errno == EEXIST ? " is there already; name another file"
                                                   : std::string(": ") + std::strerror(errno)));
  const bool written =
      ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
      ::fsync(file) == 0;
  ::close(file);
  if (written) return {};
  ::unlink(path.c_str());
  return Error(Errc::io, path + " cannot be written");
}

// Null after saying what is wrong with it.
std::optional<report::Review> load(const std::string& path, const std::string& text,
                                   bool finished) {
  Diagnostics diagnostics;
  report::Review review = report::read_worksheet(path, text, diagnostics);
  if (!diagnostics.failed() && finished) report::check_finished(path, review, diagnostics);
  if (!diagnostics.failed()) return review;
  std::fputs(diagnostics.text().c_str(), stderr);
  return std::nullopt;
}

void add_blame(const std::string& folder, const policy::Snapshot& snapshot,
               report::Review& review) {
  if (!in_git(folder)) return;
  for (const policy::GrantInfo& info : snapshot.grants()) {
    int end = 0;
    for (const policy::GrantInfo& next : snapshot.grants()) {
      if (next.file == info.file && next.line > info.line && (end == 0 || next.line <= end))
        end = next.line - 1;
    }
    const Blame who = blame(folder, info.file, info.line, end == 0 ? info.line : end);
    for (report::ReviewRow& row : review.rows) {
      if (row.grant != info.name) continue;
      row.granted_by = who.first;
      if (who.newest != who.first) row.changed_by = who.newest;
    }
  }
}

json::array rows_json(const report::Review& review) {
  json::array out;
  for (const report::ReviewRow& row : review.rows) {
    json::array reach;
    for (const std::string& line : row.reach) reach.emplace_back(line);
    out.push_back(json::object{
        {"id", row.id},
        {"grant", row.grant},
        {"team", row.team},
        {"who", row.who},
        {"rule", row.rule},
        {"reach", std::move(reach)},
        {"ends", row.limits},
        {"granted_by", row.granted_by},
        {"used", row.used.count},
        {"principals", row.principals},
        {"last_used", row.used.last_us == 0
                          ? json::value(nullptr)
                          : json::value(report::plain(report::moment_cell(row.used.last_us)))},
        {"decision", row.decision},
        {"comment", row.comment}});
  }
  return out;
}

json::object diff_json(const report::ReviewDiff& diff) {
  json::array changes, decisions;
  for (const report::ReviewChange& one : diff.changes)
    changes.push_back(json::object{
        {"what", one.what}, {"grant", one.grant}, {"who", one.who}, {"detail", one.detail}});
  for (const report::Carried& one : diff.decisions)
    decisions.push_back(json::object{{"grant", one.grant},
                                     {"who", one.who},
                                     {"decision", one.decision},
                                     {"comment", one.comment},
                                     {"done", one.done},
                                     {"outcome", one.outcome}});
  return {{"changes", std::move(changes)}, {"decisions", std::move(decisions)}};
}

void print_diff(const report::ReviewDiff& diff) {
  for (const report::ReviewChange& one : diff.changes)
    print_line("  " + one.what + ": " + one.grant + " for " + one.who +
               (one.detail.empty() ? "" : ", " + one.detail));
  for (const report::Carried& one : diff.decisions)
    print_line(std::string(one.done ? "  done: " : "  NOT DONE: ") + one.decision + " " +
               one.grant + " for " + one.who + ": " + one.outcome);
}

// The newest signed review that is kept: names begin with their time.
std::optional<std::string> newest_kept(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    if (entry.path().extension() == ".yaml") names.push_back(entry.path().string());
  }
  if (names.empty()) return std::nullopt;
  return *std::max_element(names.begin(), names.end());
}

int sign(const Options& options) {
  if (options.reviewer.empty() || options.key_file.empty())
    return usage(
        "--sign needs --reviewer NAME and --key KEY.pem (keyward policy keygen makes one)");
  const auto text = read_text(options.sign);
  if (!text) return fail(text.error().message(), options.json);
  const auto review = load(options.sign, *text, true);
  if (!review) return fail("the review is not finished", options.json);
  if (!review->reviewer.empty()) return fail(options.sign + " is signed already", options.json);
  const auto key = PrivateKey::load(options.key_file);
  if (!key) return fail(key.error().message(), options.json);
  std::uint64_t now = static_cast<std::uint64_t>(SystemClock().wall().time_since_epoch().count());
  if (!options.now.empty()) {
    const auto given = trail::parse_time(options.now, SystemClock().wall());
    if (!given) return usage("--now: " + given.error().message());
    now = *given;
  }
  const std::string at = report::plain(report::moment_cell(now)).substr(0, 19) + "Z";
  report::Signing signing{options.reviewer, at, {}};
  if (const auto before = newest_kept(options.kept)) {
    const auto old = read_text(*before);
    if (!old) return fail(old.error().message(), options.json);
    signing.previous = hex(sha256(*old));
  }
  std::error_code code;
  fs::create_directories(options.kept, code);
  std::string name = at;
  std::erase(name, '-');
  std::erase(name, ':');
  const std::string path =
      (fs::path(options.kept) / (name + "-" + review->policy_version.substr(0, 16) + ".yaml"))
          .string();
  if (const auto done = write_new(path, report::signed_worksheet(*text, signing, *key), 0444);
      !done)
    return fail(done.error().message(), options.json);
  if (options.json) {
    print_json(json::object{{"ok", true}, {"file", path}, {"key", key->public_key().id()}});
  } else {
    print_line(path + ": " + std::to_string(review->rows.size()) + " rows signed by " +
               options.reviewer + ", key " + key->public_key().id());
  }
  return kDone;
}

int check(const Options& options) {
  std::optional<PublicKey> trusted;
  if (!options.trusted.empty()) {
    auto key = PublicKey::load(options.trusted);
    if (!key) return fail(key.error().message(), options.json);
    trusted = *key;
  }
  const auto text = read_text(options.check);
  if (!text) return fail(text.error().message(), options.json);
  const auto key = report::check_signed(*text, trusted);
  if (!key) return fail(options.check + " " + key.error().message(), options.json);
  const auto review = load(options.check, *text, true);
  if (!review) return fail("the review is not finished", options.json);
  if (options.json) {
    print_json(json::object{{"ok", true},
                            {"key", *key},
                            {"reviewer", review->reviewer},
                            {"at", review->signed_at},
                            {"policy_version", review->policy_version}});
  } else {
    print_line("signed by " + review->reviewer + " at " + review->signed_at + ", key " + *key +
               ", about policy " + review->policy_version);
  }
  return kDone;
}

Result<report::Review> make(const Options& options, const std::string& directory) {
  const auto snapshot = load_policies(options.policy, options.json);
  if (!snapshot) return Error(Errc::invalid, "no review of a policy that does not load");
  report::Reviewer reviewer(snapshot);
  review::TrailCounts counts;
  if (!read_trail(
          {directory}, options.json, [&](const review::Record& record) { reviewer.add(record); },
          counts))
    return Error(Errc::io, "the trail in " + directory + " cannot be read");
  report::Review out = reviewer.finish();
  out.with_trail = true;
  out.trail = fs::path(directory).lexically_normal().filename().string();
  out.from_us = counts.first_us;
  out.to_us = counts.last_us;
  add_blame(options.policy, *snapshot, out);
  return out;
}

int review(const Options& options) {
  const auto made = make(options, audit_directory(options.directory));
  if (!made) return fail(made.error().message(), options.json);
  std::optional<report::ReviewDiff> diff;
  if (!options.diff.empty()) {
    const auto text = read_text(options.diff);
    if (!text) return fail(text.error().message(), options.json);
    if (const auto key = report::check_signed(*text, std::nullopt); !key)
      return fail(options.diff + " " + key.error().message(), options.json);
    const auto old = load(options.diff, *text, true);
    if (!old) return fail("the last review is not whole", options.json);
    diff = report::compare(*old, *made);
  }
  const report::Document page = report::review_document(*made, diff ? &*diff : nullptr);
  if (!options.output.empty()) {
    if (const auto done = write_new(options.output, report::worksheet(*made), 0600); !done)
      return fail(done.error().message(), options.json);
    const std::string beside = fs::path(options.output).replace_extension(".html").string();
    if (const auto done = write_new(beside, report::document_html(page), 0600); !done)
      return fail(done.error().message(), options.json);
  }
  if (options.json) {
    json::object out{{"policy_version", made->policy_version}, {"rows", rows_json(*made)}};
    if (diff) out["since"] = diff_json(*diff);
    print_json(out);
    return kDone;
  }
  if (options.output.empty()) {
    print_line(report::worksheet(*made));
  } else {
    print_line(options.output + ": " + std::to_string(made->rows.size()) +
               " rows; fill in decision, then --sign it");
  }
  if (diff) print_diff(*diff);
  return kDone;
}

}  // namespace

void add_access(CLI::App& app, Chosen& chosen) {
  CLI::App* access = app.add_subcommand("access", "The review of who has access");
  access->require_subcommand(1);
  access->footer("Example:\n  keyward access review --policy policies --output review.yaml");
  CLI::App* verb = access->add_subcommand(
      "review", "The list to sign: what each grant reaches, for whom, and when it was used last");
  auto options = std::make_shared<Options>();
  verb->add_option("DIR", options->directory, kAuditDirectoryHelp);
  verb->add_option("--policy", options->policy, "The policy folder")
      ->type_name("FOLDER")
      ->capture_default_str();
  verb->add_option("-o,--output", options->output,
                   "The worksheet, and a page of it with .html; default: standard output")
      ->type_name("FILE");
  verb->add_option("--diff", options->diff, "The last signed review: what is different since")
      ->type_name("FILE");
  CLI::Option* sign_it = verb->add_option(
      "--sign", options->sign, "Instead: sign this worksheet, once every row is decided");
  sign_it->type_name("FILE");
  verb->add_option("--reviewer", options->reviewer, "Who decided")->type_name("NAME");
  verb->add_option("--key", options->key_file, "The reviewer's private key")->type_name("PEM");
  verb->add_option("--keep", options->kept,
                   "Where signed reviews are kept; nothing there is replaced")
      ->type_name("FOLDER")
      ->capture_default_str();
  verb->add_option("--check", options->check, "Instead: is this signed review as it was signed?")
      ->type_name("FILE")
      ->excludes(sign_it);
  verb->add_option("--trusted-key", options->trusted, "With --check: the reviewer's public key")
      ->type_name("PEM");
  verb->add_option("--now", options->now, "What is taken for now")->type_name("TIME");
  verb->add_flag("--json", options->json, "One JSON object");
  verb->footer(
      "Examples:\n"
      "  keyward access review /var/lib/keyward/audit --policy policies --output 2026-q3.yaml\n"
      "  keyward access review --sign 2026-q3.yaml --reviewer \"Ann Example\" --key ann.pem\n"
      "  keyward access review --policy policies --diff access-reviews/20261001T090000Z-1a2b.yaml");
  verb->callback([&chosen, options] {
    chosen.run = [options] {
      if (!options->sign.empty()) return sign(*options);
      return options->check.empty() ? review(*options) : check(*options);
    };
  });
}

}  // namespace keyward::cli
