// Answers that the client may not see as they are: gathered as far as needed, in any pieces.
#include "proxy/answer_view.h"

#include "unit/policy/policy_folder.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace keyward::proxy {
namespace {

using view::Member;
using view::Shape;
using Trouble = ValueView::Trouble;

std::string bulk(std::string_view text) {
  return "$" + std::to_string(text.size()) + "\r\n" + std::string(text) + "\r\n";
}

class AnswerViews : public testing::Test {
 protected:
  AnswerViews() {
    folder_.grant(R"(    allow:
      - {commands: [get, scan, keys], keys: ["a:*"]}
)");
    grants_ = policy::test::grants_of(folder_);
  }
  // What the client gets when the answer arrives in pieces of `piece` bytes.
  std::string seen(AnswerView view, const std::string& answer, std::size_t piece) {
    const view::Lens lens{
        .grants = *grants_, .db = 0, .protocol = resp::Protocol::resp2, .by = keys_};
    std::string out;
    for (std::size_t at = 0; at < answer.size(); at += piece) {
      view.feed(lens, std::string_view(answer).substr(at, piece), at + piece >= answer.size(), out);
    }
    trouble_ = view.trouble();
    return out;
  }
  std::vector<Member> members(const std::vector<Shape>& shapes) {
    std::vector<Member> made;
    for (const Shape shape : shapes) made.push_back({shape, keys_});
    return made;
  }
  void in_all_pieces(const std::vector<Member>& members, const std::string& answer,
                     const std::string& expected) {
    for (const std::size_t piece : {1UL, 2UL, 3UL, 7UL, 64UL, answer.size()}) {
      EXPECT_EQ(seen(AnswerView(members, 1000), answer, piece), expected) << "pieces of " << piece;
      EXPECT_EQ(trouble_, Trouble::none);
    }
  }
  policy::test::PolicyFolder folder_;
  const command::CommandInfo* keys_ = command::Catalog::built_in()->by_name("keys");
  std::shared_ptr<const policy::Grants> grants_;
  Trouble trouble_ = Trouble::none;
};

TEST_F(AnswerViews, ForeignKeysAreLeftOutInAnyPieces) {
  ASSERT_TRUE(grants_);
  const std::string answer = "*3\r\n" + bulk("a:1") + bulk("b:1") + bulk("a:2");
  for (std::size_t piece = 1; piece <= answer.size(); ++piece) {
    EXPECT_EQ(seen(AnswerView(Shape::keys, 1000), answer, piece),
              "*2\r\n" + bulk("a:1") + bulk("a:2"));
  }
}

TEST_F(AnswerViews, MembersOfATransactionEachHaveTheirShape) {
  ASSERT_TRUE(grants_);
  const auto shapes = members({Shape::as_is, Shape::keys, Shape::scan, Shape::errors});
  const std::string keys = "*2\r\n" + bulk("a:1") + bulk("b:1");
  const std::string shown = "*1\r\n" + bulk("a:1");
  const std::string value = "*2\r\n:1\r\n" + bulk("b:1");
  in_all_pieces(shapes, "*4\r\n" + value + keys + "*2\r\n" + bulk("0") + keys + "+OK\r\n",
                "*4\r\n" + value + shown + "*2\r\n" + bulk("0") + shown + "+OK\r\n");
}

TEST_F(AnswerViews, ATransactionThatDidNotRunIsToldAsIs) {
  ASSERT_TRUE(grants_);
  const auto shapes = members({Shape::as_is, Shape::keys});
  in_all_pieces(shapes, "*-1\r\n", "*-1\r\n");
  in_all_pieces(shapes, "_\r\n", "_\r\n");
  in_all_pieces(shapes, "-EXECABORT Transaction discarded because of previous errors.\r\n",
                "-EXECABORT Transaction discarded because of previous errors.\r\n");
}

TEST_F(AnswerViews, AnAnswerForOtherCommandsIsWithheld) {
  ASSERT_TRUE(grants_);
  const auto shapes = members({Shape::as_is, Shape::keys});
  EXPECT_TRUE(seen(AnswerView(shapes, 1000), "*1\r\n" + bulk("b:1"), 100).starts_with("-ERR"));
  EXPECT_EQ(trouble_, Trouble::unreadable);
  EXPECT_TRUE(seen(AnswerView(Shape::keys, 1000), ":1\r\n", 100).starts_with("-ERR"));
  EXPECT_EQ(trouble_, Trouble::unreadable);
}

TEST_F(AnswerViews, BeyondItsBoundAnAnswerIsAnErrorAndItsRestCostsNothing) {
  ASSERT_TRUE(grants_);
  const std::string big = "*1\r\n" + bulk("a:" + std::string(2000, 'x'));
  const std::string error = seen(AnswerView(Shape::keys, 1000), big, 100);
  EXPECT_TRUE(error.starts_with("-ERR") && error.ends_with("\r\n")) << error;
  EXPECT_EQ(error.find("\r\n"), error.size() - 2) << "one error";
  EXPECT_EQ(trouble_, Trouble::too_large);
  // In a transaction the others are not touched by it.
  const std::string got = seen(AnswerView(members({Shape::as_is, Shape::keys, Shape::as_is}), 1000),
                               "*3\r\n" + bulk(std::string(5000, 'v')) + big + ":7\r\n", 100);
  EXPECT_TRUE(got.starts_with("*3\r\n" + bulk(std::string(5000, 'v')) + "-ERR"));
  EXPECT_TRUE(got.ends_with("\r\n:7\r\n"));
  EXPECT_EQ(trouble_, Trouble::too_large);
}

TEST_F(AnswerViews, APoppedValueOfAnySizeIsNotLost) {
  ASSERT_TRUE(grants_);
  const std::string value(3UL * 1024 * 1024, 'v');
  const std::string answer = "*2\r\n" + bulk("a:q") + bulk(value);
  EXPECT_TRUE(seen(AnswerView(Shape::first_key, 1024UL * 1024), answer, 60'000) == answer);
  EXPECT_EQ(trouble_, Trouble::none);
}

}  // namespace
}  // namespace keyward::proxy
