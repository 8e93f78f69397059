// A Redis-like server as a function of bytes, for tests: knows logins, transactions, subscriptions
// and the two protocols, and complains about an AUTH where none may stand.
#pragma once

#include "keyward/base/ascii.h"
#include "keyward/resp/request_parser.h"
#include "keyward/resp/writer.h"

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace keyward::test {

class ModelServer {
 public:
  // `open`: any password will do and is no login; what a client without an agent would talk to.
  explicit ModelServer(bool open) : open_(open), logged_in_(open) {}

  // Complete requests are executed in order; a blocking one (BRPOP) stops that until unblock().
  std::string feed(std::string_view bytes) {
    in_.append(bytes);
    std::string out;
    run(out);
    return out;
  }
  std::string unblock() {
    if (!blocked_) return {};
    blocked_ = false;
    std::string out = "*2\r\n$1\r\nk\r\n$7\r\nelement\r\n";
    run(out);
    return out;
  }
  // The wait ends with nothing; it counts as not done. One for ever does not.
  std::string time_out() {
    if (!blocked_ || for_ever_) return {};
    blocked_ = false;
    done_.pop_back();
    std::string out = protocol_ == resp::Protocol::resp3 ? "_\r\n" : "*-1\r\n";
    run(out);
    return out;
  }
  std::string publish(std::string_view channel, std::string_view text) const {
    if (channels_.count(std::string(channel)) == 0) return {};
    std::string out;
    resp::write_push(out, 3, protocol_);
    for (const auto part : {std::string_view("message"), channel, text})
      resp::write_bulk(out, part);
    return out;
  }
  [[nodiscard]] bool blocked() const { return blocked_; }
  [[nodiscard]] bool in_multi() const { return multi_; }
  [[nodiscard]] std::size_t logins() const { return logins_; }
  [[nodiscard]] const std::vector<std::string>& complaints() const { return complaints_; }
  // Requests with their first argument, waits also with their time; done(): without those in vain.
  [[nodiscard]] const std::vector<std::string>& seen() const { return seen_; }
  [[nodiscard]] const std::vector<std::string>& done() const { return done_; }
  std::string refuse_next_login;  // the error, once
  std::string refuse_next_resp3;

 private:
  using Args = std::vector<std::string>;

  void run(std::string& out) {
    std::size_t used = 0;
    while (!blocked_) {
      const auto parsed = parser_.next(std::string_view(in_).substr(used));
      if (parsed.status == resp::ParseStatus::malformed) complaints_.push_back("malformed");
      if (parsed.status != resp::ParseStatus::request) break;
      Args args;
      for (const auto word : parser_.args()) args.emplace_back(word);
      used += parsed.consumed;
      execute(args, out);
    }
    in_.erase(0, used);
  }

  void execute(const Args& args, std::string& out) {
    const std::string name = lowered(args[0]);
    if (name == "auth" || name == "hello") return greet(name, args, out);
    if (!logged_in_) return resp::write_error(out, "NOAUTH Authentication required.");
    const bool subscribed = !channels_.empty() || !patterns_.empty();
    const bool change = name.ends_with("subscribe");
    if (subscribed && protocol_ == resp::Protocol::resp2 && !change && name != "ping" &&
        name != "quit" && name != "reset") {
      return resp::write_error(
          out, "ERR Can't execute '" + name +
                   "': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in "
                   "this context");
    }
    done_.push_back(args[0] + (args.size() > 1 ? " " + args[1] : ""));
    seen_.push_back(done_.back() + (args.size() > 2 && name == "brpop" ? " " + args[2] : ""));
    if (name == "reset") return reset(out);
    if (name == "multi") return multi(out);
    if (name == "exec") return exec(out);
    if (name == "discard") return discard(out);
    if (multi_) {
      queued_ += 1;
      out += "+QUEUED\r\n";
      return;
    }
    if (change) return subscribe(name, args, out);
    ordinary(name, args, out, subscribed);
  }

  void ordinary(const std::string& name, const Args& args, std::string& out, bool subscribed) {
    if (name == "ping") {
      if (subscribed && protocol_ == resp::Protocol::resp2) {
        resp::write_array(out, 2);
        resp::write_bulk(out, "pong");
        resp::write_bulk(out, args.size() > 1 ? args[1] : "");
      } else if (args.size() > 1) {
        resp::write_bulk(out, args[1]);
      } else {
        out += "+PONG\r\n";
      }
    } else if (name == "brpop") {
      blocked_ = true;
      for_ever_ = args.back() == "0";
    } else if (name == "lrange") {  // looks like a message
      out += "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nx\r\n";
    } else if (name == "hgetall") {
      resp::write_map(out, 1, protocol_);
      resp::write_bulk(out, "f");
      resp::write_bulk(out, std::to_string(++count_));
    } else if (name == "bad") {
      resp::write_error(out, "ERR no such thing " + std::to_string(++count_));
    } else if (name == "nil") {
      resp::write_null(out, protocol_);
    } else {
      resp::write_bulk(out, args[0] + ":" + std::to_string(++count_));
    }
  }

  void greet(const std::string& name, const Args& args, std::string& out) {
    const bool hello = name == "hello";
    if (multi_) {
      doomed_ = true;
      const bool logs_in = hello ? args.size() > 4 : args.back() != "-";
      if (logs_in && !open_) complaints_.push_back("a login in MULTI");
      return resp::write_error(
          out, "ERR Command '" + name + "' is not allowed inside a transaction through Keyward");
    }
    const bool subscribed = !channels_.empty() || !patterns_.empty();
    if (subscribed && protocol_ == resp::Protocol::resp2) {
      if (!open_ && (!hello || args.size() > 4))
        complaints_.push_back(name + " while subscribed in RESP2");
      return resp::write_error(
          out, "ERR Can't execute '" + name +
                   "': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in "
                   "this context");
    }
    const std::size_t secret = hello ? 4 : args.size() - 1;
    const bool logs_in = hello ? args.size() > 4 : args.size() > 1;
    if (hello && !logs_in && !logged_in_) return resp::write_error(out, "NOAUTH HELLO");
    if (logs_in && !open_) {
      if (!args[secret].starts_with("token-")) complaints_.push_back("login with " + args[secret]);
      if (!refuse_next_login.empty()) {
        resp::write_error(out, std::exchange(refuse_next_login, {}));
        return;
      }
      logged_in_ = true;
      ++logins_;
    }
    if (!hello) {
      out += "+OK\r\n";
      return;
    }
    const auto wanted =
        args.size() > 1 && args[1] == "3" ? resp::Protocol::resp3 : resp::Protocol::resp2;
    if (wanted == resp::Protocol::resp3 && !refuse_next_resp3.empty()) {
      resp::write_error(out, std::exchange(refuse_next_resp3, {}));
      return;
    }
    if (args.size() > 1) protocol_ = wanted;
    resp::write_map(out, 1, protocol_);
    resp::write_bulk(out, "proto");
    resp::write_integer(out, protocol_ == resp::Protocol::resp3 ? 3 : 2);
  }

  void reset(std::string& out) {
    multi_ = doomed_ = false;
    queued_ = 0;
    channels_.clear();
    patterns_.clear();
    protocol_ = resp::Protocol::resp2;
    logged_in_ = open_;
    out += "+RESET\r\n";
  }
  void multi(std::string& out) {
    if (multi_) return resp::write_error(out, "ERR MULTI calls can not be nested");
    multi_ = true;
    out += "+OK\r\n";
  }
  void exec(std::string& out) {
    if (!multi_) return resp::write_error(out, "ERR EXEC without MULTI");
    multi_ = false;
    const int members = std::exchange(queued_, 0);
    if (std::exchange(doomed_, false))
      return resp::write_error(out, "EXECABORT Transaction discarded because of previous errors.");
    resp::write_array(out, static_cast<std::size_t>(members));
    for (int i = 0; i < members; ++i) resp::write_integer(out, ++count_);
  }
  void discard(std::string& out) {
    if (!multi_) return resp::write_error(out, "ERR DISCARD without MULTI");
    multi_ = doomed_ = false;
    queued_ = 0;
    out += "+OK\r\n";
  }

  void subscribe(const std::string& name, const Args& args, std::string& out) {
    const bool pattern = name[0] == 'p';
    auto& names = pattern ? patterns_ : channels_;
    const bool on = name == "subscribe" || name == "psubscribe";
    Args wanted(args.begin() + 1, args.end());
    if (!on && wanted.empty()) wanted.assign(names.begin(), names.end());
    if (!on && wanted.empty()) confirm(name, nullptr, out);
    for (const std::string& one : wanted) {
      if (on) {
        names.insert(one);
      } else {
        names.erase(one);
      }
      confirm(name, &one, out);
    }
  }
  void confirm(const std::string& name, const std::string* channel, std::string& out) const {
    resp::write_push(out, 3, protocol_);
    resp::write_bulk(out, name);
    if (channel != nullptr) {
      resp::write_bulk(out, *channel);
    } else {
      resp::write_null(out, protocol_);
    }
    resp::write_integer(out, static_cast<std::int64_t>(channels_.size() + patterns_.size()));
  }

  bool open_, logged_in_;
  resp::RequestParser parser_{resp::Limits{}};
  std::string in_;
  resp::Protocol protocol_ = resp::Protocol::resp2;
  bool multi_ = false, doomed_ = false, blocked_ = false, for_ever_ = false;
  int queued_ = 0;
  std::int64_t count_ = 0;
  std::size_t logins_ = 0;
  std::set<std::string> channels_, patterns_;
  std::vector<std::string> complaints_, seen_, done_;
};

}  // namespace keyward::test
