// The files of a policy folder as they are on disk at one moment, with their hash and git commit.
#pragma once

#include "keyward/base/diagnostics.h"

#include <string>
#include <vector>

namespace keyward::policy {

struct PolicyFile {
  std::string name;  // relative to the folder, '/' between parts
  std::string path;  // as it is shown to people
  std::string content;
};

// Every *.yaml and *.yml below `folder`, or the one file, in order of name. Names that begin with a
// dot are skipped, but for `..data`, the link that a Kubernetes ConfigMap keeps its real files
// behind: they are all read from where it points to at one moment. Links to files are followed
// while they stay inside the folder, links to folders are not. Bounds: 1000 files, 8 levels, 1 MiB
// a file.
[[nodiscard]] std::vector<PolicyFile> read_folder(const std::string& folder,
                                                  Diagnostics& diagnostics);

// 16 hex digits over names and contents.
[[nodiscard]] std::string content_version(const std::vector<PolicyFile>& files);

// The commit that .git/HEAD names, looked for in `folder` and upward; "" when there is none. Runs
// no git.
[[nodiscard]] std::string git_commit(const std::string& folder);

}  // namespace keyward::policy
