// The golden records of audit, for the tests of this module.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace keyward::trail::test {

inline const std::string kGoldenFolder = std::string(KEYWARD_SOURCE_DIR) + "/tests/golden/audit";

inline std::string golden(const std::string& name) {
  std::ifstream file(kGoldenFolder + "/" + name + ".json");
  std::string text{std::istreambuf_iterator<char>(file), {}};
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

inline std::vector<std::string> all_goldens() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kGoldenFolder))
    names.push_back(entry.path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace keyward::trail::test
