// Policy folders and trails as the verbs of `policy` read them.
#pragma once

#include "cli/output.h"
#include "cli/progress.h"

#include "keyward/policy/snapshot.h"
#include "keyward/review/trail.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace keyward::cli {

// Null after saying on standard error (or in JSON on standard output) why it does not load.
[[nodiscard]] std::shared_ptr<const policy::Snapshot> load_policies(const std::string& folder,
                                                                    bool json);

// A folder of its own in the place for temporary files; gone with this.
class ScratchFolder {
 public:
  ScratchFolder();
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  [[nodiscard]] bool made() const { return !path_.empty(); }
  [[nodiscard]] const std::string& path() const { return path_; }
  // Relative to the folder, '/' between parts. False when it cannot be written.
  [[nodiscard]] bool write(const std::string& name, std::string_view content) const;

 private:
  std::string path_;
};

// The folder of OLD or NEW: a path, or `git:REV` for `folder` as it is in that commit.
class FolderAt {
 public:
  [[nodiscard]] static Result<FolderAt> open(const std::string& where, const std::string& folder);
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
  std::shared_ptr<ScratchFolder> scratch_;
};

// Reads trails from end to end. Errors are told; false.
bool read_trail(const std::vector<std::string>& paths, bool json,
                const std::function<void(const review::Record&)>& each,
                review::TrailCounts& counts);
// `given`, or the audit folder of `keyward audit`.
[[nodiscard]] std::vector<std::string> trails(const std::vector<std::string>& given);

}  // namespace keyward::cli
