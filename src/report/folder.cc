#include "keyward/report/folder.h"

#include "keyward/base/hash.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <iterator>
#include <set>

namespace keyward::report {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr std::uintmax_t kMostManifest = 4 << 20;

struct File {
  std::string name, content;
};

std::string as_json(std::string_view text) { return json::serialize(json::string(text)); }

std::optional<std::string> read_file(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(stream), {});
}

bool write_file(const fs::path& path, const std::string& content) {
  std::ofstream stream(path, std::ios::binary | std::ios::trunc);
  stream.write(content.data(), static_cast<std::streamsize>(content.size()));
  stream.close();
  return stream.good();
}

std::vector<File> files_of(const Document& document) {
  std::vector<File> out;
  out.push_back({kPage, document_html(document)});
  out.push_back({"facts.json", json::serialize(document_json(document)) + "\n"});
  for (const Section& section : document.sections) {
    for (const Table& table : section.tables) out.push_back({table.id + ".csv", table_csv(table)});
  }
  std::sort(out.begin() + 1, out.end(),
            [](const File& a, const File& b) { return a.name < b.name; });
  return out;
}

std::string manifest_of(const Document& document, const std::vector<File>& files,
                        const PrivateKey* key) {
  std::string out = fmt::format(
      "{{\n  \"report\": 1,\n  \"title\": {},\n  \"period\": {},\n  \"product\": {},\n"
      "  \"files\": [\n",
      as_json(document.title),
      as_json(document.about.empty() ? document.subtitle : document.about.front().value),
      as_json("Keyward " KEYWARD_VERSION));
  for (const File& file : files) {
    out += fmt::format(R"(    {{"name": {}, "bytes": {}, "sha256": "{}"}}{})", as_json(file.name),
                       file.content.size(), hex(sha256(file.content)),
                       &file == &files.back() ? "\n" : ",\n");
  }
  out += "  ],\n";
  if (key == nullptr) return out + "  \"key\": null\n}\n";
  out += fmt::format("  \"key\": \"{}\",\n  \"public_key\": \"{}\",\n  \"signature\": \"{}\"\n}}\n",
                     key->public_key().id(), key->public_key().hex(), kOpenSignature);
  return signed_text(std::move(out), *key);
}

// Whether a report may be written there.
Result<> make_room(const Folder& folder) {
  std::error_code code;
  const fs::path path(folder.path);
  if (fs::exists(path, code) && !fs::is_directory(path, code))
    return Error(Errc::invalid, folder.path + " is no folder");
  fs::create_directories(path, code);
  if (code) return Error(Errc::io, folder.path + ": " + code.message());
  if (fs::is_empty(path, code)) return {};
  if (!fs::exists(path / kManifest, code))
    return Error(Errc::invalid, folder.path + " holds other files; name a folder of its own");
  if (!folder.replace)
    return Error(Errc::invalid,
                 folder.path + " holds a report already; name another folder, or --replace it");
  const auto manifest = read_file(path / kManifest);
  json::error_code error;
  const json::value whole = json::parse(manifest.value_or(""), error);
  const json::value* files =
      error || !whole.is_object() ? nullptr : whole.get_object().if_contains("files");
  if (files != nullptr && files->is_array()) {
    for (const json::value& one : files->get_array()) {
      const json::value* name = one.is_object() ? one.get_object().if_contains("name") : nullptr;
      if (name == nullptr || !name->is_string()) continue;
      const std::string text(name->get_string());
      if (text.find('/') == std::string::npos) fs::remove(path / text, code);
    }
  }
  fs::remove(path / kManifest, code);
  return {};
}

std::string text_in(const json::object& from, std::string_view name) {
  const json::value* found = from.if_contains(name);
  return found != nullptr && found->is_string() ? std::string(found->get_string()) : std::string();
}

void check_signature(const json::object& manifest, const std::string& text,
                     const std::optional<PublicKey>& trusted, Checked& out) {
  out.key = text_in(manifest, "key");
  if (out.key.empty()) {
    out.problems.emplace_back("report.json: not signed");
    return;
  }
  const auto key = PublicKey::from_hex(text_in(manifest, "public_key"));
  if (!key || key->id() != out.key) {
    out.problems.emplace_back("report.json: names no key that could have signed it");
    return;
  }
  if (!signature_holds(text, text_in(manifest, "signature"), *key))
    out.problems.emplace_back("report.json: altered, or signed by another key");
  if (trusted && trusted->hex() != key->hex())
    out.problems.push_back("report.json: signed by key " + out.key + ", not by " + trusted->id());
}

void check_file(const fs::path& folder, const json::object& entry, std::set<std::string>& known,
                Checked& out) {
  const std::string name = text_in(entry, "name");
  if (name.empty() || name.find('/') != std::string::npos || !known.insert(name).second) {
    out.problems.emplace_back("report.json: a name that cannot be one");
    return;
  }
  ++out.files;
  const auto content = read_file(folder / name);
  if (!content) {
    out.problems.push_back(name + ": missing");
  } else if (hex(sha256(*content)) != text_in(entry, "sha256")) {
    out.problems.push_back(name + ": altered");
  }
}

}  // namespace

std::string signed_text(std::string text, const PrivateKey& key) {
  const std::size_t at = text.find(kOpenSignature);
  if (at == std::string::npos) return text;
  text.replace(at, kOpenSignature.size(), hex(key.sign(text)));
  return text;
}

bool signature_holds(std::string text, std::string_view signature, const PublicKey& key) {
  const auto bytes = unhex(signature);
  if (!bytes || signature.size() != kOpenSignature.size()) return false;
  const std::size_t at = text.rfind(signature);
  if (at == std::string::npos) return false;
  text.replace(at, signature.size(), kOpenSignature);
  return key.accepts(text, *bytes);
}

Result<std::vector<std::string>> write_folder(const Folder& folder, const Document& document,
                                              const PrivateKey* key) {
  if (auto ready = make_room(folder); !ready) return ready.error();
  const std::vector<File> files = files_of(document);
  std::vector<std::string> names;
  for (const File& file : files) {
    if (!write_file(fs::path(folder.path) / file.name, file.content))
      return Error(Errc::io, "cannot write " + folder.path + "/" + file.name);
    names.push_back(file.name);
  }
  // Last: what has no list was not finished.
  if (!write_file(fs::path(folder.path) / kManifest, manifest_of(document, files, key)))
    return Error(Errc::io, "cannot write " + folder.path + "/" + kManifest);
  names.emplace_back(kManifest);
  return names;
}

Result<Checked> check_folder(const std::string& path, const std::optional<PublicKey>& trusted) {
  const fs::path folder(path);
  std::error_code code;
  const auto size = fs::file_size(folder / kManifest, code);
  if (code || size > kMostManifest)
    return Error(Errc::not_found, path + " holds no report: " + kManifest + " is missing");
  const auto text = read_file(folder / kManifest);
  if (!text) return Error(Errc::io, path + "/" + kManifest + " cannot be read");
  Checked out;
  json::error_code error;
  const json::value whole = json::parse(*text, error);
  const json::object* manifest = error ? nullptr : whole.if_object();
  const json::value* files = manifest == nullptr ? nullptr : manifest->if_contains("files");
  if (files == nullptr || !files->is_array()) {
    out.problems.emplace_back("report.json: altered, it is no list of files");
    return out;
  }
  check_signature(*manifest, *text, trusted, out);
  std::set<std::string> known{kManifest};
  for (const json::value& one : files->get_array()) {
    if (one.is_object()) check_file(folder, one.get_object(), known, out);
  }
  for (const auto& entry : fs::directory_iterator(folder, code)) {
    const std::string name = entry.path().filename().string();
    if (!known.contains(name)) out.problems.push_back(name + ": not part of the report");
  }
  std::sort(out.problems.begin(), out.problems.end());
  return out;
}

}  // namespace keyward::report
