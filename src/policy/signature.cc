#include "policy/signature.h"

#include "policy/manifest.h"

#include <openssl/evp.h>
#include <openssl/pem.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <optional>
#include <unistd.h>

namespace keyward::policy {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLargest = 1U << 20;
constexpr std::size_t kSignatureBytes = 64;

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_MD_CTX, FreeContext>;
struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using Bio = std::unique_ptr<BIO, FreeBio>;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::shared_ptr<EVP_PKEY> owned(EVP_PKEY* key) { return {key, EVP_PKEY_free}; }

std::optional<std::string> read_small(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  std::string text(kLargest + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > kLargest) return std::nullopt;
  return text;
}

// A new file beside, then renamed: a reader sees the old or the new one.
Result<> replace_file(const fs::path& path, std::string_view bytes, mode_t mode, bool may_replace) {
  const std::string draft = path.string() + ".new";
  ::unlink(draft.c_str());
  const int file =
      ::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
  const auto problem = [](const std::string& name) {
    return Error(Errc::io, name + ": " + std::strerror(errno));
  };
  if (file < 0) return problem(draft);
  const bool written =
      ::write(file, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size());
  const Error error = problem(draft);
  ::close(file);
  if (!written) return error;
  const bool placed = may_replace ? ::rename(draft.c_str(), path.c_str()) == 0
                                  : ::link(draft.c_str(), path.c_str()) == 0;
  const Error failed = problem(path.string());
  if (!may_replace) ::unlink(draft.c_str());
  if (!placed) return failed;
  return {};
}

std::string content(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

// Where the files are when a ConfigMap swaps them behind a link: read_folder() looks there too.
fs::path beside_files(const std::string& folder) {
  const fs::path data = fs::path(folder) / "..data";
  std::error_code ignored;
  return fs::is_directory(data, ignored) ? data : fs::path(folder);
}

}  // namespace

Result<Signers> Signers::load(const std::vector<std::string>& files) {
  Signers out;
  for (const std::string& path : files) {
    const auto text = read_small(path);
    if (!text) return Error(Errc::io, path + " cannot be read");
    const Bio bio(BIO_new_mem_buf(text->data(), static_cast<int>(text->size())));
    auto key = owned(PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr));
    if (key == nullptr || EVP_PKEY_id(key.get()) != EVP_PKEY_ED25519) {
      return Error(Errc::invalid, path + " holds no Ed25519 public key (BEGIN PUBLIC KEY)");
    }
    out.keys_.push_back(std::move(key));
    out.files_.push_back(path);
  }
  return out;
}

bool Signers::accept(std::string_view text, std::string_view signature) const {
  if (signature.size() != kSignatureBytes) return false;
  for (const auto& key : keys_) {
    const Context context(EVP_MD_CTX_new());
    if (EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
        EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(text),
                         text.size()) == 1) {
      return true;
    }
  }
  return false;
}

void check_signature(const std::string& folder, const std::vector<PolicyFile>& files,
                     const Signers& signers, Diagnostics& diagnostics) {
  const fs::path root = beside_files(folder);
  const std::string place = (fs::path(folder) / kManifest).generic_string();
  const auto manifest = read_small(root / kManifest);
  const auto signature = read_small(root / kSignature);
  if (!manifest || !signature) {
    diagnostics.error(place, 0, 0,
                      std::string("the policies are not signed: ") +
                          std::string(manifest ? kSignature : kManifest) + " cannot be read",
                      "keyward policy sign --key KEY DIR");
    return;
  }
  if (!signers.accept(*manifest, *signature)) {
    diagnostics.error(place, 0, 0, "its signature is not by a key of policies.signed_by",
                      "keyward policy sign --key KEY DIR, with the key of one of the signers");
    return;
  }
  check_manifest(*manifest, files, place, diagnostics);
}

Result<> make_signing_key(const std::string& path) {
  const auto key = owned(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  if (key == nullptr) return Error(Errc::internal, "OpenSSL cannot make an Ed25519 key");
  const Bio secret(BIO_new(BIO_s_secmem()));
  const Bio open(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_PKCS8PrivateKey(secret.get(), key.get(), nullptr, nullptr, 0, nullptr,
                                    nullptr) != 1 ||
      PEM_write_bio_PUBKEY(open.get(), key.get()) != 1) {
    return Error(Errc::internal, "OpenSSL cannot write an Ed25519 key");
  }
  if (Result<> made = replace_file(path, content(secret.get()), 0600, false); !made) return made;
  return replace_file(path + ".pub", content(open.get()), 0644, false);
}

Result<std::size_t> sign_folder(const std::string& folder, const std::string& key_file) {
  const auto pem = read_small(key_file);
  if (!pem) return Error(Errc::io, key_file + " cannot be read");
  const Bio bio(BIO_new_mem_buf(pem->data(), static_cast<int>(pem->size())));
  const auto key = owned(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  if (key == nullptr || EVP_PKEY_id(key.get()) != EVP_PKEY_ED25519) {
    return Error(Errc::invalid, key_file + " holds no Ed25519 private key (BEGIN PRIVATE KEY)");
  }
  std::error_code ignored;
  if (!fs::is_directory(folder, ignored)) {
    return Error(Errc::invalid, folder + " is not a folder; a signature stands beside the files");
  }
  Diagnostics found;
  const std::vector<PolicyFile> files = read_folder(folder, found);
  if (found.failed()) return Error(Errc::invalid, found.text());
  const std::string manifest = manifest_of(files);
  std::string signature(kSignatureBytes, '\0');
  std::size_t size = signature.size();
  const Context context(EVP_MD_CTX_new());
  if (EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) != 1 ||
      EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                     bytes_of(manifest), manifest.size()) != 1 ||
      size != kSignatureBytes) {
    return Error(Errc::internal, "OpenSSL cannot sign");
  }
  // The signature last: until both are there the folder is refused, never half accepted.
  const fs::path root(folder);
  if (Result<> wrote = replace_file(root / kManifest, manifest, 0644, true); !wrote)
    return wrote.error();
  if (Result<> wrote = replace_file(root / kSignature, signature, 0644, true); !wrote)
    return wrote.error();
  return files.size();
}

}  // namespace keyward::policy
