// Events as the proxy would make them, for the tests of this module.
#pragma once

#include "keyward/audit/event.h"
#include "keyward/audit/journal.h"

#include <array>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace keyward::audit::test {

inline Subject sample_subject() {
  Subject subject;
  subject.principal = "okta:9f2c1a7be0d34c55";
  subject.issuer_alias = "okta";
  subject.issuer = "https://example.okta.com/oauth2/default";
  subject.subject = "airflow-worker@example.com";
  subject.label = "airflow-worker";
  subject.groups = {"airflow-workers", "data \"platform\""};
  subject.token_digest = "0f1e2d3c4b5a6978";
  subject.token_id = "jti-77";
  subject.auth_protocol = "OAUTH 2.0";
  subject.source_ip = "10.1.2.3";
  subject.source_port = 51123;
  subject.tls_version = "TLSv1.3";
  subject.tls_cipher = "TLS_AES_256_GCM_SHA384";
  subject.client_name = "worker-1";
  subject.client_library = "redis-py 8.1.0";
  subject.listener = "main";
  subject.connection_id = 42;
  subject.session_id = "s-0-42";
  subject.session_started = WallTime(std::chrono::seconds(1'799'999'000));
  subject.session_expires = WallTime(std::chrono::seconds(1'800'003'600));
  subject.lease_user = "kw_4be1";
  subject.policy_version = "sha256:11aa22bb";
  return subject;
}

// SET airflow:k value, answered OK.
struct SampleSet {
  std::array<std::string_view, 3> args{"SET", "airflow:k", "value"};
  std::array<std::string_view, 1> keys{args[1]};
  [[nodiscard]] Event event(const Subject* subject) const {
    Event set;
    set.subject = subject;
    set.command = "set";
    set.args = args;
    set.keys = keys;
    set.writes = true;
    set.command_number = 7;
    set.latency_us = 131;
    set.node = "127.0.0.1:6379";
    set.grant = "airflow-worker";
    set.rule = "policies/airflow.yaml:12";
    return set;
  }
};

inline std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void write_file(const std::string& path, std::string_view content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

inline std::vector<std::string> lines_of(const std::string& content) {
  std::vector<std::string> lines;
  std::size_t begin = 0;
  for (std::size_t end = content.find('\n'); end != std::string::npos;
       end = content.find('\n', begin)) {
    lines.push_back(content.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

inline JournalConfig sample_config(const std::string& directory) {
  return {directory, "kw-1.example", "shard-0", "sessions"};
}

}  // namespace keyward::audit::test
