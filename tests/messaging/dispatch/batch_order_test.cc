#include "messaging/dispatch/batch_order.h"

#include <gtest/gtest.h>

namespace drover::dispatch {
namespace {

std::string order_faults(std::string_view text) {
  const Result<BatchOrder> order = read_batch_order(json::parse(text).value());
  EXPECT_FALSE(order) << text;
  std::string faults;
  if (!order) {
    EXPECT_EQ(order.error().code, Code::invalid);
    for (const Fault& fault : order.error().faults) {
      faults += fault.pointer + ": " + fault.message + "\n";
    }
  }
  return faults;
}

TEST(BatchOrder, IsWhatItsJsonSays) {
  for (const char* text :
       {R"({"id":"b","items":[{"job":"j1","node":"n1"},{"job":"j2"}],"concurrency":5,)"
        R"("max_failures":"10%","canary":{"items":2,"wait_s":60}})",
        R"({"id":"b","items":[{"job":"j1"}],"concurrency":1,"max_failures":3,)"
        R"("canary":{"items":1}})",
        R"({"id":"b","items":[{"job":"j1"}],"concurrency":1,"max_failures":0})"}) {
    const Result<BatchOrder> order = read_batch_order(json::parse(text).value());
    ASSERT_TRUE(order) << to_text(order.error());
    EXPECT_EQ(json::write(to_json(*order)), text);
  }
}

TEST(BatchOrder, EveryFaultIsToldAtItsPlace) {
  EXPECT_EQ(order_faults(R"({"id":"b","items":[{"job":"j1"},{"job":"j1","node":"N","x":1}],
                             "concurrency":0,"max_failures":"10","canary":{"wait_s":-1}})"),
            "/items/1/job: is the id of an item before this one\n"
            "/items/1/node: \"N\" is no node name: 1 to 63 of a-z, 0-9 and '-', with no '-' first "
            "or last\n"
            "/items/1/x: unknown field; known are job, node\n"
            "/concurrency: must be 1 to 1000, not 0\n"
            "/max_failures: must be a number of items, or a string of 0% to 100%\n"
            "/canary/items: is missing\n"
            "/canary/wait_s: must be 0 to 604800, not -1\n");
  EXPECT_EQ(order_faults(R"({"id":"b","items":[]})"),
            "/items: must be an array of 1 to 10000 items\n");
  EXPECT_EQ(order_faults(R"({"id":"b"})"), "/items: is missing\n");
  for (const char* limit : {"\"101%\"", "\"-1%\"", "\"%\"", "\"1%%\"", "-1", "true"}) {
    EXPECT_NE(order_faults(std::string(R"({"id":"b","items":[{"job":"j"}],"max_failures":)") +
                           limit + "}")
                  .find("/max_failures: must be"),
              std::string::npos)
        << limit;
  }
}

TEST(BatchOrder, APercentageIsRoundedDown) {
  const FailureLimit tenth{10, true};
  EXPECT_FALSE(tenth.is_over(1, 10));
  EXPECT_TRUE(tenth.is_over(2, 10));
  EXPECT_FALSE(tenth.is_over(1, 15));
  EXPECT_TRUE(tenth.is_over(2, 15));
  EXPECT_TRUE(tenth.is_over(1, 9));
  EXPECT_FALSE((FailureLimit{100, true}).is_over(9, 9));
  EXPECT_FALSE((FailureLimit{2, false}).is_over(2, 9));
  EXPECT_TRUE((FailureLimit{2, false}).is_over(3, 9));
}

}  // namespace
}  // namespace drover::dispatch
