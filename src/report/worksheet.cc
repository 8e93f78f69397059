// The worksheet of an access review as text, and back.
#include "keyward/base/hash.h"
#include "keyward/base/text.h"
#include "keyward/base/yaml.h"
#include "keyward/report/access_review.h"
#include "keyward/report/folder.h"
#include "keyward/report/visible.h"
#include "keyward/trail/times.h"

#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>

#include <fmt/format.h>
#include <limits>

namespace keyward::report {
namespace {

constexpr std::int64_t kMostCount = std::numeric_limits<std::int64_t>::max();
// In front of what a signature adds.
constexpr std::string_view kSigned = "\nsigned:\n";

// A double-quoted scalar: JSON's strings are a subset of YAML's.
std::string scalar(std::string_view text) {
  return boost::json::serialize(boost::json::string(visible(text)));
}

template <class Items>
std::string flow(const Items& items) {
  std::vector<std::string> all;
  for (const auto& item : items) all.push_back(scalar(item));
  return "[" + joined(all, ", ") + "]";
}

std::string moment(std::uint64_t us) { return us == 0 ? "never" : plain(moment_cell(us)); }

void put_row(const Review& review, const ReviewRow& row, std::string& out) {
  const auto line = [&](std::string_view name, const std::string& value) {
    out += fmt::format("    {}: {}\n", name, value);
  };
  out += fmt::format("\n  - id: {}\n", scalar(row.id));
  line("grant", scalar(row.grant));
  line("team", scalar(row.team));
  line("who", scalar(row.who));
  line("rule", scalar(row.rule));
  out += "    reach:\n";
  for (const std::string& reach : row.reach) out += fmt::format("      - {}\n", scalar(reach));
  line("ends", scalar(row.limits));
  if (!row.granted_by.empty()) line("granted_by", scalar(row.granted_by));
  if (!row.changed_by.empty()) line("changed_by", scalar(row.changed_by));
  if (review.with_trail) {
    line("used", std::to_string(row.used.count));
    line("last_used", scalar(moment(row.used.last_us)));
    line("principals", std::to_string(row.principals));
    line("used_by", flow(row.used_by));
  }
  line("decision", row.decision.empty() ? "\"\"" : scalar(row.decision));
  line("comment", scalar(row.comment));
}

void put_rights(const Review& review, std::string& out) {
  out += "\n# For comparing this review with the next; nothing to fill in.\nrights:\n";
  for (const auto& [grant, rights] : review.rights) {
    out += fmt::format("  {}:\n", scalar(grant));
    for (const Right& right : rights) {
      out += fmt::format("    - commands: {}\n", flow(right.commands));
      if (!right.read_write.empty()) out += "      keys: " + flow(right.read_write) + "\n";
      if (!right.read.empty()) out += "      read: " + flow(right.read) + "\n";
      if (!right.write.empty()) out += "      write: " + flow(right.write) + "\n";
      if (!right.channels.empty()) out += "      channels: " + flow(right.channels) + "\n";
      out += "      databases: [" + joined(right.databases, ", ") + "]\n";
    }
  }
}

std::string text_of(const yaml::Node& from, std::string_view key) {
  return from.get(key).text().value_or("");
}

// As the worksheet writes it; 0 for "never".
std::uint64_t moment_of(const yaml::Node& from, std::string_view key) {
  const auto time = trail::parse_time(text_of(from, key), WallTime{});
  return time ? *time : 0;
}

ReviewRow read_row(const yaml::Node& node) {
  node.only({"id", "grant", "team", "who", "rule", "reach", "ends", "granted_by", "changed_by",
             "used", "last_used", "principals", "used_by", "decision", "comment"});
  ReviewRow row;
  row.line = node.line();
  row.id = node.need("id").text().value_or("");
  row.grant = node.need("grant").text().value_or("");
  row.team = text_of(node, "team");
  row.who = node.need("who").text().value_or("");
  row.rule = text_of(node, "rule");
  row.reach = node.get("reach").texts();
  row.limits = text_of(node, "ends");
  row.granted_by = text_of(node, "granted_by");
  row.changed_by = text_of(node, "changed_by");
  row.used.count = static_cast<std::uint64_t>(node.get("used").integer(0, kMostCount).value_or(0));
  row.used.last_us = moment_of(node, "last_used");
  row.principals =
      static_cast<std::uint64_t>(node.get("principals").integer(0, kMostCount).value_or(0));
  row.used_by = node.get("used_by").texts();
  row.decision = text_of(node, "decision");
  row.comment = text_of(node, "comment");
  return row;
}

Right read_right(const yaml::Node& node) {
  Right right;
  right.commands = node.get("commands").texts();
  right.read_write = node.get("keys").texts();
  right.read = node.get("read").texts();
  right.write = node.get("write").texts();
  right.channels = node.get("channels").texts();
  for (const yaml::Node& one : node.get("databases").list())
    right.databases.push_back(static_cast<std::uint32_t>(one.integer(0, 16383).value_or(0)));
  return right;
}

}  // namespace

std::string worksheet(const Review& review) {
  std::string out =
      "# Access review. For every row set decision to keep, remove or change (change needs a "
      "comment),\n"
      "# then: keyward access review --sign THIS-FILE --reviewer NAME --key KEY.pem\n"
      "keyward_access_review: 1\n";
  out += "policy_version: " + scalar(review.policy_version) + "\n";
  if (!review.policy_commit.empty()) out += "policy_commit: " + scalar(review.policy_commit) + "\n";
  if (review.with_trail)
    out += "trail: " + scalar(review.trail) + "\nfrom: " + scalar(moment(review.from_us)) +
           "\nto: " + scalar(moment(review.to_us)) + "\n";
  out += "rows:";
  for (const ReviewRow& row : review.rows) put_row(review, row, out);
  put_rights(review, out);
  return out;
}

Review read_worksheet(const std::string& file, const std::string& text, Diagnostics& diagnostics) {
  Review out;
  const yaml::Node root = yaml::parse(file, text, diagnostics);
  if (diagnostics.failed()) return out;
  root.only({"keyward_access_review", "policy_version", "policy_commit", "trail", "from", "to",
             "rows", "rights", "signed"});
  if (root.need("keyward_access_review").integer(1, 1).value_or(0) != 1) return out;
  out.policy_version = root.need("policy_version").text().value_or("");
  out.policy_commit = text_of(root, "policy_commit");
  out.with_trail = root.get("trail").present();
  out.trail = text_of(root, "trail");
  out.from_us = moment_of(root, "from");
  out.to_us = moment_of(root, "to");
  for (const yaml::Node& row : root.need("rows").list()) out.rows.push_back(read_row(row));
  for (const auto& [grant, rights] : root.get("rights").entries()) {
    for (const yaml::Node& one : rights.list()) out.rights[grant].push_back(read_right(one));
  }
  const yaml::Node sign = root.get("signed");
  out.reviewer = text_of(sign, "reviewer");
  out.signed_at = text_of(sign, "at");
  out.previous = text_of(sign, "previous");
  out.key = text_of(sign, "key");
  return out;
}

std::string signed_worksheet(const std::string& text, const Signing& signing,
                             const PrivateKey& key) {
  std::string out = text + std::string(kSigned);
  out += "  reviewer: " + scalar(signing.reviewer) + "\n";
  out += "  at: " + scalar(signing.at) + "\n";
  if (!signing.previous.empty()) out += "  previous: " + scalar(signing.previous) + "\n";
  out += "  key: " + scalar(key.public_key().id()) + "\n";
  out += "  public_key: " + scalar(key.public_key().hex()) + "\n";
  const std::size_t at = out.size();
  // Only what stands behind is signed over with zeros in it: the text before may hold as many.
  out += fmt::format("  signature: \"{}\"\n", kOpenSignature);
  const std::string signature = hex(key.sign(out));
  return out.substr(0, at) + fmt::format("  signature: \"{}\"\n", signature);
}

Result<std::string> check_signed(const std::string& text, const std::optional<PublicKey>& trusted) {
  Diagnostics ignored;
  const yaml::Node sign = yaml::parse("review", text, ignored).get("signed");
  if (text.rfind(kSigned) == std::string::npos || !sign.present())
    return Error(Errc::unauthorized, "is not signed");
  const auto key = PublicKey::from_hex(text_of(sign, "public_key"));
  if (!key || key->id() != text_of(sign, "key"))
    return Error(Errc::unauthorized, "names no key that could have signed it");
  if (!signature_holds(text, text_of(sign, "signature"), *key))
    return Error(Errc::unauthorized, "was altered, or signed by another key");
  if (trusted && trusted->hex() != key->hex())
    return Error(Errc::unauthorized, "is signed by key " + key->id() + ", not by " + trusted->id());
  return key->id();
}

}  // namespace keyward::report
