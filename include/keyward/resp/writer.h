// Our own bytes: replies in the client's protocol, and requests re-encoded from what was judged.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace keyward::resp {

enum class Protocol : std::uint8_t { resp2 = 2, resp3 = 3 };

void write_simple(std::string& out, std::string_view text);  // +text
void write_error(std::string& out, std::string_view text);   // -text; CR and LF become spaces
void write_integer(std::string& out, std::int64_t value);    // :n
void write_bulk(std::string& out, std::string_view bytes);   // $n
void write_null(std::string& out, Protocol protocol);        // $-1 or _
void write_array(std::string& out, std::size_t count);       // *n
void write_map(std::string& out, std::size_t pairs, Protocol protocol);   // %n, or *2n in RESP2
void write_push(std::string& out, std::size_t count, Protocol protocol);  // >n, or *n in RESP2
void write_verbatim(std::string& out, std::string_view text, Protocol protocol);  // =n txt:, or $n
void write_request(std::string& out, std::span<const std::string_view> args);     // multibulk
void write_request_head(std::string& out,
                        std::size_t args);  // "*n" of a request sent piece by piece
void write_bulk_head(std::string& out, std::size_t length);  // "$n" before streamed bytes

}  // namespace keyward::resp
