#include "keyward/review/trail.h"

#include "review/sessions.h"

#include <boost/json/monotonic_resource.hpp>
#include <boost/json/parser.hpp>
#include <boost/json/value.hpp>

#include <array>
#include <charconv>
#include <ctime>
#include <deque>

namespace keyward::review {
namespace {

namespace json = boost::json;

constexpr std::string_view kDataLine = R"({"class_uid":6005)";
constexpr std::string_view kOtherLine = R"({"unmapped":{"keyward":{)";
constexpr std::string_view kSessionMark = R"("kind":"session","outcome")";

// Bytes of names that were not UTF-8 stand as characters U+0000 to U+00FF.
std::string bytes_of(std::string_view utf8) {
  std::string out;
  for (std::size_t i = 0; i < utf8.size(); ++i) {
    const auto lead = static_cast<unsigned char>(utf8[i]);
    if (lead < 0x80 || i + 1 == utf8.size()) {
      out += utf8[i];
    } else {
      out += static_cast<char>(((lead & 0x03U) << 6U) |
                               (static_cast<unsigned char>(utf8[++i]) & 0x3FU));
    }
  }
  return out;
}

class LineParser {
 public:
  explicit LineParser(std::deque<std::string>& decoded) : decoded_(decoded) {}

  [[nodiscard]] const json::object* parse(std::string_view line) {
    value_ = nullptr;
    memory_.release();
    parser_.reset(&memory_);
    json::error_code error;
    parser_.write(line.data(), line.size(), error);
    if (error) return nullptr;
    value_ = parser_.release();
    return value_.if_object();
  }

  [[nodiscard]] bool read_data(const json::object& whole, Record& out) {
    const json::object* fields = keyward(whole);
    if (fields == nullptr) return false;
    const std::string_view kind = text(*fields, "kind");
    intent_ = kind == "intent";
    if (kind != "command" && kind != "denial") return false;
    out.kind = kind == "denial" ? Record::Kind::denial : Record::Kind::command;
    read_outcome(*fields, out);
    read_judgement(whole, *fields, out);
    read_names(*fields, "keys", "keys_latin1", "keys_cut", out.keys, out.keys_cut);
    read_names(*fields, "channels", "channels_latin1", "channels_cut", out.channels,
               out.channels_cut);
    out.key_count = std::max<std::size_t>(number(*fields, "key_count"), out.keys.size());
    out.channel_count =
        std::max<std::size_t>(number(*fields, "channel_count"), out.channels.size());
    out.grant = text(*fields, "grant");
    out.rule = text(*fields, "rule");
    out.time_us = number(*fields, "time_us");
    out.activity = static_cast<std::uint32_t>(number(whole, "activity_id"));
    read_calls(*fields, out);
    if (const json::object* query = object(whole, "query_info")) {
      out.command = text(*query, "name");
      out.query = text(*query, "query_string");
    }
    out.db = 0;
    if (const json::object* database = object(whole, "database")) {
      const std::string_view name = text(*database, "name");
      std::from_chars(name.data(), name.data() + name.size(), out.db);
    }
    return !out.command.empty();
  }

  // What was refused by read_data() is a command that was only about to be sent: its outcome has a
  // record of its own.
  [[nodiscard]] bool intent() const { return intent_; }

  [[nodiscard]] static std::string_view session_of(const json::object& whole) {
    const json::object* actor = object(whole, "actor");
    const json::object* session = actor == nullptr ? nullptr : object(*actor, "session");
    return session == nullptr ? std::string_view{} : text(*session, "uid");
  }

  [[nodiscard]] static bool read_session(const json::object& whole, std::string_view& id,
                                         Actor& out) {
    const json::object* fields = keyward(whole);
    const json::object* session = object(whole, "session");
    const json::object* user = object(whole, "user");
    if (fields == nullptr || session == nullptr || user == nullptr) return false;
    if (text(*fields, "kind") != "session") return false;
    id = text(*session, "uid");
    out.principal = text(*user, "uid");
    out.name = text(*user, "name");
    read_issuer(whole, out);
    names_in(*user, "groups", out.groups);
    if (const json::value* grants = whole.if_contains("privileges"); grants && grants->is_array()) {
      for (const json::value& one : grants->get_array()) {
        if (one.is_string()) out.grants.emplace_back(std::string_view(one.get_string()));
      }
    }
    out.policy_version = text(*fields, "policy_version");
    out.some_groups = fields->contains("group_count") || fields->contains("grant_count");
    return !id.empty() && !out.principal.empty();
  }

 private:
  static const json::object* object(const json::object& from, std::string_view name) {
    const json::value* found = from.if_contains(name);
    return found == nullptr ? nullptr : found->if_object();
  }
  static const json::object* keyward(const json::object& whole) {
    const json::object* unmapped = object(whole, "unmapped");
    return unmapped == nullptr ? nullptr : object(*unmapped, "keyward");
  }
  static std::string_view text(const json::object& from, std::string_view name) {
    const json::value* found = from.if_contains(name);
    return found != nullptr && found->is_string() ? std::string_view(found->get_string())
                                                  : std::string_view{};
  }
  static std::uint64_t number(const json::object& from, std::string_view name) {
    const json::value* found = from.if_contains(name);
    if (found == nullptr) return 0;
    if (found->is_uint64()) return found->get_uint64();
    return found->is_int64() && found->get_int64() > 0
               ? static_cast<std::uint64_t>(found->get_int64())
               : 0;
  }

  static void read_outcome(const json::object& fields, Record& out) {
    const std::string_view outcome = text(fields, "outcome");
    out.outcome = outcome == "error"          ? Record::Outcome::error
                  : outcome == "unknown"      ? Record::Outcome::unknown
                  : outcome == "not_executed" ? Record::Outcome::not_executed
                                              : Record::Outcome::ok;
  }

  // Why it was refused, or would have been.
  static void read_judgement(const json::object& whole, const json::object& fields, Record& out) {
    out.reason = text(fields, "would_deny");
    out.would_deny = !out.reason.empty();
    if (!out.would_deny) out.reason = text(whole, "status_detail");
  }

  static void read_calls(const json::object& fields, Record& out) {
    out.calls.clear();
    const json::value* calls = fields.if_contains("calls");
    if (calls == nullptr || !calls->is_array()) return;
    for (const json::value& one : calls->get_array()) {
      if (one.is_string()) out.calls.emplace_back(one.get_string());
    }
  }

  static void read_issuer(const json::object& whole, Actor& out) {
    if (const json::object* actor = object(whole, "actor")) {
      if (const json::object* issuer = object(*actor, "idp")) out.issuer = text(*issuer, "name");
    }
    const bool prefixed = out.principal.size() > out.issuer.size() &&
                          out.principal.starts_with(out.issuer) &&
                          out.principal[out.issuer.size()] == ':';
    if (out.issuer.empty() || !prefixed)
      out.issuer = out.principal.substr(0, out.principal.find(':'));
    out.subject = out.principal.substr(std::min(out.issuer.size() + 1, out.principal.size()));
  }

  static void names_in(const json::object& from, std::string_view which,
                       std::vector<std::string>& out) {
    const json::value* list = from.if_contains(which);
    if (list == nullptr || !list->is_array()) return;
    for (const json::value& one : list->get_array()) {
      if (one.is_object()) out.emplace_back(text(one.get_object(), "name"));
    }
  }

  void read_names(const json::object& fields, std::string_view which, std::string_view latin1,
                  std::string_view cut, std::vector<std::string_view>& out, std::uint32_t& bits) {
    out.clear();
    bits = 0;
    const json::value* list = fields.if_contains(which);
    if (list == nullptr || !list->is_array()) return;
    for (const json::value& one : list->get_array()) {
      out.push_back(one.is_string() ? std::string_view(one.get_string()) : std::string_view{});
    }
    if (const json::value* which_bytes = fields.if_contains(latin1);
        which_bytes != nullptr && which_bytes->is_array()) {
      for (const json::value& index : which_bytes->get_array()) {
        const auto at = static_cast<std::size_t>(index.is_int64() ? index.get_int64() : -1);
        if (at < out.size()) out[at] = decoded_.emplace_back(bytes_of(out[at]));
      }
    }
    if (const json::value* cuts = fields.if_contains(cut); cuts != nullptr && cuts->is_array()) {
      for (const json::value& one : cuts->get_array()) {
        if (one.is_object()) bits |= 1U << (number(one.get_object(), "index") & 31U);
      }
    }
  }

  std::array<unsigned char, 65536> block_;
  json::monotonic_resource memory_{block_.data(), block_.size()};
  json::parser parser_;
  json::value value_;
  bool intent_ = false;
  std::deque<std::string>& decoded_;  // names that are not as they stand in the line
};

std::string time_text(std::uint64_t time_us, const char* format) {
  const auto seconds = static_cast<std::time_t>(time_us / 1'000'000);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> out{};
  return {out.data(), std::strftime(out.data(), out.size(), format, &parts)};
}

}  // namespace

struct TrailReader::State {
  explicit State(audit::TrailLines from) : lines(std::move(from)), parser(decoded) {}

  audit::TrailLines lines;
  std::deque<std::string> decoded;
  LineParser parser;
  Sessions sessions;
  TrailCounts counts;
  std::size_t file = 0;

  // True when `out` is a command or a denial of somebody.
  bool take(std::string_view line, Record& out) {
    const bool data = line.starts_with(kDataLine);
    const bool ours = data || line.starts_with(kOtherLine);
    if (!line.ends_with('}') || line.empty()) return bad();
    if (ours && !data && line.find(kSessionMark) == std::string_view::npos) return false;
    decoded.clear();
    const auto* whole = parser.parse(line);
    if (whole == nullptr) return bad();
    const auto* kind = whole->if_contains("class_uid");
    const bool session = kind != nullptr && kind->is_int64() && kind->get_int64() == 3003;
    if (session) {
      std::string_view id;
      Actor actor;
      // Other records of that class say something else of a session.
      if (LineParser::read_session(*whole, id, actor)) sessions.introduce(id, std::move(actor));
      return false;
    }
    if (kind == nullptr) return bad();
    if (!kind->is_int64() || kind->get_int64() != 6005) return false;
    if (!parser.read_data(*whole, out)) return parser.intent() ? false : bad();
    return join(LineParser::session_of(*whole), out);
  }

  bool join(std::string_view session, Record& out) {
    ++(out.kind == Record::Kind::denial ? counts.denials : counts.commands);
    if (counts.first_us == 0 || out.time_us < counts.first_us) counts.first_us = out.time_us;
    counts.last_us = std::max(counts.last_us, out.time_us);
    out.actor = sessions.find(session);
    if (out.actor == nullptr) ++counts.unjoined;
    return out.actor != nullptr;
  }

  bool bad() {
    ++counts.unreadable;
    return false;
  }
};

TrailReader::TrailReader(audit::TrailLines lines)
    : state_(std::make_unique<State>(std::move(lines))) {}
TrailReader::TrailReader(TrailReader&&) noexcept = default;
TrailReader::~TrailReader() = default;

bool TrailReader::next(Record& out) {
  State& state = *state_;
  while (const auto line = state.lines.next()) {
    if (state.lines.file() != state.file) {
      state.file = state.lines.file();
      state.sessions.forget();
    }
    ++state.counts.lines;
    state.sessions.passed(line->size() + 1);
    if (state.take(*line, out)) return true;
  }
  return false;
}

const TrailCounts& TrailReader::counts() const { return state_->counts; }
const std::vector<std::string>& TrailReader::failed() const { return state_->lines.failed(); }

std::string day_of(std::uint64_t time_us) { return time_text(time_us, "%Y-%m-%d"); }
std::string moment_of(std::uint64_t time_us) { return time_text(time_us, "%Y-%m-%d %H:%M:%SZ"); }

std::string span_of(const TrailCounts& counts) {
  if (counts.last_us == 0) return "no records";
  return moment_of(counts.first_us) + " to " + moment_of(counts.last_us);
}

}  // namespace keyward::review
