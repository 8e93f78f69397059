#include "keyward/trail/record.h"

#include "trail/json_scan.h"
#include "trail/name_table.h"

#include "keyward/base/latin1.h"

#include <algorithm>
#include <array>
#include <utility>

namespace keyward::trail {
namespace {

constexpr std::array<std::string_view, 6> kOutcomes{"ok",      "error",        "denied",
                                                    "unknown", "not_executed", "intent"};

// No record of ours lists more names; what more a foreign one has is passed over.
constexpr std::size_t kMostNames = 32;
constexpr std::size_t kMostCalls = 64;

enum class Special : std::uint8_t {
  none,
  prev,
  sequence,
  time,
  outcome,
  affected,
  latency,
  keys,
  channels,
  calls,
  keys_latin1,
  channels_latin1,
  keys_cut,
  channels_cut,
  attested,
};

// A member that goes to a field of the record as it is, or one that takes more.
struct Field {
  std::string_view name;
  std::string_view Record::*text = nullptr;
  std::uint64_t Record::*number = nullptr;
  Special special = Special::none;
};

constexpr Field text(std::string_view name, std::string_view Record::*where) {
  return {name, where, nullptr, Special::none};
}
constexpr Field number(std::string_view name, std::uint64_t Record::*where) {
  return {name, nullptr, where, Special::none};
}
constexpr Field special(std::string_view name, Special what) {
  return {name, nullptr, nullptr, what};
}

// unmapped.keyward
constexpr NameTable kKeyward{std::to_array<Field>({
    special("prev", Special::prev),
    special("sequence", Special::sequence),
    special("time_us", Special::time),
    text("kind", &Record::kind),
    special("outcome", Special::outcome),
    text("instance", &Record::instance),
    text("stream", &Record::stream),
    text("principal", &Record::principal),
    text("token_digest", &Record::token_digest),
    number("connection_id", &Record::connection),
    text("listener", &Record::listener),
    text("lease_user", &Record::lease_user),
    text("policy_version", &Record::policy_version),
    text("tls_version", &Record::tls_version),
    text("tls_cipher", &Record::tls_cipher),
    text("client_name", &Record::client_name),
    text("client_library", &Record::client_library),
    text("node", &Record::node),
    number("command_number", &Record::command_number),
    number("multi_id", &Record::multi_id),
    number("repeated", &Record::repeated),
    text("script_sha1", &Record::script_sha1),
    text("function", &Record::function),
    text("library", &Record::library),
    special("affected", Special::affected),
    special("latency_us", Special::latency),
    text("request_id", &Record::request_id),
    special("keys", Special::keys),
    special("channels", Special::channels),
    number("key_count", &Record::key_count),
    number("channel_count", &Record::channel_count),
    special("keys_latin1", Special::keys_latin1),
    special("channels_latin1", Special::channels_latin1),
    special("keys_cut", Special::keys_cut),
    special("channels_cut", Special::channels_cut),
    special("calls", Special::calls),
    special("attested", Special::attested),
    text("grant", &Record::grant),
    text("rule", &Record::rule),
    text("would_deny", &Record::would_deny),
    text("nearest_grant", &Record::nearest_grant),
    text("nearest_rule", &Record::nearest_rule),
    text("detail", &Record::detail),
    text("revocation", &Record::revocation),
    text("by", &Record::by),
})};

}  // namespace

std::string_view name_of(Outcome outcome) { return kOutcomes[static_cast<std::size_t>(outcome)]; }

std::optional<Outcome> outcome_of(std::string_view name) {
  const auto found = std::find(kOutcomes.begin(), kOutcomes.end(), name);
  if (found == kOutcomes.end()) return {};
  return static_cast<Outcome>(found - kOutcomes.begin());
}

struct RecordParser::State {
  struct Person {
    std::string_view name, uid, alt;
  };
  struct Cut {
    std::uint64_t index = 0, bytes = 0;
  };
  using Names = std::vector<std::string_view>;

  Names keys, channels, groups, grants, calls, attested;
  std::vector<std::uint64_t> key_bytes;
  std::string scratch;  // what texts with escapes stand for; never grows while a line is read

  // Of the line being read.
  Record* out = nullptr;
  JsonScan scan{std::string_view{}};
  Person user, actor_user;
  std::string_view uid, outcome, issuer_name;
  std::array<Cut, kMostNames> keys_cut;
  std::size_t keys_cut_count = 0;
  bool has_prev = false, has_sequence = false, has_time = false;

  bool parse(std::string_view line, Record& record) {
    begin(line, record);
    return read_root() && scan.ended() && finish();
  }

  void begin(std::string_view line, Record& record) {
    record = Record{};
    record.line = line;
    out = &record;
    scan = JsonScan(line);
    keys.clear(), channels.clear(), groups.clear(), grants.clear(), calls.clear();
    attested.clear();
    key_bytes.clear();
    scratch.clear();
    if (scratch.capacity() < 2 * line.size()) scratch.reserve(2 * line.size());
    user = actor_user = {};
    uid = outcome = {};
    keys_cut_count = 0;
    has_prev = has_sequence = has_time = false;
  }

  // A value of another type than ours counts as not there.
  bool take_text(std::string_view& into) {
    if (scan.peek() != '"') return scan.skip();
    RawText raw;
    if (!scan.string(raw)) return false;
    if (!raw.escaped) {
      into = raw.inside;
      return true;
    }
    const std::size_t before = scratch.size();
    if (!unescape(raw.inside, scratch)) return false;
    into = std::string_view(scratch).substr(before);
    return true;
  }
  template <class Integer>
  bool take_number(Integer& into, bool* there = nullptr) {
    if (!scan.integer(into)) return scan.skip();
    if (there != nullptr) *there = true;
    return true;
  }
  bool take_names(Names& into, std::size_t most) {
    if (scan.peek() != '[') return scan.skip();
    into.clear();
    return scan.array([&] {
      std::string_view name;
      if (!take_text(name)) return false;
      if (into.size() < most) into.push_back(name);
      return true;
    });
  }
  bool take_bits(std::uint32_t& into) {
    if (scan.peek() != '[') return scan.skip();
    return scan.array([&] {
      std::uint64_t index = kMostNames;
      if (!take_number(index)) return false;
      if (index < kMostNames) into |= 1U << index;
      return true;
    });
  }
  // [{"index":2,"bytes":1048576}]
  bool take_cuts(std::uint32_t& bits, bool of_keys) {
    if (scan.peek() != '[') return scan.skip();
    return scan.array([&] {
      Cut cut{kMostNames, 0};
      if (scan.peek() != '{') return scan.skip();
      const bool read = scan.object([&](std::string_view name) {
        if (name == "index") return take_number(cut.index);
        if (name == "bytes") return take_number(cut.bytes);
        return scan.skip();
      });
      if (!read) return false;
      if (cut.index >= kMostNames) return true;
      bits |= 1U << cut.index;
      if (of_keys && keys_cut_count < keys_cut.size()) keys_cut[keys_cut_count++] = cut;
      return true;
    });
  }

  template <class Member>
  bool members(Member&& member) {
    return scan.peek() == '{' ? scan.object(member) : scan.skip();
  }

  bool read_special(Special what) {
    switch (what) {
      case Special::prev:
        has_prev = true;
        return scan.skip();
      case Special::sequence:
        return take_number(out->sequence, &has_sequence);
      case Special::time:
        return take_number(out->time_us, &has_time);
      case Special::outcome:
        return take_text(outcome);
      case Special::affected: {
        std::int64_t number = 0;
        bool there = false;
        if (!take_number(number, &there)) return false;
        if (there) out->affected = number;
        return true;
      }
      case Special::latency:
        return take_number(out->latency_us);
      case Special::keys:
        return take_names(keys, kMostNames);
      case Special::channels:
        return take_names(channels, kMostNames);
      case Special::calls:
        return take_names(calls, kMostCalls);
      case Special::attested:
        return take_names(attested, kMostNames);
      case Special::keys_latin1:
        return take_bits(out->keys_latin1);
      case Special::channels_latin1:
        return take_bits(out->channels_latin1);
      case Special::keys_cut:
        return take_cuts(out->keys_cut, true);
      case Special::channels_cut:
        return take_cuts(out->channels_cut, false);
      case Special::none:
        break;
    }
    return scan.skip();
  }
  bool read_keyward() {
    return members([this](std::string_view name) {
      const Field* field = kKeyward.find(name);
      if (field == nullptr) return scan.skip();
      if (field->text != nullptr) return take_text(out->*field->text);
      if (field->number != nullptr) return take_number(out->*field->number);
      return read_special(field->special);
    });
  }
  bool read_person(Person& person) {
    return members([&](std::string_view name) {
      if (name == "name") return take_text(person.name);
      if (name == "uid") return take_text(person.uid);
      if (name == "uid_alt") return take_text(person.alt);
      if (name != "groups" || scan.peek() != '[') return scan.skip();
      groups.clear();
      return scan.array([this] {
        std::string_view group;
        if (!members([&](std::string_view inner) {
              return inner == "name" ? take_text(group) : scan.skip();
            }))
          return false;
        if (groups.size() < kMostNames) groups.push_back(group);
        return true;
      });
    });
  }
  bool read_session() {
    return members([this](std::string_view name) {
      if (name == "uid") return take_text(out->session);
      if (name == "created_time") return take_number(out->session_started_ms);
      if (name == "expiration_time") return take_number(out->session_expires_ms);
      if (name == "credential_uid") return take_text(out->token_id);
      return scan.skip();
    });
  }
  bool read_issuer() {
    return members([this](std::string_view name) {
      if (name == "name") return take_text(out->issuer);
      if (name == "uid") return take_text(out->issuer_url);
      return scan.skip();
    });
  }
  bool read_actor() {
    return members([this](std::string_view name) {
      if (name == "user") return read_person(actor_user);
      if (name == "session") return read_session();
      if (name == "idp") return read_issuer();
      return scan.skip();
    });
  }
  bool read_source() {
    return members([this](std::string_view name) {
      if (name == "port") return take_number(out->source_port);
      if (name == "ip") return take_text(out->source_ip);
      return scan.skip();
    });
  }
  bool read_database() {
    return members([this](std::string_view name) {
      if (name != "name") return scan.skip();
      std::string_view db;
      if (!take_text(db)) return false;
      const char* const end = db.data() + db.size();
      const auto [after, error] = std::from_chars(db.data(), end, out->db);
      out->has_db = error == std::errc{} && after == end;
      return true;
    });
  }
  bool read_query() {
    return members([this](std::string_view name) {
      if (name == "name") return take_text(out->command);
      if (name == "query_string") return take_text(out->query);
      return scan.skip();
    });
  }
  bool read_nested(std::string_view name) {
    if (name == "unmapped") {
      return members([this](std::string_view inner) {
        return inner == "keyward" ? read_keyward() : scan.skip();
      });
    }
    if (name == "metadata") {
      return members(
          [this](std::string_view inner) { return inner == "uid" ? take_text(uid) : scan.skip(); });
    }
    if (name == "actor") return read_actor();
    if (name == "user") return read_person(user);
    if (name == "session") return read_session();
    if (name == "src_endpoint") return read_source();
    if (name == "database") return read_database();
    if (name == "query_info") return read_query();
    if (name == "api") {
      return members([this](std::string_view inner) {
        return inner == "operation" ? take_text(out->operation) : scan.skip();
      });
    }
    return scan.skip();
  }
  bool read_root() {
    return scan.object([this](std::string_view name) {
      switch (scan.peek()) {
        case '{':
          return read_nested(name);
        case '"':
          if (name == "status_code") return take_text(out->status_code);
          if (name == "status_detail") return take_text(out->reason);
          return scan.skip();
        case '[':
          return name == "privileges" ? take_names(grants, kMostNames) : scan.skip();
        default:
          if (name == "class_uid") return take_number(out->class_uid);
          if (name == "activity_id") return take_number(out->activity_id);
          return scan.skip();
      }
    });
  }

  bool finish() {
    if (!has_prev || !has_sequence || !has_time || out->kind.empty()) return false;
    finish_place();
    finish_person();
    out->outcome = out->kind == "denial"   ? Outcome::denied
                   : out->kind == "intent" ? Outcome::intent
                                           : outcome_of(outcome).value_or(Outcome::ok);
    return finish_names();
  }
  // "kw-1.example.shard-0.12": streams have no dots.
  void finish_place() {
    const std::size_t last = uid.rfind('.');
    if (last == std::string_view::npos || last == 0) return;
    const std::size_t dot = uid.rfind('.', last - 1);
    if (dot == std::string_view::npos) return;
    if (out->instance.empty()) out->instance = uid.substr(0, dot);
    if (out->stream.empty()) out->stream = uid.substr(dot + 1, last - dot - 1);
  }
  void finish_person() {
    const bool about_account = out->class_uid == 3001;
    if (about_account) out->account = user.name;
    const Person& who = about_account || !actor_user.name.empty() ? actor_user : user;
    out->user = who.name;
    out->user_alt = who.alt;
    if (out->principal.empty()) out->principal = who.uid;
    out->groups = groups;
    out->grants = grants;
  }
  bool to_bytes(Names& names, std::uint32_t bits) {
    for (std::size_t index = 0; index < names.size(); ++index) {
      if ((bits >> index & 1U) == 0) continue;
      const auto bytes = bytes_from_latin1(names[index]);
      if (!bytes) return false;
      const std::size_t before = scratch.size();
      scratch += *bytes;
      names[index] = std::string_view(scratch).substr(before);
    }
    return true;
  }
  bool finish_names() {
    if (!to_bytes(keys, out->keys_latin1) || !to_bytes(channels, out->channels_latin1))
      return false;
    if (out->keys_cut != 0) {
      for (const std::string_view key : keys) key_bytes.push_back(key.size());
      for (std::size_t at = 0; at < keys_cut_count; ++at) {
        if (keys_cut[at].index < keys.size()) key_bytes[keys_cut[at].index] = keys_cut[at].bytes;
      }
    }
    out->keys = keys;
    out->key_bytes = key_bytes;
    out->channels = channels;
    out->calls = calls;
    out->attested = attested;
    out->key_count = std::max<std::uint64_t>(out->key_count, keys.size());
    out->channel_count = std::max<std::uint64_t>(out->channel_count, channels.size());
    return true;
  }
};

RecordParser::RecordParser() : state_(std::make_unique<State>()) {}
RecordParser::~RecordParser() = default;
RecordParser::RecordParser(RecordParser&&) noexcept = default;
RecordParser& RecordParser::operator=(RecordParser&&) noexcept = default;

bool RecordParser::parse(std::string_view line, Record& out) { return state_->parse(line, out); }

}  // namespace keyward::trail
