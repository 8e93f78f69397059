// Errors as values: Result<T> is a T or an Error that a person can act on.
#pragma once

#include <boost/system/result.hpp>

#include <stdexcept>
#include <string>
#include <utility>

namespace keyward {

enum class Errc {
  internal,      // a bug of ours
  invalid,       // input that breaks a rule
  not_found,     // the named thing does not exist
  unauthorized,  // credential refused
  forbidden,     // known identity, right missing
  unavailable,   // a peer or resource is away; try again
  timeout,       // a deadline passed
  closed,        // the peer went away
  io,            // the operating system said no
  limit,         // a cap was reached
};

// What went wrong, in one sentence without secrets, and what kind of thing it is.
class Error {
 public:
  Error() = default;
  Error(Errc code, std::string message) : code_(code), message_(std::move(message)) {}
  [[nodiscard]] Errc code() const { return code_; }
  [[nodiscard]] const std::string& message() const { return message_; }

 private:
  Errc code_ = Errc::internal;
  std::string message_;
};

[[noreturn]] inline void throw_exception_from_error(const Error& error,
                                                    const boost::source_location&) {
  throw std::runtime_error(error.message());
}

template <class T = void>
using Result = boost::system::result<T, Error>;

}  // namespace keyward
