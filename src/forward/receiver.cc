#include "forward/receiver.h"

namespace keyward::forward {

const char* name(Kind kind) {
  switch (kind) {
    case Kind::syslog:
      return "syslog";
    case Kind::splunk_hec:
      return "splunk_hec";
    case Kind::opensearch:
      return "opensearch";
    case Kind::http:
      return "http";
    case Kind::otlp:
      return "otlp";
  }
  return "";
}

std::string ForwarderConfig::destination() const {
  if (kind != Kind::syslog) return url;
  const char* way = endpoint.kind == net::Endpoint::Kind::tls           ? "tls://"
                    : endpoint.kind == net::Endpoint::Kind::unix_socket ? "unix://"
                                                                        : "tcp://";
  if (endpoint.kind == net::Endpoint::Kind::unix_socket) return way + endpoint.host;
  const bool colons = endpoint.host.find(':') != std::string::npos;
  return way + (colons ? "[" + endpoint.host + "]" : endpoint.host) + ":" +
         std::to_string(endpoint.port);
}

Result<std::unique_ptr<Receiver>> make_receiver(const ForwarderConfig& config,
                                                const std::string& instance) {
  return config.kind == Kind::syslog ? make_syslog_receiver(config, instance)
                                     : make_http_receiver(config, instance);
}

}  // namespace keyward::forward
