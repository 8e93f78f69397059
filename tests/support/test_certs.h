// Certificates of a test's own: a CA and a server certificate in a temporary folder.
#pragma once

#include "support/temp_dir.h"

#include "keyward/net/dev_certs.h"
#include "keyward/net/tls.h"

#include <stdexcept>
#include <string>
#include <vector>

namespace keyward::test {

class TestCerts {
 public:
  explicit TestCerts(const std::vector<std::string>& names = {"localhost", "127.0.0.1", "::1"}) {
    auto made = net::make_dev_certificates(dir_.path(), names);
    if (made.has_error()) throw std::runtime_error(made.error().message());
    files_ = *made;
  }
  [[nodiscard]] const std::string& ca() const { return files_.ca_file; }
  [[nodiscard]] const std::string& certificate() const { return files_.certificate_file; }
  [[nodiscard]] const std::string& key() const { return files_.key_file; }
  [[nodiscard]] const std::string& dir() const { return dir_.path(); }
  [[nodiscard]] net::ServerTlsConfig server() const {
    net::ServerTlsConfig config;
    config.certificate_file = certificate();
    config.key_file = key();
    return config;
  }
  [[nodiscard]] net::ClientTlsConfig client() const {
    net::ClientTlsConfig config;
    config.ca_file = ca();
    return config;
  }

 private:
  TempDir dir_;
  net::DevCertificates files_;
};

}  // namespace keyward::test
