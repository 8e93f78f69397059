#include "identity/certificate_login.h"

#include "identity/claims.h"

#include "keyward/base/ascii.h"

#include <algorithm>

namespace keyward::identity {

namespace {

Rejected wrong_certificate(std::string detail) { return {"certificate", std::move(detail)}; }

const std::vector<std::string>& names_of(const net::PeerCertificate& certificate,
                                         CertificateConfig::San san) {
  if (san == CertificateConfig::San::dns) return certificate.dns;
  if (san == CertificateConfig::San::email) return certificate.emails;
  return certificate.uris;
}

// SPIFFE-ID sections 2.1 and 2.2: spiffe://domain/segments, no empty or relative segment, nothing
// percent-encoded, no query or fragment. The domain alone names an authority, nobody who logs in.
bool is_spiffe_id(std::string_view id, const std::vector<std::string>& domains) {
  constexpr std::string_view kScheme = "spiffe://";
  if (!id.starts_with(kScheme)) return false;
  id.remove_prefix(kScheme.size());
  const std::size_t slash = id.find('/');
  if (slash == std::string_view::npos) return false;
  if (std::find(domains.begin(), domains.end(), id.substr(0, slash)) == domains.end()) return false;
  id.remove_prefix(slash);
  while (!id.empty()) {
    id.remove_prefix(1);
    const std::string_view segment = id.substr(0, id.find('/'));
    if (segment.empty() || segment == "." || segment == ".." ||
        !std::all_of(segment.begin(), segment.end(), is_plain)) {
      return false;
    }
    id.remove_prefix(segment.size());
  }
  return true;
}

}  // namespace

std::variant<Principal, Rejected> certificate_principal(const net::PeerCertificate& certificate,
                                                        const IssuerConfig& rules, WallTime now) {
  if (certificate.not_after <= now)
    return Rejected{"expired", "the client certificate has expired"};
  const auto& names = names_of(certificate, rules.certificate.san);
  // An X.509-SVID has exactly one URI (X509-SVID section 2); of several names of another kind
  // nobody can say which one is meant.
  if (names.size() != 1)
    return wrong_certificate("the certificate does not have exactly one such name");
  const std::string& name = names.front();
  if (!is_name(name))
    return wrong_certificate("the certificate's name is no name of 1 to 255 bytes");
  if (rules.certificate.san == CertificateConfig::San::spiffe &&
      !is_spiffe_id(name, rules.certificate.trust_domains)) {
    return wrong_certificate("the certificate's URI is no SPIFFE ID of a configured trust domain");
  }
  Principal principal;
  principal.subject = name;
  principal.issuer_alias = rules.alias;
  principal.issuer = rules.issuer;
  principal.id = rules.alias + ":" + name;
  principal.claims = {{"sub", name}};
  principal.evidence = evidence_of(certificate.sha256);
  principal.issued_at = certificate.not_before;
  principal.expires_at =
      std::min(certificate.not_after, now + WallTime::duration(rules.max_session));
  principal.auth_protocol = "mTLS";
  return principal;
}

}  // namespace keyward::identity
