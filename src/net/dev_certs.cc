#include "keyward/net/dev_certs.h"

#include "keyward/base/hash.h"
#include "keyward/net/tls.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <memory>
#include <sys/stat.h>
#include <unistd.h>

namespace keyward::net {
namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using Bio = std::unique_ptr<BIO, decltype(&BIO_free_all)>;

constexpr long kLife = 30L * 24 * 3600;
constexpr long kClockSkew = 3600;

struct Signed {
  Key key;
  Certificate certificate;
};

Key make_key() {
  Key none(nullptr, &EVP_PKEY_free);
  const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(
      EVP_PKEY_CTX_new_id(EVP_PKEY_EC, nullptr), &EVP_PKEY_CTX_free);
  EVP_PKEY* key = nullptr;
  if (!context || EVP_PKEY_keygen_init(context.get()) != 1 ||
      EVP_PKEY_CTX_set_ec_paramgen_curve_nid(context.get(), NID_X9_62_prime256v1) != 1 ||
      EVP_PKEY_keygen(context.get(), &key) != 1) {
    return none;
  }
  return {key, &EVP_PKEY_free};
}

bool add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  if (extension == nullptr) return false;
  const bool added = X509_add_ext(certificate, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return added;
}

// Version 3, a random serial number, valid from an hour ago (clocks differ), the name as common
// name.
Certificate blank(const std::string& name, EVP_PKEY* key) {
  Certificate certificate(X509_new(), &X509_free);
  if (!certificate) return certificate;
  X509* raw = certificate.get();
  std::string serial = random_bytes(16);
  serial[0] = static_cast<char>(static_cast<unsigned char>(serial[0]) &
                                0x7F);  // RFC 5280 4.1.2.2: positive
  BIGNUM* number = BN_bin2bn(reinterpret_cast<const unsigned char*>(serial.data()), 16, nullptr);
  BN_to_ASN1_INTEGER(number, X509_get_serialNumber(raw));
  BN_free(number);
  X509_set_version(raw, X509_VERSION_3);
  X509_gmtime_adj(X509_getm_notBefore(raw), -kClockSkew);
  X509_gmtime_adj(X509_getm_notAfter(raw), kLife);
  X509_set_pubkey(raw, key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(raw), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  return certificate;
}

bool sign(X509* certificate, X509* issuer, EVP_PKEY* issuer_key) {
  X509_set_issuer_name(certificate, X509_get_subject_name(issuer));
  return add_extension(certificate, issuer, NID_subject_key_identifier, "hash") &&
         add_extension(certificate, issuer, NID_authority_key_identifier, "keyid") &&
         X509_sign(certificate, issuer_key, EVP_sha256()) > 0;
}

Signed make_ca() {
  Signed ca{make_key(), {nullptr, &X509_free}};
  if (!ca.key) return ca;
  ca.certificate = blank("Keyward development CA " + hex(random_bytes(4)), ca.key.get());
  X509* raw = ca.certificate.get();
  const bool good = raw != nullptr &&
                    add_extension(raw, raw, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
                    add_extension(raw, raw, NID_key_usage, "critical,keyCertSign,cRLSign") &&
                    sign(raw, raw, ca.key.get());
  if (!good) ca.certificate.reset();
  return ca;
}

std::string alternative_names(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) {
    std::array<unsigned char, 16> address{};
    const bool numeric = inet_pton(AF_INET, name.c_str(), address.data()) == 1 ||
                         inet_pton(AF_INET6, name.c_str(), address.data()) == 1;
    text += (text.empty() ? "" : ",") + std::string(numeric ? "IP:" : "DNS:") + name;
  }
  return text;
}

Signed make_leaf(const Signed& ca, const std::string& name, const char* usage,
                 const std::vector<std::string>& names) {
  Signed leaf{make_key(), {nullptr, &X509_free}};
  if (!leaf.key || !ca.certificate) return leaf;
  leaf.certificate = blank(name, leaf.key.get());
  X509* raw = leaf.certificate.get();
  X509* issuer = ca.certificate.get();
  const bool good = raw != nullptr &&
                    add_extension(raw, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
                    add_extension(raw, issuer, NID_key_usage, "critical,digitalSignature") &&
                    add_extension(raw, issuer, NID_ext_key_usage, usage) &&
                    (names.empty() ||
                     add_extension(raw, issuer, NID_subject_alt_name, alternative_names(names))) &&
                    sign(raw, issuer, ca.key.get());
  if (!good) leaf.certificate.reset();
  return leaf;
}

// Replaces the file as a whole, so that a reader never sees half of it, and never with a wider
// mode.
Result<> write_file(const std::string& path, mode_t mode, BIO* content) {
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(content, &bytes);
  const std::string fresh = path + ".new";
  ::unlink(fresh.c_str());
  const int file = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  const bool written = file >= 0 && ::fchmod(file, mode) == 0 &&
                       ::write(file, bytes, static_cast<std::size_t>(size)) == size;
  const int error = errno;
  if (file >= 0) ::close(file);
  if (!written || ::rename(fresh.c_str(), path.c_str()) != 0) {
    return Error(Errc::io, "cannot write " + path + ": " + std::strerror(written ? errno : error));
  }
  return {};
}

Result<> write_certificate(const std::string& path, X509* certificate) {
  const Bio memory(BIO_new(BIO_s_mem()), &BIO_free_all);
  if (!memory || PEM_write_bio_X509(memory.get(), certificate) != 1) {
    return Error(Errc::internal, "OpenSSL: " + ssl_error_text());
  }
  return write_file(path, 0644, memory.get());
}

Result<> write_key(const std::string& path, EVP_PKEY* key) {
  const Bio memory(BIO_new(BIO_s_secmem()), &BIO_free_all);
  if (!memory || PEM_write_bio_PKCS8PrivateKey(memory.get(), key, nullptr, nullptr, 0, nullptr,
                                               nullptr) != 1) {
    return Error(Errc::internal, "OpenSSL: " + ssl_error_text());
  }
  return write_file(path, 0600, memory.get());
}

Result<DevCertificates> write_all(const DevCertificates& files, const Signed& ca,
                                  const Signed& leaf) {
  if (!ca.certificate || !leaf.certificate) {
    return Error(Errc::internal, "OpenSSL cannot make a certificate: " + ssl_error_text());
  }
  if (auto ok = write_certificate(files.ca_file, ca.certificate.get()); ok.has_error())
    return ok.error();
  if (auto ok = write_key(files.key_file, leaf.key.get()); ok.has_error()) return ok.error();
  auto ok = write_certificate(files.certificate_file, leaf.certificate.get());
  if (ok.has_error()) return ok.error();
  return files;
}

}  // namespace

Result<DevCertificates> make_dev_certificates(const std::string& directory,
                                              const std::vector<std::string>& names) {
  const Signed ca = make_ca();
  const std::string name = names.empty() ? "localhost" : names.front();
  return write_all({directory + "/ca.pem", directory + "/server.pem", directory + "/server.key"},
                   ca, make_leaf(ca, name, "serverAuth", names));
}

Result<DevCertificates> make_dev_client_certificate(const std::string& directory,
                                                    const std::string& name) {
  const Signed ca = make_ca();
  return write_all(
      {directory + "/client_ca.pem", directory + "/client.pem", directory + "/client.key"}, ca,
      make_leaf(ca, name, "clientAuth", {}));
}

bool certificate_lasts(const std::string& file, long seconds) {
  const Bio input(BIO_new_file(file.c_str(), "r"), &BIO_free_all);
  if (!input) {
    (void)ssl_error_text();
    return false;
  }
  const Certificate certificate(PEM_read_bio_X509(input.get(), nullptr, nullptr, nullptr),
                                &X509_free);
  if (!certificate) {
    (void)ssl_error_text();
    return false;
  }
  std::time_t until = std::time(nullptr) + seconds;
  return X509_cmp_time(X509_get0_notAfter(certificate.get()), &until) > 0;
}

}  // namespace keyward::net
