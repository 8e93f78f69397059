#include "keyward/identity/jwks.h"

#include "identity/jose.h"
#include "identity/public_key.h"
#include "identity/strict_json.h"

#include <boost/json/array.hpp>
#include <openssl/err.h>

#include <algorithm>
#include <map>
#include <utility>
#include <variant>

namespace keyward::identity {

namespace {

namespace json = boost::json;

constexpr std::size_t kJwksDepth = 8;

}  // namespace

Result<std::shared_ptr<const KeySet>> KeySet::parse(std::string_view document) {
  if (document.size() > kMaxBytes) return Error(Errc::limit, "the key set is above 512 KiB");
  const auto root = parse_object(document, kJwksDepth);
  if (!root) return Error(Errc::invalid, "the key set is no strict JSON object");
  const json::value* const member = root->if_contains("keys");
  const json::array* const list = member == nullptr ? nullptr : member->if_array();
  if (list == nullptr) return Error(Errc::invalid, "the key set has no array \"keys\"");
  if (list->size() > kMaxKeys) return Error(Errc::limit, "the key set has more than 100 keys");

  auto set = std::make_shared<KeySet>();
  for (std::size_t place = 0; place < list->size(); ++place) {
    const json::value& jwk = (*list)[place];
    auto judged = read_public_key(jwk);
    if (auto* reason = std::get_if<std::string>(&judged)) {
      const std::string_view kid = jwk.is_object() ? string_member(jwk.get_object(), "kid") : "";
      set->skipped_.push_back({place, std::string(kid.substr(0, 128)), std::move(*reason)});
    } else {
      set->keys_.push_back(std::move(std::get<VerificationKey>(judged)));
    }
  }
  ERR_clear_error();  // refused keys leave errors behind that TLS on this thread would take for its
                      // own
  set->drop_contested();
  set->seal();
  return std::shared_ptr<const KeySet>(std::move(set));
}

// The same kid for different keys: nobody can say which one is meant, so neither is used. Equal
// keys count once.
void KeySet::drop_contested() {
  std::map<std::string, std::vector<std::size_t>, std::less<>> by_kid;
  std::vector<bool> drop(keys_.size(), false);
  for (std::size_t at = 0; at < keys_.size(); ++at) by_kid[keys_[at].kid].push_back(at);
  for (const auto& [kid, places] : by_kid) {
    bool contested = false;
    for (std::size_t at = 1; at < places.size(); ++at) {
      const VerificationKey& first = keys_[places.front()];
      const VerificationKey& other = keys_[places[at]];
      if (first.thumbprint == other.thumbprint && first.alg == other.alg) {
        drop[places[at]] = true;
      } else if (!kid.empty()) {
        contested = true;
      }
    }
    if (!contested) continue;
    for (const std::size_t place : places) drop[place] = true;
    skipped_.push_back({places.front(), kid, "the same kid stands for different keys"});
  }
  std::vector<VerificationKey> kept;
  for (std::size_t at = 0; at < keys_.size(); ++at) {
    if (!drop[at]) kept.push_back(std::move(keys_[at]));
  }
  keys_ = std::move(kept);
}

void KeySet::seal() {
  std::vector<std::string> lines;
  for (const VerificationKey& key : keys_) {
    lines.push_back(hex(key.thumbprint) + "|" + key.alg + "|" + hex(key.kid) + "\n");
  }
  std::sort(lines.begin(), lines.end());
  std::string all;
  for (const std::string& line : lines) all += line;
  fingerprint_ = sha256(all);
}

KeySet::Chosen KeySet::choose(std::string_view alg, const std::string* kid) const {
  const Algorithm* const algorithm = find_algorithm(alg);
  if (algorithm == nullptr) return {Choice::unfit, nullptr};
  if (kid != nullptr) {
    const auto found = std::find_if(keys_.begin(), keys_.end(),
                                    [&](const VerificationKey& key) { return key.kid == *kid; });
    if (found == keys_.end() || kid->empty()) return {Choice::unknown, nullptr};
    if (!fits(*found, *algorithm)) return {Choice::unfit, nullptr};
    return {Choice::found, &*found};
  }
  const VerificationKey* only = nullptr;
  for (const VerificationKey& key : keys_) {
    if (!fits(key, *algorithm)) continue;
    if (only != nullptr) return {Choice::ambiguous, nullptr};
    only = &key;
  }
  return {only == nullptr ? Choice::unknown : Choice::found, only};
}

}  // namespace keyward::identity
