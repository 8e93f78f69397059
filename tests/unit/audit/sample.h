// Events as the proxy would make them, for the tests of this module.
#pragma once

#include "keyward/audit/event.h"
#include "keyward/audit/journal.h"

#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace keyward::audit::test {

inline const std::vector<std::string> kGroups{"airflow-workers", "data \"platform\""};
inline const std::vector<std::string> kGrants{"airflow-worker", "metrics"};

inline Subject sample_subject() {
  Subject subject;
  subject.principal = "okta:9f2c1a7be0d34c55";
  subject.issuer_alias = "okta";
  subject.issuer = "https://example.okta.com/oauth2/default";
  subject.subject = "airflow-worker@example.com";
  subject.label = "airflow-worker";
  subject.groups = kGroups;
  subject.grants = kGrants;
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

// A request of which the first `keys` arguments behind the command's name are keys.
class SampleRequest {
 public:
  SampleRequest(std::string_view command, std::vector<std::string_view> args, std::size_t keys,
                bool writes)
      : args_(std::move(args)) {
    for (std::uint32_t key = 1; key <= keys; ++key) keys_.push_back(key);
    RequestPrinter().print(
        {.command = command, .args = args_, .keys = keys_, .reads = !writes, .writes = writes},
        text_);
  }
  [[nodiscard]] const RequestText* text() const { return &text_; }

 private:
  std::vector<std::string_view> args_;
  std::vector<std::uint32_t> keys_;
  RequestText text_;
};

// SET airflow:k value, answered OK.
struct SampleSet {
  SampleRequest request{"set", {"SET", "airflow:k", "value"}, 1, true};
  [[nodiscard]] Event event(const Subject* subject) const {
    Event set;
    set.subject = subject;
    set.request = request.text();
    set.command_number = 7;
    set.latency_us = 131;
    set.node = "sessions";
    set.grant = "airflow-worker";
    set.rule = "airflow.yaml";
    set.rule_line = 12;
    return set;
  }
};

// GET team-b:secret, which no grant covers.
struct SampleDenial {
  SampleRequest request{"get", {"GET", "team-b:secret"}, 1, false};
  [[nodiscard]] Event event(const Subject* subject) const {
    Event denial;
    denial.kind = Kind::denial;
    denial.outcome = Outcome::denied;
    denial.subject = subject;
    denial.request = request.text();
    denial.command_number = 8;
    denial.error_class = "NOPERM";
    denial.request_id = "r-20";
    denial.reason = "no grant covers the key";
    return denial;
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
