#include "keyward/base/ed25519.h"

#include "keyward/base/descriptor.h"
#include "keyward/base/hash.h"

#include <openssl/evp.h>
#include <openssl/pem.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace keyward {
namespace {

constexpr std::size_t kKeyBytes = 32, kSignatureBytes = 64;
constexpr std::size_t kLargestFile = 16384;

struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using Bio = std::unique_ptr<BIO, FreeBio>;
struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_MD_CTX, FreeContext>;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* bytes_of(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

std::shared_ptr<EVP_PKEY> owned(EVP_PKEY* key) { return {key, EVP_PKEY_free}; }

Error failed(const std::string& path) {
  return {Errc::io, path + ": " + std::generic_category().message(errno)};
}

struct KeyFile {
  std::string text;
  mode_t mode = 0;
};

Result<KeyFile> read_key_file(const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat facts {};
  if (!file.open() || ::fstat(file.number(), &facts) != 0) return failed(path);
  KeyFile out;
  out.mode = facts.st_mode;
  out.text.resize(kLargestFile);
  const ssize_t count = ::read(file.number(), out.text.data(), out.text.size());
  if (count < 0) return failed(path);
  out.text.resize(static_cast<std::size_t>(count));
  return out;
}

bool is_ed25519(EVP_PKEY* key) { return key != nullptr && EVP_PKEY_is_a(key, "ED25519") == 1; }

std::string content(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string raw(EVP_PKEY* key) {
  std::string bytes(kKeyBytes, '\0');
  std::size_t size = bytes.size();
  if (EVP_PKEY_get_raw_public_key(key, bytes_of(bytes), &size) != 1) std::abort();
  return bytes;
}

}  // namespace

std::optional<PublicKey> PublicKey::from_hex(std::string_view text) {
  if (text.size() != 2 * kKeyBytes) return std::nullopt;
  const auto bytes = unhex(text);
  if (!bytes) return std::nullopt;
  auto key = owned(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_of(*bytes), bytes->size()));
  if (!key) return std::nullopt;
  return PublicKey(std::move(key));
}

Result<PublicKey> PublicKey::load(const std::string& path) {
  const auto file = read_key_file(path);
  if (!file) return file.error();
  const Bio bio(BIO_new_mem_buf(file->text.data(), static_cast<int>(file->text.size())));
  auto key = owned(PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr));
  if (!is_ed25519(key.get()))
    return Error(Errc::invalid, path + ": holds no Ed25519 public key in PEM form");
  return PublicKey(std::move(key));
}

std::string PublicKey::hex() const { return keyward::hex(raw(key_.get())); }

std::string PublicKey::id() const { return short_hash(raw(key_.get()), 16); }

std::string PublicKey::pem() const {
  const Bio bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_PUBKEY(bio.get(), key_.get());
  return content(bio.get());
}

bool PublicKey::accepts(std::string_view text, std::string_view signature) const {
  const Context context(EVP_MD_CTX_new());
  return signature.size() == kSignatureBytes && context != nullptr &&
         EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key_.get()) == 1 &&
         EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(text),
                          text.size()) == 1;
}

PrivateKey PrivateKey::make() {
  auto key = owned(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  if (!key) std::abort();
  return PrivateKey(std::move(key));
}

Result<PrivateKey> PrivateKey::load(const std::string& path) {
  auto file = read_key_file(path);
  if (!file) return file.error();
  const Bio bio(BIO_new_mem_buf(file->text.data(), static_cast<int>(file->text.size())));
  auto key = owned(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  OPENSSL_cleanse(file->text.data(), file->text.size());
  if (!is_ed25519(key.get()))
    return Error(Errc::invalid, path + ": holds no Ed25519 private key in PEM form");
  if ((file->mode & (S_IRWXG | S_IRWXO)) != 0)
    return Error(Errc::invalid, path + ": others may read or write it; chmod 600 it");
  return PrivateKey(std::move(key));
}

Result<> PrivateKey::save(const std::string& path, bool replace) const {
  const Bio bio(BIO_new(BIO_s_secmem()));
  if (PEM_write_bio_PKCS8PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr) !=
      1)
    return Error(Errc::internal, path + ": the key cannot be written as PEM");
  std::string text = content(bio.get());
  const std::string draft = path + ".new";
  ::unlink(draft.c_str());
  Result<> done;
  {
    const Descriptor file(
        ::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    const bool written =
        file.open() &&
        ::write(file.number(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
        ::fdatasync(file.number()) == 0;
    if (!written) done = failed(draft);
  }
  OPENSSL_cleanse(text.data(), text.size());
  if (done &&
      (replace ? ::rename(draft.c_str(), path.c_str()) : ::link(draft.c_str(), path.c_str())) != 0)
    done = failed(path);
  ::unlink(draft.c_str());
  return done;
}

std::string PrivateKey::sign(std::string_view text) const {
  std::string signature(kSignatureBytes, '\0');
  std::size_t size = signature.size();
  const Context context(EVP_MD_CTX_new());
  if (context == nullptr ||
      EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) != 1 ||
      EVP_DigestSign(context.get(), bytes_of(signature), &size, bytes_of(text), text.size()) != 1)
    std::abort();
  return signature;
}

}  // namespace keyward
