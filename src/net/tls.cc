#include "keyward/net/tls.h"

#include "net/ticket_keys.h"

#include "keyward/base/hash.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>

namespace keyward::net {
namespace {

// A key file with a passphrase is refused; OpenSSL would otherwise ask on the terminal.
int no_passphrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*unused*/) { return 0; }

Result<> readable(const char* what, const std::string& file) {
  std::FILE* handle = std::fopen(file.c_str(), "rbe");
  if (handle == nullptr) {
    return Error(Errc::io, std::string(what) + " " + file + ": " + std::strerror(errno));
  }
  std::fclose(handle);
  return {};
}

Result<> bad_file(const char* what, const std::string& file, const char* problem) {
  const std::string detail = ssl_error_text();
  return Error(Errc::invalid, std::string(what) + " " + file + ": " + problem +
                                  (detail.empty() ? "" : " (" + detail + ")"));
}

Result<> use_certificate(SSL_CTX* context, const std::string& certificate, const std::string& key) {
  if (auto ok = readable("certificate file", certificate); ok.has_error()) return ok;
  if (SSL_CTX_use_certificate_chain_file(context, certificate.c_str()) != 1) {
    return bad_file("certificate file", certificate, "holds no usable PEM certificate");
  }
  if (auto ok = readable("key file", key); ok.has_error()) return ok;
  if (SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1) {
    const bool mismatch = ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH;
    if (mismatch) return bad_file("key file", key, ("does not belong to " + certificate).c_str());
    return bad_file("key file", key, "holds no usable PEM key without a passphrase");
  }
  if (SSL_CTX_check_private_key(context) != 1) {
    return bad_file("key file", key, ("does not belong to " + certificate).c_str());
  }
  return {};
}

Result<> use_ca(SSL_CTX* context, const std::string& file) {
  if (auto ok = readable("CA file", file); ok.has_error()) return ok;
  if (SSL_CTX_load_verify_locations(context, file.c_str(), nullptr) != 1) {
    return bad_file("CA file", file, "holds no usable PEM certificate");
  }
  return {};
}

// What both sides want: TLS 1.2 with forward secrecy and AEAD only, or 1.3; buffers given back when
// idle; writes that may be partial and may come back with another pointer; no renegotiation (RFC
// 9325 section 3).
Result<SslContext> make_context(const SSL_METHOD* method) {
  ERR_clear_error();
  SslContext context(SSL_CTX_new(method), &SSL_CTX_free);
  if (!context) return Error(Errc::internal, "OpenSSL: " + ssl_error_text());
  SSL_CTX* raw = context.get();
  SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(raw, "ECDHE+AESGCM:ECDHE+CHACHA20");
  SSL_CTX_set_mode(raw, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                            SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_options(raw, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_clear_options(raw, SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_default_passwd_cb(raw, no_passphrase);
  return context;
}

// All suites of TLS 1.3 are good for decades of session traffic (RFC 8446 appendix B.4). Clients ask
// for AES-256 with SHA-384 first, whose key schedule costs both sides some 10 us a handshake more.
// A client without AES instructions names ChaCha20 first and gets it.
void prefer_cheap_ciphers(SSL_CTX* context) {
  SSL_CTX_set_ciphersuites(
      context, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256");
  SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
}

// Client certificates: the CA is trusted for nothing else, and its name is what the server asks
// for.
Result<> verify_clients(SSL_CTX* context, const ServerTlsConfig& config) {
  if (auto ok = use_ca(context, config.client_ca_file); ok.has_error()) return ok;
  STACK_OF(X509_NAME)* names = SSL_load_client_CA_file(config.client_ca_file.c_str());
  if (names != nullptr) SSL_CTX_set_client_CA_list(context, names);
  SSL_CTX_set_verify(
      context,
      SSL_VERIFY_PEER | (config.require_client_certificate ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
      nullptr);
  return {};
}

Result<> read_file(const char* what, const std::string& file, std::string& bytes) {
  if (auto ok = readable(what, file); ok.has_error()) return ok;
  std::ifstream stream(file, std::ios::binary);
  bytes.assign(std::istreambuf_iterator<char>(stream), {});
  if (stream.bad()) return Error(Errc::io, std::string(what) + " " + file + ": cannot be read");
  return {};
}

// Returning clients show a ticket instead of going through a whole handshake. It also stands for
// the client certificate that was checked then, so it opens only where the same one is asked for.
Result<> give_tickets(SSL_CTX* context, const ServerTlsConfig& config) {
  static const Secret of_this_process(random_bytes(TicketKeys::kSecretBytes));
  Secret secret = of_this_process;
  if (!config.ticket_secret_file.empty()) {
    std::string shared;
    if (auto ok = read_file("ticket secret file", config.ticket_secret_file, shared);
        ok.has_error()) {
      return ok;
    }
    if (shared.size() < TicketKeys::kSecretBytes) {
      return Error(Errc::invalid, "ticket secret file " + config.ticket_secret_file +
                                      ": needs at least 32 random bytes");
    }
    const Secret given(shared);
    OPENSSL_cleanse(shared.data(), shared.size());
    secret = given;
  }
  std::string scope = config.require_client_certificate ? "certificate " : "";
  if (!config.client_ca_file.empty()) {
    std::string ca;
    if (auto ok = read_file("CA file", config.client_ca_file, ca); ok.has_error()) return ok;
    scope += short_hash(ca, 32);
  }
  TicketKeys::install(*context, std::make_shared<TicketKeys>(secret, scope));
  scope.append(" keyward");
  const Digest id = sha256(scope);
  SSL_CTX_set_session_id_context(context, id.data(), id.size());
  // One stateless ticket per handshake; nothing about a session is kept on this side, so idle
  // clients cost no memory.
  SSL_CTX_set_num_tickets(context, 1);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  return {};
}

SslPtr make_ssl(SSL_CTX& context) {
  ERR_clear_error();
  return {SSL_new(&context), &SSL_free};
}

}  // namespace

Result<SslContext> make_server_context(const ServerTlsConfig& config) {
  auto made = make_context(TLS_server_method());
  if (made.has_error()) return made;
  SSL_CTX* context = made->get();
  prefer_cheap_ciphers(context);
  if (config.minimum == "1.3") {
    SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  } else if (config.minimum != "1.2") {
    return Error(Errc::invalid, "the lowest TLS version is \"1.2\" or \"1.3\"");
  }
  if (auto ok = use_certificate(context, config.certificate_file, config.key_file);
      ok.has_error()) {
    return ok.error();
  }
  if (!config.client_ca_file.empty()) {
    if (auto ok = verify_clients(context, config); ok.has_error()) return ok.error();
  } else if (config.require_client_certificate) {
    return Error(Errc::invalid, "client certificates are required but no client CA file is named");
  }
  if (auto ok = give_tickets(context, config); ok.has_error()) return ok.error();
  return made;
}

Result<SslContext> make_client_context(const ClientTlsConfig& config) {
  auto made = make_context(TLS_client_method());
  if (made.has_error()) return made;
  SSL_CTX* context = made->get();
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  if (config.ca_file.empty()) {
    if (SSL_CTX_set_default_verify_paths(context) != 1) {
      return Error(Errc::io, "the system's CA certificates cannot be read");
    }
  } else if (auto ok = use_ca(context, config.ca_file); ok.has_error()) {
    return ok.error();
  }
  if (config.certificate_file.empty() != config.key_file.empty()) {
    return Error(Errc::invalid,
                 "a client certificate needs both a certificate file and a key file");
  }
  if (!config.certificate_file.empty()) {
    auto ok = use_certificate(context, config.certificate_file, config.key_file);
    if (ok.has_error()) return ok.error();
  }
  return made;
}

SslPtr make_server_ssl(SSL_CTX& context) {
  SslPtr ssl = make_ssl(context);
  if (ssl) SSL_set_accept_state(ssl.get());
  return ssl;
}

SslPtr make_client_ssl(SSL_CTX& context, const std::string& verify_name) {
  SslPtr none(nullptr, &SSL_free);
  if (verify_name.empty()) return none;  // nothing to verify against: never connect unchecked
  SslPtr ssl = make_ssl(context);
  if (!ssl) return none;
  SSL_set_connect_state(ssl.get());
  X509_VERIFY_PARAM* parameters = SSL_get0_param(ssl.get());
  if (X509_VERIFY_PARAM_set1_ip_asc(parameters, verify_name.c_str()) == 1) return ssl;
  ERR_clear_error();
  SSL_set_hostflags(ssl.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (SSL_set1_host(ssl.get(), verify_name.c_str()) != 1) return none;
  // SSL_set_tlsext_host_name without its C cast; OpenSSL copies the name.
  if (SSL_ctrl(ssl.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
               const_cast<char*>(verify_name.c_str())) != 1) {
    return none;
  }
  return ssl;
}

TlsFacts tls_facts(const SSL& ssl) {
  TlsFacts facts;
  facts.version = SSL_get_version(&ssl);
  if (const char* name = SSL_get_cipher_name(&ssl); name != nullptr) facts.cipher = name;
  if (X509* certificate = SSL_get0_peer_certificate(&ssl); certificate != nullptr) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    if (X509_digest(certificate, EVP_sha256(), digest, &size) == 1) {
      facts.certificate_sha256 = hex(std::string_view(reinterpret_cast<const char*>(digest), size));
    }
  }
  return facts;
}

std::string ssl_error_text() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  if (code == 0) return {};
  if (ERR_SYSTEM_ERROR(code)) return std::strerror(ERR_GET_REASON(code));
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : "OpenSSL error " + std::to_string(code);
}

}  // namespace keyward::net
