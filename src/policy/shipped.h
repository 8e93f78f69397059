// Files of the repository that are part of the executable; cmake/embed.cmake writes them.
#pragma once

#include <span>
#include <string_view>

namespace keyward::policy {

struct ShippedFile {
  std::string_view name, text;
};

[[nodiscard]] std::span<const ShippedFile> shipped_template_files();
[[nodiscard]] std::string_view shipped_schema();

}  // namespace keyward::policy
