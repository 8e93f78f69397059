// Records of the trail as ECS documents, each joined with the session it belongs to.
#pragma once

#include "keyward/audit/feed.h"
#include "keyward/trail/reader.h"
#include "keyward/trail/record.h"

#include <cstdint>
#include <map>
#include <string>

namespace keyward::forward {

class EcsShape {
 public:
  // Before the first record behind a stored place: learns the sessions that were introduced in the
  // same file in front of it. What cannot be read leaves records without their session.
  void go_on_behind(const std::string& directory, const std::string& instance,
                    const std::string& stream, const audit::Place& place);
  // Every record of a stream in its order. Empty: it cannot be said in ECS.
  [[nodiscard]] std::string shape(const audit::FedRecord& record);

 private:
  struct Stream {
    trail::RecordParser parser{};
    trail::Sessions sessions{};
    std::uint64_t segment = 0;
  };
  std::map<std::string, Stream> streams_;
};

}  // namespace keyward::forward
