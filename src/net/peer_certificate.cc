#include "keyward/net/peer_certificate.h"

#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <ctime>
#include <memory>

namespace keyward::net {

namespace {

struct NamesFree {
  void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
};

// By its length: a NUL inside must not end it.
std::string whole(const ASN1_IA5STRING* text) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<std::size_t>(ASN1_STRING_length(text))};
}

bool read_time(const ASN1_TIME* time, WallTime& out) {
  std::tm fields{};
  if (ASN1_TIME_to_tm(time, &fields) != 1) return false;
  // Years from 10000 on would overflow nothing here: they have four digits (RFC 5280, 4.1.2.5).
  out = WallTime(std::chrono::seconds(timegm(&fields)));
  return true;
}

}  // namespace

std::optional<PeerCertificate> peer_certificate(const SSL& ssl) {
  X509* const certificate = SSL_get0_peer_certificate(&ssl);
  if (certificate == nullptr || SSL_get_verify_result(&ssl) != X509_V_OK) return std::nullopt;
  PeerCertificate peer;
  unsigned int size = 0;
  if (X509_digest(certificate, EVP_sha256(), peer.sha256.data(), &size) != 1 ||
      size != peer.sha256.size() || !read_time(X509_get0_notBefore(certificate), peer.not_before) ||
      !read_time(X509_get0_notAfter(certificate), peer.not_after)) {
    return std::nullopt;
  }
  const std::unique_ptr<GENERAL_NAMES, NamesFree> names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  ERR_clear_error();
  const int count = names ? sk_GENERAL_NAME_num(names.get()) : 0;
  for (int at = 0; at < count; ++at) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(names.get(), at);
    if (name->type == GEN_URI) peer.uris.push_back(whole(name->d.uniformResourceIdentifier));
    if (name->type == GEN_DNS) peer.dns.push_back(whole(name->d.dNSName));
    if (name->type == GEN_EMAIL) peer.emails.push_back(whole(name->d.rfc822Name));
  }
  return peer;
}

}  // namespace keyward::net
