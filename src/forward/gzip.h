// gzip (RFC 1952) around Beast's deflate.
#pragma once

#include <string>
#include <string_view>

namespace keyward::forward {

[[nodiscard]] std::string gzip(std::string_view bytes);

}  // namespace keyward::forward
