// keyward audit key-hash: what a name is called in a trail that hashes names.
#include "cli/audit_directory.h"
#include "cli/output.h"
#include "cli/verbs.h"

#include "keyward/audit/keys.h"
#include "keyward/audit/name_hash.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <memory>

namespace keyward::cli {
namespace {

namespace json = boost::json;

struct Options {
  std::string directory, instance, key_file, name;
  bool json = false;
};

Result<std::string> file_of(const Options& options) {
  if (!options.key_file.empty()) return options.key_file;
  const std::string directory = audit_directory(options.directory);
  if (!options.instance.empty()) return audit::name_key_file(directory, options.instance);
  const auto all = audit::signing_instances(directory);
  if (all.size() == 1) return audit::name_key_file(directory, all.front());
  return Error(Errc::invalid, directory + (all.empty() ? ": no instance writes here"
                                                       : ": several instances write here") +
                                  "; say which by --instance, or name the key by --hmac-key FILE");
}

int show(const Options& options) {
  const auto file = file_of(options);
  if (!file) return fail(file.error().message(), options.json);
  const auto keys = audit::load_name_keys(*file);
  if (!keys) return fail(keys.error().message(), options.json);
  json::array hashes;
  for (const audit::NameHash& key : *keys) {
    const audit::HashedName hashed = key(options.name);
    const std::string_view text(hashed.data(), hashed.size());
    if (options.json) {
      hashes.push_back(json::object{{"names_key", key.version()}, {"hash", text}});
    } else {
      print_line(text);
    }
  }
  if (options.json) print_json(json::object{{"hashes", std::move(hashes)}});
  return kDone;
}

}  // namespace

void add_audit_key_hash(CLI::App& audit, Chosen& chosen) {
  CLI::App* verb = audit.add_subcommand(
      "key-hash", "What a key or channel is called in records of `keys: hmac`, one line a version of the secret");
  auto options = std::make_shared<Options>();
  verb->add_option("DIR", options->directory, kAuditDirectoryHelp);
  verb->add_option("--key", options->name, "The name, as Redis knows it: with its namespace's prefix")
      ->required();
  verb->add_option("--hmac-key", options->key_file,
                   "The file with the secret; default: the one beside the trail");
  verb->add_option("--instance", options->instance, "Whose, where several write there");
  verb->add_flag("--json", options->json, "One JSON object");
  verb->footer(
      "Example:\n  grep \"$(keyward audit key-hash --key airflow:task:7 /var/lib/keyward/audit)\" "
      "/var/lib/keyward/audit/*.jsonl");
  verb->callback([&chosen, options] { chosen.run = [options] { return show(*options); }; });
}

}  // namespace keyward::cli
