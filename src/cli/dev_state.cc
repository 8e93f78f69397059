#include "cli/dev_state.h"

#include "cli/dev_tokens.h"

#include "keyward/base/hash.h"
#include "keyward/net/dev_certs.h"

namespace keyward::cli {
namespace {

constexpr std::chrono::hours kTokenLife{12};
constexpr long kCertificateReserve =
    2L * 24 * 3600;  // seconds; a certificate of thirty days is made anew by then

std::string unused_name(const std::vector<std::string>& taken, const std::string& stem) {
  std::string name = stem + ".jwt";
  for (int i = 2; std::find(taken.begin(), taken.end(), name) != taken.end(); ++i) {
    name = stem + "-" + std::to_string(i) + ".jwt";
  }
  return name;
}

void remove_old_tokens(const DevFiles& files) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(files.tokens(), ignored)) {
    if (entry.path().extension() == ".jwt") std::filesystem::remove(entry.path(), ignored);
  }
}

}  // namespace

Result<identity::SigningKey> ensure_signing_key(const DevFiles& files) {
  const std::string path = files.signing_key().string();
  const bool fresh = !std::filesystem::exists(files.signing_key());
  auto key = fresh ? identity::SigningKey::generate() : identity::SigningKey::load(path);
  if (!key) return key;
  if (fresh) {
    if (auto saved = key->save(path); !saved) return saved.error();
  }
  if (auto saved = key->save_public_jwks(files.jwks().string()); !saved) return saved.error();
  return key;
}

Result<> ensure_certificates(const DevFiles& files) {
  const auto in_tls = [&](const char* name) { return files.tls() / name; };
  const bool usable = std::filesystem::exists(in_tls("ca.pem")) &&
                      std::filesystem::exists(in_tls("server.key")) &&
                      net::certificate_lasts(in_tls("server.pem").string(), kCertificateReserve);
  if (!usable) {
    if (auto made = net::make_dev_certificates(files.tls().string()); !made) return made.error();
  }
  const auto authority = read_whole(in_tls("ca.pem"));
  if (!authority) return authority.error();
  return write_private(files.ca(), *authority);
}

Result<Secret> ensure_admin_password(const DevFiles& files) {
  if (std::filesystem::exists(files.admin_password())) {
    auto text = read_whole(files.admin_password());
    if (!text) return text.error();
    while (!text->empty() && (text->back() == '\n' || text->back() == '\r')) text->pop_back();
    if (!text->empty()) return Secret(std::move(*text));
  }
  Secret password(base64url_encode(random_bytes(32)));
  const std::string line = std::string(password.reveal()) + "\n";
  if (auto written = write_private(files.admin_password(), line); !written) return written.error();
  return password;
}

Result<std::vector<std::string>> write_tokens(const DevFiles& files,
                                              const identity::SigningKey& key,
                                              const policy::Snapshot& snapshot) {
  remove_old_tokens(files);
  std::vector<std::string> names;
  for (const auto& grant : snapshot.grants()) {
    if (grant.who.empty()) continue;
    TokenRequest request = request_for(grant, grant.who.front());
    request.ttl = kTokenLife;
    const auto token = key.sign(token_claims(request, SystemClock().wall(), hex(random_bytes(8))));
    if (!token) return token.error();
    const std::string name = unused_name(names, token_file_name(grant.name));
    if (auto done = write_private(files.tokens() / name, token->reveal()); !done)
      return done.error();
    names.push_back(name);
  }
  return names;
}

}  // namespace keyward::cli
