#include "keyward/resp/writer.h"

#include <algorithm>
#include <charconv>

namespace keyward::resp {
namespace {

constexpr std::string_view kEnd = "\r\n";

// Needs 24 bytes. Lengths mostly have one or two digits.
char* put_head(char* at, char mark, std::int64_t number) {
  *at++ = mark;
  if (number >= 0 && number < 10) {
    *at++ = static_cast<char>('0' + number);
  } else if (number >= 10 && number < 100) {
    *at++ = static_cast<char>('0' + number / 10);
    *at++ = static_cast<char>('0' + number % 10);
  } else {
    at = std::to_chars(at, at + 20, number).ptr;
  }
  *at++ = '\r';
  *at++ = '\n';
  return at;
}

void write_head(std::string& out, char mark, std::int64_t number) {
  char text[24];
  out.append(text, static_cast<std::size_t>(put_head(text, mark, number) - text));
}

void write_count(std::string& out, char mark, std::size_t number) {
  write_head(out, mark, static_cast<std::int64_t>(number));
}

// A line must not hold its own end: one reply would become two.
void write_line(std::string& out, char mark, std::string_view text) {
  out.push_back(mark);
  const std::size_t begin = out.size();
  out.append(text);
  for (std::size_t at = out.find_first_of(kEnd, begin); at != std::string::npos;
       at = out.find_first_of(kEnd, at)) {
    out[at] = ' ';
  }
  out.append(kEnd);
}

}  // namespace

void write_simple(std::string& out, std::string_view text) { write_line(out, '+', text); }
void write_error(std::string& out, std::string_view text) { write_line(out, '-', text); }
void write_integer(std::string& out, std::int64_t value) { write_head(out, ':', value); }

void write_bulk(std::string& out, std::string_view bytes) {
  write_count(out, '$', bytes.size());
  out.append(bytes);
  out.append(kEnd);
}

void write_null(std::string& out, Protocol protocol) {
  out.append(protocol == Protocol::resp3 ? "_\r\n" : "$-1\r\n");
}

void write_array(std::string& out, std::size_t count) { write_count(out, '*', count); }

void write_map(std::string& out, std::size_t pairs, Protocol protocol) {
  if (protocol == Protocol::resp3) {
    write_count(out, '%', pairs);
  } else {
    write_count(out, '*', pairs * 2);
  }
}

void write_push(std::string& out, std::size_t count, Protocol protocol) {
  write_count(out, protocol == Protocol::resp3 ? '>' : '*', count);
}

void write_verbatim(std::string& out, std::string_view text, Protocol protocol) {
  if (protocol == Protocol::resp2) {
    write_bulk(out, text);
    return;
  }
  write_count(out, '=', text.size() + 4);
  out.append("txt:");
  out.append(text);
  out.append(kEnd);
}

// A request of usual size is put together on the stack and appended once.
void write_request(std::string& out, std::span<const std::string_view> args) {
  constexpr std::size_t kHead = 24;  // a mark, a number, a line end
  char small[512];
  std::size_t size = kHead;
  for (const std::string_view arg : args) size += arg.size() + kHead + kEnd.size();
  if (size > sizeof small) {
    if (out.capacity() - out.size() < size)
      out.reserve(std::max(out.size() + size, 2 * out.capacity()));
    write_request_head(out, args.size());
    for (const std::string_view arg : args) write_bulk(out, arg);
    return;
  }
  char* at = put_head(small, '*', static_cast<std::int64_t>(args.size()));
  for (const std::string_view arg : args) {
    at = put_head(at, '$', static_cast<std::int64_t>(arg.size()));
    at = std::copy(arg.begin(), arg.end(), at);
    at = std::copy(kEnd.begin(), kEnd.end(), at);
  }
  out.append(small, static_cast<std::size_t>(at - small));
}

void write_request_head(std::string& out, std::size_t args) { write_count(out, '*', args); }
void write_bulk_head(std::string& out, std::size_t length) { write_count(out, '$', length); }

}  // namespace keyward::resp
