#include "cli/audit_directory.h"
#include "cli/verbs.h"

#include <cstdlib>
#include <filesystem>

namespace keyward::cli {

std::string audit_directory(const std::string& given) {
  if (!given.empty()) return given;
  if (const char* named = std::getenv("KEYWARD_AUDIT"); named != nullptr && *named != '\0')
    return named;
  std::error_code ignored;
  return std::filesystem::is_directory(".keyward/audit", ignored) ? ".keyward/audit" : "audit";
}

void add_audit(CLI::App& app, Chosen& chosen) {
  CLI::App* verb = app.add_subcommand(
      "audit",
      "Verify, search, export and follow the audit trail, report on it, exchange the key that signs it");
  verb->require_subcommand(1);
  verb->footer("Example:\n  keyward audit verify /var/lib/keyward/audit");
  add_audit_verify(*verb, chosen);
  add_audit_search(*verb, chosen);
  add_audit_export(*verb, chosen);
  add_audit_tail(*verb, chosen);
  add_audit_key(*verb, chosen);
  add_audit_key_hash(*verb, chosen);
  add_audit_forwarders(*verb, chosen);
  add_audit_report(*verb, chosen);
}

}  // namespace keyward::cli
