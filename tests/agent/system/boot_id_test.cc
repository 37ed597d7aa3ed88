#include "agent/system/boot_id.h"

#include <gtest/gtest.h>

#include "fakes/temp_folder.h"

namespace drover::system {
namespace {

TEST(BootId, IsTheSameAsLongAsTheMachineIsUp) {
  const Result<std::string> first = boot_id();
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(first->size(), 36U);
  EXPECT_EQ(boot_id().value(), *first);
}

TEST(BootId, AFileThatHoldsNoneIsBroken) {
  const fakes::TempFolder folder;
  const std::string whole = "0b1e2d3c-4f5a-4b6c-8d7e-9f0a1b2c3d4e";
  ASSERT_TRUE(write_atomically(folder / "id", whole + "\n"));
  EXPECT_EQ(boot_id(folder / "id").value(), whole);
  for (const std::string& text : {std::string(), whole.substr(1), std::string(36, 'x')}) {
    ASSERT_TRUE(write_atomically(folder / "id", text));
    EXPECT_EQ(boot_id(folder / "id").error().code, Code::broken) << text;
  }
  EXPECT_EQ(boot_id(folder / "none").error().code, Code::not_found);
}

}  // namespace
}  // namespace drover::system
