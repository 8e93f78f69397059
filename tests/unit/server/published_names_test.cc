// What is published beside the code (JSON Schema, documentation, alert rules) names exactly what
// the code knows.
#include "server/config_ways_in.h"
#include "server/metric_families.h"

#include "keyward/server/config.h"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string_view>
#include <vector>

namespace keyward::server {
namespace {

namespace json = boost::json;
namespace fs = std::filesystem;

const fs::path kRoot = KEYWARD_SOURCE_DIR;

std::string slurp(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream out;
  out << file.rdbuf();
  EXPECT_TRUE(file.good()) << path;
  return std::move(out).str();
}

// What stands between each `open` and the next `close`.
std::set<std::string> between(std::string_view text, std::string_view open,
                              std::string_view close) {
  std::set<std::string> out;
  for (std::size_t at = text.find(open); at != text.npos; at = text.find(open, at)) {
    at += open.size();
    const std::size_t end = text.find(close, at);
    if (end == text.npos) break;
    out.emplace(text.substr(at, end - at));
    at = end + close.size();
  }
  return out;
}

// Every word of a-z and "_" that begins so.
std::set<std::string> words_with(std::string_view text, std::string_view start) {
  std::set<std::string> out;
  for (std::size_t at = text.find(start); at != text.npos; at = text.find(start, at + 1)) {
    const std::size_t end = text.find_first_not_of("abcdefghijklmnopqrstuvwxyz_", at);
    out.emplace(text.substr(at, end == text.npos ? end : end - at));
  }
  return out;
}

// The lists given to only() in the sources, and those of issuers: every setting that is read.
std::set<std::string> settings_in_sources() {
  const std::vector<std::string> of_issuers = issuer_settings();
  std::set<std::string> out(of_issuers.begin(), of_issuers.end());
  for (const auto& entry : fs::directory_iterator(kRoot / "src/server")) {
    if (entry.path().extension() != ".cc") continue;
    for (const std::string& list : between(slurp(entry.path()), "only({", "})")) {
      out.merge(between(list, "\"", "\""));
    }
  }
  return out;
}

const json::value& resolved(const json::value& schema, const json::value& root) {
  const auto* ref = schema.is_object() ? schema.get_object().if_contains("$ref") : nullptr;
  if (ref == nullptr) return schema;
  const std::string name(ref->as_string().subview(std::string_view("#/$defs/").size()));
  return root.at("$defs").at(name);
}

// Every property of the schema as "key:" lines, nested; lists get one item, or one of each kind.
// Collects the names on the way.
std::string empty_document(const json::value& given, const json::value& root,
                           const std::string& indent, std::set<std::string>& names) {
  std::string out;
  for (const auto& [key, property] : resolved(given, root).at("properties").as_object()) {
    names.insert(std::string(key));
    const json::value* schema = &resolved(property, root);
    if (schema->is_object() && schema->get_object().contains("anyOf") &&
        (key == "tls" || key == "policies")) {
      schema = &resolved(schema->at("anyOf").at(1), root);
    }
    const bool list = schema->is_object() && schema->get_object().contains("items") &&
                      schema->at("items").is_object() &&
                      schema->at("items").get_object().contains("properties");
    const auto* fixed = schema->is_object() ? schema->get_object().if_contains("const") : nullptr;
    const auto* items = schema->is_object() ? schema->get_object().if_contains("items") : nullptr;
    const auto* kinds =
        items != nullptr && items->is_object() ? items->get_object().if_contains("oneOf") : nullptr;
    out += indent + std::string(key) + ":";
    if (fixed != nullptr && fixed->is_string()) out += " " + std::string(fixed->get_string());
    out += "\n";
    if (kinds != nullptr) {
      for (const json::value& kind : kinds->as_array())
        out += indent + "  -\n" + empty_document(kind, root, indent + "    ", names);
    } else if (list) {
      out += indent + "  -\n" + empty_document(schema->at("items"), root, indent + "    ", names);
    } else if (schema->is_object() && schema->get_object().contains("properties")) {
      out += empty_document(*schema, root, indent + "  ", names);
    }
  }
  return out;
}

TEST(PublishedNames, SchemaAndReaderKnowTheSameSettings) {
  const json::value schema = json::parse(slurp(kRoot / "docs/schema/keyward.schema.json"));
  std::set<std::string> names;
  const std::string document = empty_document(schema, schema, "", names);
  std::string place = (fs::temp_directory_path() / "keyward-schema-XXXXXX").string();
  ASSERT_NE(mkdtemp(place.data()), nullptr);
  std::ofstream(fs::path(place) / "keyward.yaml") << document;
  Diagnostics found;
  (void)load_config((fs::path(place) / "keyward.yaml").string(), found);
  fs::remove_all(place);
  EXPECT_EQ(found.text().find("unknown key"), std::string::npos) << document << found.text();
  std::set<std::string> read = settings_in_sources();
  EXPECT_EQ(names, read);
}

TEST(PublishedNames, DocumentationNamesEverySetting) {
  const std::string page = slurp(kRoot / "docs/configuration.md");
  for (const std::string& setting : settings_in_sources()) {
    EXPECT_NE(page.find(setting), std::string::npos) << setting;
  }
}

TEST(PublishedNames, AlertRulesUseServedMetrics) {
  std::set<std::string> served;
  for (const auto& family : metric_families({})) served.insert(family.name);
  const auto used = words_with(slurp(kRoot / "deploy/prometheus/keyward.rules.yaml"), "keyward_");
  EXPECT_GT(used.size(), 10U);
  for (const std::string& name : used) EXPECT_TRUE(served.contains(name)) << name;
}

}  // namespace
}  // namespace keyward::server
