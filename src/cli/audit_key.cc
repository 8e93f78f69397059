#include "cli/audit_directory.h"
#include "cli/output.h"
#include "cli/verbs.h"

#include "keyward/audit/keys.h"
#include "keyward/base/clock.h"

#include <boost/json/object.hpp>

#include <memory>

namespace keyward::cli {
namespace {

namespace json = boost::json;

struct Options {
  std::string directory, instance, key_file;
  bool json = false;
};

// The one that was named, or the only one there is.
Result<std::string> instance_of(const Options& options, const std::string& directory) {
  if (!options.instance.empty()) return options.instance;
  const auto all = audit::signing_instances(directory);
  if (all.size() == 1) return all.front();
  if (all.empty()) return Error(Errc::not_found, directory + ": no key signs checkpoints here");
  std::string names;
  for (const std::string& name : all) names += (names.empty() ? "" : ", ") + name;
  return Error(Errc::invalid, directory + " has several instances; --instance one of: " + names);
}

int show(const Options& options) {
  const std::string directory = audit_directory(options.directory);
  const auto instance = instance_of(options, directory);
  if (!instance) return fail(instance.error().message(), options.json);
  const auto key = audit::newest_key(directory, *instance);
  if (!key) return fail(key.error().message(), options.json);
  if (options.json) {
    print_json(json::object{{"instance", *instance}, {"key", key->id}, {"pem", key->pem}});
  } else {
    print_line(key->pem.substr(0, key->pem.find_last_not_of('\n') + 1));
  }
  return kDone;
}

int rotate(const Options& options) {
  const std::string directory = audit_directory(options.directory);
  const auto instance = instance_of(options, directory);
  if (!instance) return fail(instance.error().message(), options.json);
  const auto id = audit::rotate_signing_key(directory, *instance, options.key_file, SystemClock());
  if (!id) return fail(id.error().message(), options.json);
  if (options.json) {
    print_json(json::object{{"instance", *instance}, {"key", *id}});
  } else {
    print_line("checkpoints of " + *instance + " are signed by the new key " + *id +
               " from the next one on");
  }
  return kDone;
}

void add_common(CLI::App& verb, const std::shared_ptr<Options>& options) {
  verb.add_option("DIR", options->directory, kAuditDirectoryHelp);
  verb.add_option("--instance", options->instance, "Whose, where several write there");
  verb.add_flag("--json", options->json, "One JSON object");
}

}  // namespace

void add_audit_key(CLI::App& audit, Chosen& chosen) {
  CLI::App* key = audit.add_subcommand("key", "The newest public key that signs, in PEM form");
  auto shown = std::make_shared<Options>();
  add_common(*key, shown);
  key->footer("Example:\n  keyward audit key .keyward/audit > /mnt/vault/keyward-audit.pem");
  key->callback([&chosen, shown] { chosen.run = [shown] { return show(*shown); }; });

  CLI::App* verb = audit.add_subcommand(
      "rotate-key", "Exchanges the key that signs checkpoints; the old one signs the new one");
  auto options = std::make_shared<Options>();
  add_common(*verb, options);
  verb->add_option("--key-file", options->key_file,
                   "audit.checkpoints.key of the configuration, where it is set");
  verb->footer("Example:\n  keyward audit rotate-key /var/lib/keyward/audit");
  verb->callback([&chosen, options] { chosen.run = [options] { return rotate(*options); }; });
}

}  // namespace keyward::cli
