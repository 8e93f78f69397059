#include "trail/introduced.h"

#include "keyward/trail/reader.h"

#include <atomic>
#include <unordered_map>

namespace keyward::trail {
namespace {

// More than the journal's 64 MiB, for the records between its mark and the next use of the session.
constexpr std::uint64_t kWindow = std::uint64_t{80} << 20;
// So many are kept for the whole file.
constexpr std::size_t kFewSessions = 4096;

struct Hash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const {
    return std::hash<std::string_view>()(text);
  }
};
using Table = std::unordered_map<std::string, std::unique_ptr<Introduced>, Hash, std::equal_to<>>;

std::uint64_t next_number() {
  static std::atomic<std::uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

}  // namespace

std::unique_ptr<Introduced> introduce(const Record& record) {
  if (record.kind != "session" || record.session.empty()) return nullptr;
  auto one = std::make_unique<Introduced>();
  one->line = record.line;
  if (!one->parser.parse(one->line, one->record)) return nullptr;
  one->record.session_number = next_number();
  return one;
}

void complete(Record& record, const Record& session) {
  record.session_number = session.session_number;
  record.user_alt = session.user_alt;
  record.groups = session.groups;
  record.grants = session.grants;
  record.issuer = session.issuer;
  record.issuer_url = session.issuer_url;
  record.token_digest = session.token_digest;
  record.token_id = session.token_id;
  record.session_started_ms = session.session_started_ms;
  record.session_expires_ms = session.session_expires_ms;
  record.connection = session.connection;
  record.listener = session.listener;
  record.tls_version = session.tls_version;
  record.tls_cipher = session.tls_cipher;
  record.client_name = session.client_name;
  record.client_library = session.client_library;
  record.lease_user = session.lease_user;
  record.policy_version = session.policy_version;
  if (record.node.empty()) record.node = session.node;
}

struct Sessions::State {
  Table newest, older;
  std::uint64_t window = 0;

  void introduce(const Record& record) {
    if (auto one = trail::introduce(record))
      newest.insert_or_assign(std::string(one->record.session), std::move(one));
  }
  [[nodiscard]] const Record* find(std::string_view session) const {
    if (const auto found = newest.find(session); found != newest.end())
      return &found->second->record;
    const auto found = older.find(session);
    return found == older.end() ? nullptr : &found->second->record;
  }
};

Sessions::Sessions() : state_(std::make_unique<State>()) {}
Sessions::~Sessions() = default;
Sessions::Sessions(Sessions&&) noexcept = default;
Sessions& Sessions::operator=(Sessions&&) noexcept = default;

bool Sessions::join(Record& record) {
  if (record.kind == "session") {
    state_->introduce(record);
    return true;
  }
  if (!record.data() || record.session.empty()) return true;
  const Record* session = state_->find(record.session);
  if (session == nullptr) return false;
  complete(record, *session);
  return true;
}

void Sessions::passed(std::size_t bytes) {
  State& state = *state_;
  state.window += bytes;
  if (state.window < kWindow || state.newest.size() < kFewSessions) return;
  state.window = 0;
  state.older = std::move(state.newest);
  state.newest.clear();
}

void Sessions::forget() {
  state_->newest.clear();
  state_->older.clear();
  state_->window = 0;
}

}  // namespace keyward::trail
