#include "keyward/trail/export.h"

#include "trail/json_out.h"

#include "keyward/base/latin1.h"
#include "keyward/base/text.h"
#include "keyward/trail/times.h"

#include <algorithm>
#include <array>

namespace keyward::trail {
namespace {

// Text cells are guarded against being taken for formulas; numbers may be negative.
struct Cell {
  std::string text;
  bool number = false;
};

Cell text(std::string_view value) { return {std::string(value), false}; }
Cell count(std::uint64_t value) { return {value == 0 ? "" : std::to_string(value), true}; }
Cell integer(std::int64_t value, bool there) { return {there ? std::to_string(value) : "", true}; }
Cell list(std::span<const std::string_view> values) { return {joined(values, "; "), false}; }

struct Column {
  std::string_view name;
  Cell (*cell)(const Record&);
};

// clang-format off
constexpr std::array kColumns = std::to_array<Column>({
    {"time", [](const Record& r) { return text(time_text(r.time_us)); }},
    {"instance", [](const Record& r) { return text(r.instance); }},
    {"stream", [](const Record& r) { return text(r.stream); }},
    {"sequence", [](const Record& r) { return count(r.sequence); }},
    {"kind", [](const Record& r) { return text(r.kind); }},
    {"outcome", [](const Record& r) { return text(name_of(r.outcome)); }},
    {"principal", [](const Record& r) { return text(r.principal); }},
    {"user", [](const Record& r) { return text(r.user); }},
    {"subject", [](const Record& r) { return text(r.user_alt.empty() ? r.user : r.user_alt); }},
    {"groups", [](const Record& r) { return list(r.groups); }},
    {"issuer", [](const Record& r) { return text(r.issuer); }},
    {"session", [](const Record& r) { return text(r.session); }},
    {"source_ip", [](const Record& r) { return text(r.source_ip); }},
    {"source_port", [](const Record& r) { return count(r.source_port); }},
    {"listener", [](const Record& r) { return text(r.listener); }},
    {"tls_version", [](const Record& r) { return text(r.tls_version); }},
    {"tls_cipher", [](const Record& r) { return text(r.tls_cipher); }},
    {"client_name", [](const Record& r) { return text(r.client_name); }},
    {"client_library", [](const Record& r) { return text(r.client_library); }},
    {"lease_user", [](const Record& r) { return text(r.lease_user); }},
    {"node", [](const Record& r) { return text(r.node); }},
    {"db", [](const Record& r) { return integer(r.db, r.has_db); }},
    {"command", [](const Record& r) { return text(r.command); }},
    {"query", [](const Record& r) { return text(r.query); }},
    {"keys", [](const Record& r) { return list(r.keys); }},
    {"key_count", [](const Record& r) { return count(r.key_count); }},
    {"channels", [](const Record& r) { return list(r.channels); }},
    {"grant", [](const Record& r) { return text(r.grant); }},
    {"rule", [](const Record& r) { return text(r.rule); }},
    {"policy_version", [](const Record& r) { return text(r.policy_version); }},
    {"reason", [](const Record& r) { return text(r.reason); }},
    {"status_code", [](const Record& r) { return text(r.status_code); }},
    {"would_deny", [](const Record& r) { return text(r.would_deny); }},
    {"attested", [](const Record& r) { return list(r.attested); }},
    {"affected", [](const Record& r) { return integer(r.affected.value_or(0), r.affected.has_value()); }},
    {"latency_us", [](const Record& r) { return integer(r.latency_us, r.latency_us >= 0); }},
    {"command_number", [](const Record& r) { return count(r.command_number); }},
    {"multi_id", [](const Record& r) { return count(r.multi_id); }},
    {"repeated", [](const Record& r) { return count(r.repeated); }},
    {"operation", [](const Record& r) { return text(r.operation); }},
    {"script_sha1", [](const Record& r) { return text(r.script_sha1); }},
    {"request_id", [](const Record& r) { return text(r.request_id); }},
    {"token_digest", [](const Record& r) { return text(r.token_digest); }},
    {"account", [](const Record& r) { return text(r.account); }},
    {"by", [](const Record& r) { return text(r.by); }},
    {"detail", [](const Record& r) { return text(r.detail); }},
});
// clang-format on

bool control(char byte) { return static_cast<unsigned char>(byte) < 0x20 || byte == 0x7f; }

// What a spreadsheet may read as the beginning of a formula (OWASP, "CSV Injection").
bool formula(std::string_view value) {
  constexpr std::string_view kBeginnings = "=+-@\t\r";
  return !value.empty() && kBeginnings.find(value.front()) != std::string_view::npos;
}

std::string utf8(std::string_view bytes) {
  std::string room(bytes.size() * audit::kGrowth, '\0');
  const bool fine = audit::escape(room.data(), bytes).encoding == audit::Encoding::utf8;
  return fine ? std::string(bytes) : latin1_to_utf8(bytes);
}

void append_cell(const Cell& cell, std::string& out) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  if (cell.number) {
    out += cell.text;
    return;
  }
  const std::string value = utf8(cell.text);
  const bool guarded = formula(value);
  const bool quoted = value.find_first_of("\",;\r\n") != std::string::npos ||
                      value.starts_with(' ') || value.ends_with(' ');
  if (quoted) out += '"';
  if (guarded) out += '\'';
  for (const char byte : value) {
    if (control(byte)) {
      out += "\\x";
      out += kDigits[static_cast<unsigned char>(byte) >> 4];
      out += kDigits[static_cast<unsigned char>(byte) & 15];
      continue;
    }
    if (byte == '"') out += '"';
    out += byte;
  }
  if (quoted) out += '"';
}

}  // namespace

const std::vector<std::string_view>& column_names() {
  static const std::vector<std::string_view> names = [] {
    std::vector<std::string_view> all;
    for (const Column& column : kColumns) all.push_back(column.name);
    return all;
  }();
  return names;
}

Result<CsvWriter> CsvWriter::with(const std::vector<std::string>& columns) {
  CsvWriter writer;
  for (const std::string& name : columns) {
    const auto found = std::find_if(kColumns.begin(), kColumns.end(),
                                    [&](const Column& column) { return column.name == name; });
    if (found == kColumns.end())
      return Error(Errc::invalid, "there is no column \"" + name + "\"; there are " +
                                      joined(column_names(), ", "));
    writer.columns_.push_back(static_cast<std::size_t>(found - kColumns.begin()));
  }
  if (columns.empty()) {
    for (std::size_t column = 0; column < kColumns.size(); ++column)
      writer.columns_.push_back(column);
  }
  return writer;
}

void CsvWriter::append_heading(std::string& out) const {
  for (const std::size_t column : columns_) {
    out += kColumns[column].name;
    out += ',';
  }
  out.back() = '\r';
  out += '\n';
}

void CsvWriter::append(const Record& record, std::string& out) const {
  for (const std::size_t column : columns_) {
    append_cell(kColumns[column].cell(record), out);
    out += ',';
  }
  out.back() = '\r';
  out += '\n';
}

void append_joined(const Record& record, std::string& out) {
  if (record.session_number == 0 || !record.line.ends_with('}')) {
    out += record.line;
    return;
  }
  out += record.line.substr(0, record.line.size() - 1);
  out += ",\"joined\":";
  JsonOut json(out);
  json.text("principal", record.principal);
  json.text("subject", record.user_alt.empty() ? record.user : record.user_alt);
  json.names("groups", record.groups);
  json.text("issuer", record.issuer);
  json.text("policy_version", record.policy_version);
  json.text("lease_user", record.lease_user);
  json.text("listener", record.listener);
  json.text("tls_version", record.tls_version);
  json.text("tls_cipher", record.tls_cipher);
  json.text("client_name", record.client_name);
  json.text("client_library", record.client_library);
  json.text("token_digest", record.token_digest);
  json.finish();
  out += '}';
}

}  // namespace keyward::trail
