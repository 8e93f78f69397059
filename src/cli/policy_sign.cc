#include "cli/output.h"
#include "cli/verbs.h"

#include "keyward/policy/signature.h"
#include "keyward/policy/snapshot.h"

#include <boost/json/object.hpp>

#include <memory>

namespace keyward::cli {
namespace {

namespace json = boost::json;

struct SignOptions {
  std::string key, folder = "policies";
  std::vector<std::string> signers;
  bool json = false;
};

int keygen(const SignOptions& options) {
  if (const Result<> made = policy::make_signing_key(options.key); !made)
    return fail(made.error().message(), options.json);
  if (options.json) {
    print_json(json::object{{"ok", true}, {"key", options.key}, {"public", options.key + ".pub"}});
  } else {
    print_line(options.key + ": the private key, for whoever releases policies");
    print_line(options.key + ".pub: for policies.signed_by in keyward.yaml");
  }
  return kDone;
}

int sign(const SignOptions& options) {
  const auto count = policy::sign_folder(options.folder, options.key);
  if (!count) return fail(count.error().message(), options.json);
  if (options.json) {
    print_json(json::object{{"ok", true}, {"folder", options.folder}, {"files", *count}});
  } else {
    print_line(options.folder + ": " + std::to_string(*count) + " policy files signed");
  }
  return kDone;
}

// As a server would with these signers: the policies themselves are checked as well.
int verify(const SignOptions& options) {
  const auto signers = policy::Signers::load(options.signers);
  if (!signers) return fail(signers.error().message(), options.json);
  Diagnostics found;
  const auto snapshot =
      policy::Snapshot::load(options.folder, command::Catalog::built_in(), {}, found, &*signers);
  if (options.json) {
    print_json(json::object{{"ok", snapshot != nullptr}, {"diagnostics", to_json(found)}});
  } else if (snapshot == nullptr) {
    return fail("refused:\n" + found.text());
  } else {
    print_line(options.folder + ": signed, version " + snapshot->version());
  }
  return snapshot != nullptr ? kDone : kDoesNotHold;
}

void add_common(CLI::App& verb, const std::shared_ptr<SignOptions>& options) {
  verb.add_flag("--json", options->json, "One JSON object");
}

}  // namespace

void add_policy_sign(CLI::App& policy, Chosen& chosen) {
  auto options = std::make_shared<SignOptions>();
  CLI::App* make = policy.add_subcommand("keygen", "Make a key pair that signs policy folders");
  make->add_option("FILE", options->key, "Where the private key goes; FILE.pub gets the public one")
      ->required();
  add_common(*make, options);
  make->footer(
      "Ed25519, PEM. The same with openssl:\n"
      "  openssl genpkey -algorithm ed25519 -out policy.key && openssl pkey -in policy.key -pubout "
      "-out policy.key.pub\n"
      "Example:\n  keyward policy keygen policy.key");
  make->callback([&chosen, options] { chosen.run = [options] { return keygen(*options); }; });

  CLI::App* write = policy.add_subcommand("sign", "Sign a policy folder");
  write->add_option("--key", options->key, "The private key, PEM")->required()->type_name("FILE");
  write->add_option("DIR", options->folder, "The policy folder")->capture_default_str();
  add_common(*write, options);
  write->footer(
      "Writes MANIFEST (SHA-256 of every policy file) and MANIFEST.sig. The same with openssl:\n"
      "  (cd policies && find . -name '*.y*ml' -not -path '*/.*' | sort | xargs sha256sum > "
      "MANIFEST)\n"
      "  openssl pkeyutl -sign -rawin -inkey policy.key -in policies/MANIFEST -out "
      "policies/MANIFEST.sig\n"
      "Example:\n  keyward policy sign --key policy.key policies");
  write->callback([&chosen, options] { chosen.run = [options] { return sign(*options); }; });

  CLI::App* read = policy.add_subcommand("verify", "Check the signature of a policy folder");
  read->add_option("--signed-by", options->signers, "A public key, PEM; one of several may sign")
      ->required()
      ->type_name("FILE")
      ->allow_extra_args(false);  // one a flag: the folder follows
  read->add_option("DIR", options->folder, "The policy folder")->capture_default_str();
  add_common(*read, options);
  read->footer("Example:\n  keyward policy verify --signed-by policy.key.pub policies");
  read->callback([&chosen, options] { chosen.run = [options] { return verify(*options); }; });
}

}  // namespace keyward::cli
