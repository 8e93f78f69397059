#include "cli/audit_directory.h"
#include "cli/output.h"
#include "cli/policy_folder.h"
#include "cli/policy_history.h"
#include "cli/progress.h"
#include "cli/verbs.h"

#include "keyward/audit/keys.h"
#include "keyward/audit/verify.h"
#include "keyward/base/clock.h"
#include "keyward/report/access_review.h"
#include "keyward/report/compose.h"
#include "keyward/report/folder.h"
#include "keyward/trail/times.h"

#include <boost/json/array.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>

namespace keyward::cli {
namespace {

namespace json = boost::json;
namespace fs = std::filesystem;

constexpr std::size_t kMostCommits = 200;
constexpr std::uintmax_t kMostReview = 4 << 20;  // bytes
constexpr std::ptrdiff_t kMostReviews = 200;     // the newest

struct Options {
  std::string directory, from, to, now, policy, git, reviews, output = "keyward-report";
  std::string key_file, instance, check, trusted;
  unsigned threads = 0;
  bool replace = false, without_signature = false, json = false;
};

int check(const Options& options) {
  std::optional<PublicKey> trusted;
  if (!options.trusted.empty()) {
    auto key = PublicKey::load(options.trusted);
    if (!key) return fail(key.error().message(), options.json);
    trusted = *key;
  }
  const auto checked = report::check_folder(options.check, trusted);
  if (!checked) return fail(checked.error().message(), options.json);
  if (options.json) {
    json::array problems;
    for (const std::string& problem : checked->problems) problems.emplace_back(problem);
    print_json(json::object{{"ok", checked->problems.empty()},
                            {"files", checked->files},
                            {"key", checked->key},
                            {"known_key", trusted.has_value()},
                            {"problems", std::move(problems)}});
  } else {
    for (const std::string& problem : checked->problems) print_line(problem);
    if (checked->problems.empty())
      print_line(std::to_string(checked->files) + " files as they were written, signed by key " +
                 checked->key +
                 (trusted ? ""
                          : ", which the report itself names; --trusted-key KEY.pem holds it "
                            "against one you know"));
  }
  return checked->problems.empty() ? kDone : kDoesNotHold;
}

Result<std::uint64_t> moment(const std::string& text, const char* option, WallTime now) {
  auto out = trail::parse_time(text, now);
  if (!out) return Error(Errc::invalid, std::string(option) + ": " + out.error().message());
  return out;
}

// A report on a trail that is written to begins and ends with whole seconds.
Result<report::Period> period_of(const Options& options) {
  WallTime now = std::chrono::ceil<std::chrono::seconds>(SystemClock().wall());
  if (!options.now.empty()) {
    const auto given = moment(options.now, "--now", now);
    if (!given) return given.error();
    now = WallTime(std::chrono::microseconds(*given));
  }
  report::Period out;
  out.to_us = static_cast<std::uint64_t>(now.time_since_epoch().count());
  if (!options.from.empty()) {
    const auto from = moment(options.from, "--from", now);
    if (!from) return from.error();
    out.from_us = *from;
  }
  if (!options.to.empty()) {
    const auto to = moment(options.to, "--to", now);
    if (!to) return to.error();
    out.to_us = *to;
  }
  if (out.to_us <= out.from_us)
    return Error(Errc::invalid, "--to is not behind --from: the period is empty");
  return out;
}

// The audit key of the instance, or the one named; null: not wanted.
Result<std::unique_ptr<PrivateKey>> signing_key(const Options& options,
                                                const std::string& directory) {
  if (options.without_signature) return nullptr;
  std::string file = options.key_file;
  if (file.empty()) {
    const auto instances = audit::signing_instances(directory);
    std::string instance = options.instance;
    if (instance.empty() && instances.size() == 1) instance = instances.front();
    if (instance.empty())
      return Error(Errc::invalid,
                   instances.empty()
                       ? directory + " has no key to sign with; --key KEY.pem, or --unsigned"
                       : directory + " has several instances; --instance NAME, or --key KEY.pem");
    file = audit::signing_key_file(directory, instance);
  }
  auto key = PrivateKey::load(file);
  if (!key)
    return Error(key.error().code(), "cannot sign the report: " + key.error().message() +
                                         "; --key KEY.pem, or --unsigned");
  return std::make_unique<PrivateKey>(std::move(*key));
}

// keyward-report beside the trail would be in nobody's way; inside it would be taken for part of
// it.
bool inside(const std::string& path, const std::string& directory) {
  std::error_code code;
  const auto relative =
      fs::weakly_canonical(path, code).lexically_relative(fs::weakly_canonical(directory, code));
  return !relative.empty() && *relative.begin() != "..";
}

// Reading it once for the records and once for the chain: the bar runs twice.
Result<report::Input> gather(const Options& options, const std::string& directory,
                             const report::Period& period) {
  report::Input input;
  input.asked_from = !options.from.empty();
  input.trail = fs::path(directory).lexically_normal().filename().string();
  if (input.trail.empty()) input.trail = directory;
  ProgressBar bar(!options.json);
  auto read = report::read_trail({.directory = directory,
                                  .period = period,
                                  .threads = options.threads,
                                  .progress = bar.drawer()});
  if (!read) return read.error();
  input.read = std::move(*read);
  bar.erase();
  audit::VerifyOptions verify;
  verify.progress = bar.drawer();
  verify.threads = options.threads;
  auto verified = audit::verify(directory, verify);
  if (!verified) return verified.error();
  input.verified = std::move(*verified);
  for (const std::string& instance : audit::signing_instances(directory)) {
    if (const auto key = audit::newest_key(directory, instance))
      input.keys.emplace_back(instance, key->id);
  }
  return input;
}

Result<> add_policy(const Options& options, report::Input& input) {
  std::string folder = options.policy;
  if (!options.git.empty()) {
    const std::size_t colon = options.git.rfind(':');
    if (colon == std::string::npos || colon == 0)
      return Error(Errc::invalid, "--git takes REPOSITORY:FOLDER, as in .:policies");
    folder = (fs::path(options.git.substr(0, colon)) / options.git.substr(colon + 1)).string();
    if (!in_git(folder))
      return Error(Errc::invalid, folder + " is no folder of a git repository with a work tree");
  }
  if (folder.empty()) return {};
  Diagnostics diagnostics;
  const auto snapshot =
      policy::Snapshot::load(folder, command::Catalog::built_in(), {}, diagnostics);
  if (!snapshot)
    return Error(Errc::invalid,
                 "the policies of " + folder + " do not load:\n" + diagnostics.text());
  input.policy = report::view_of(*snapshot);
  input.git = in_git(folder);
  if (input.git) input.commits = policy_history(folder, kMostCommits);
  return {};
}

report::SignedReview signed_review(const fs::path& path) {
  report::SignedReview out;
  out.file = path.filename().string();
  std::error_code code;
  if (fs::file_size(path, code) > kMostReview || code) {
    out.problem = "cannot be a worksheet";
    return out;
  }
  std::ifstream stream(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  if (const auto key = report::check_signed(text, std::nullopt); !key)
    out.problem = key.error().message();
  Diagnostics ignored;
  const report::Review review = report::read_worksheet(out.file, text, ignored);
  out.reviewer = review.reviewer;
  out.at = review.signed_at;
  out.policy_version = review.policy_version;
  out.key = review.key;
  for (const report::ReviewRow& row : review.rows) {
    out.keep += row.decision == "keep" ? 1 : 0;
    out.remove += row.decision == "remove" ? 1 : 0;
    out.change += row.decision == "change" ? 1 : 0;
  }
  return out;
}

// Those of the folder in the order of their names, which begin with their time.
Result<> add_reviews(const Options& options, report::Input& input) {
  if (options.reviews.empty()) return {};
  std::error_code code;
  std::vector<fs::path> paths;
  for (const auto& entry : fs::directory_iterator(options.reviews, code)) {
    if (entry.path().extension() == ".yaml") paths.push_back(entry.path());
  }
  if (code) return Error(Errc::not_found, "--reviews " + options.reviews + ": " + code.message());
  std::sort(paths.begin(), paths.end());
  if (std::ssize(paths) > kMostReviews) paths.erase(paths.begin(), paths.end() - kMostReviews);
  input.reviews.emplace();
  for (const fs::path& path : paths) input.reviews->push_back(signed_review(path));
  return {};
}

int make(const Options& options) {
  const std::string directory = audit_directory(options.directory);
  const auto period = period_of(options);
  if (!period) return usage(period.error().message());
  if (!options.json && inside(options.output, directory))
    return usage("--output " + options.output + " is inside the audit folder; name another place");
  auto input = gather(options, directory, *period);
  if (!input) return fail(input.error().message(), options.json);
  if (const auto added = add_policy(options, *input); !added)
    return fail(added.error().message(), options.json);
  if (const auto added = add_reviews(options, *input); !added)
    return fail(added.error().message(), options.json);
  const report::Document document = report::compose(*input);
  if (options.json) {
    print_json(report::document_json(document));
    return kDone;
  }
  const auto key = signing_key(options, directory);
  if (!key) return fail(key.error().message());
  const auto files = report::write_folder({options.output, options.replace}, document, key->get());
  if (!files) return fail(files.error().message());
  print_line(options.output + "/" + report::kPage + " and " + std::to_string(files->size() - 1) +
             " files beside it" +
             (*key == nullptr ? ", not signed" : ", signed by key " + (*key)->public_key().id()));
  for (const std::string& finding : document.findings) print_line("  " + finding);
  return kDone;
}

}  // namespace

void add_audit_report(CLI::App& audit, Chosen& chosen) {
  CLI::App* verb = audit.add_subcommand(
      "report", "A signed report for auditors: one HTML page and CSVs, by criterion of SOC 2");
  auto options = std::make_shared<Options>();
  verb->add_option("DIR", options->directory, kAuditDirectoryHelp);
  verb->add_option("--from", options->from,
                   "Not before: 2026-01-01, 2026-01-01T08:00:00Z, or how long ago: -24h, -90d")
      ->type_name("TIME");
  verb->add_option("--to", options->to, "First moment behind the period; default: now")
      ->type_name("TIME");
  verb->add_option("--now", options->now, "What is taken for now")->type_name("TIME");
  CLI::Option* folder =
      verb->add_option("--policy", options->policy,
                       "The policy folder; where it is in git, its history is read as well");
  folder->type_name("FOLDER");
  verb->add_option("--git", options->git, "The same, and it has to be in git")
      ->type_name("REPO:FOLDER")
      ->excludes(folder);
  verb->add_option("--reviews", options->reviews,
                   "Signed access reviews to tell of (keyward access review --keep)")
      ->type_name("FOLDER");
  verb->add_option("-o,--output", options->output, "Where the report goes")
      ->type_name("FOLDER")
      ->capture_default_str();
  verb->add_flag("--replace", options->replace, "Over a report that is there already");
  verb->add_option("--key", options->key_file,
                   "The private key that signs; default: that of the trail's checkpoints")
      ->type_name("PEM");
  verb->add_option("--instance", options->instance, "Whose key signs, where several write there");
  verb->add_flag("--unsigned", options->without_signature, "Do not sign");
  verb->add_option("--threads", options->threads, "Default: one per core");
  verb->add_option("--check", options->check, "Instead: is this report as it was written?")
      ->type_name("FOLDER");
  verb->add_option("--trusted-key", options->trusted,
                   "With --check: the public key it has to be signed by (keyward audit key)")
      ->type_name("PEM");
  verb->add_flag("--json", options->json, "The facts as one JSON object, and no files");
  verb->footer(
      "The same trail, policy and period give the same bytes; all times are UTC.\n"
      "Examples:\n"
      "  keyward audit report --policy policies --output report\n"
      "  keyward audit report /var/lib/keyward/audit --from 2026-07-01 --to 2026-10-01 \\\n"
      "    --git /srv/access:policies --output 2026-q3\n"
      "  keyward audit report --check 2026-q3 --trusted-key keyward-audit.pem");
  verb->callback([&chosen, options] {
    chosen.run = [options] { return options->check.empty() ? make(*options) : check(*options); };
  });
}

}  // namespace keyward::cli
