// Certificates for trying out and testing: an own CA and a server certificate, made on the spot,
// short-lived.
#pragma once

#include "keyward/base/result.h"

#include <string>
#include <vector>

namespace keyward::net {

struct DevCertificates {
  std::string ca_file, certificate_file, key_file;
};

// Writes ca.pem, server.pem and server.key (mode 0600) into `directory`, which must exist. EC
// P-256, 30 days, the subject alternative names are `names` (host names and addresses). The CA's
// key is never written: a new server certificate means a new CA. Files that are there are replaced.
[[nodiscard]] Result<DevCertificates> make_dev_certificates(
    const std::string& directory,
    const std::vector<std::string>& names = {"localhost", "127.0.0.1", "::1"});

// As above for a client certificate with this common name: client_ca.pem, client.pem, client.key.
[[nodiscard]] Result<DevCertificates> make_dev_client_certificate(const std::string& directory,
                                                                  const std::string& name);

// Whether the certificate in the file is valid for at least `seconds` more; false when it cannot be
// read.
[[nodiscard]] bool certificate_lasts(const std::string& file, long seconds);

}  // namespace keyward::net
