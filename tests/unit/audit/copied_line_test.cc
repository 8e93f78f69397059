// A line of the trail is found in what receivers store, byte by byte.
#include "audit/copied_line.h"

#include <boost/json.hpp>
#include <gmock/gmock.h>

namespace keyward::audit {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const std::string kLine =
    R"({"unmapped":{"keyward":{"prev":"00","sequence":7,"detail":"a \"}\" and \\"}},"class_uid":6002})";

TEST(CopiedLine, AsItIsAndInsideEnvelopes) {
  EXPECT_THAT(copied_lines(kLine), ElementsAre(kLine));
  EXPECT_THAT(
      copied_lines("<110>1 2027-01-15T08:00:00Z h keyward 1 checkpoint [a b=\"c\"] " + kLine),
      ElementsAre(kLine));
  EXPECT_THAT(copied_lines(R"({"time":1.5,"event":)" + kLine + R"(,"fields":{"x":"{"}})"),
              ElementsAre(kLine));
  EXPECT_THAT(copied_lines(R"({"@timestamp":"2027-01-15T08:00:00Z",)" + kLine.substr(1)),
              ElementsAre(kLine));
  EXPECT_THAT(copied_lines("[" + kLine + "," + kLine + "]"), ElementsAre(kLine, kLine));
}

TEST(CopiedLine, InsideATextOfJson) {
  const std::string text = boost::json::serialize(boost::json::string(kLine));
  EXPECT_THAT(copied_lines(R"({"body":{"stringValue":)" + text + "}}"), ElementsAre(kLine));
  EXPECT_THAT(copied_lines("[" + text + "," + text + "]"), ElementsAre(kLine, kLine));
}

TEST(CopiedLine, NothingInWhatIsCutOrSomethingElse) {
  for (std::size_t size = 0; size < kLine.size(); ++size)
    EXPECT_THAT(copied_lines("<13>1 " + kLine.substr(0, size)), IsEmpty()) << size;
  EXPECT_THAT(copied_lines("z" + kLine.substr(1)), IsEmpty());
  EXPECT_THAT(copied_lines(kLine + " "), ElementsAre(kLine + " "));
  EXPECT_THAT(copied_lines("hello"), IsEmpty());
  EXPECT_THAT(copied_lines(R"({"unmapped":{}})"), IsEmpty());
  EXPECT_THAT(copied_lines(R"("\"unmapped\":{\"keyward\":{\"prev\":\")"), IsEmpty());
}

}  // namespace
}  // namespace keyward::audit
