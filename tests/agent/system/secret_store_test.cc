// The node's secrets: files that root alone reads, whole or not there at all.
#include "agent/system/secret_store.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "fakes/temp_folder.h"

namespace drover::system {
namespace {

class SecretStoreTest : public testing::Test {
 protected:
  unsigned mode_of(const Path& file) const {
    struct stat found {};
    EXPECT_EQ(stat(file.c_str(), &found), 0) << file;
    return found.st_mode & 07777U;
  }
  Code code_of(const Result<>& result) { return result ? Code::broken : result.error().code; }

  fakes::TempFolder folder_;
  const Path place_ = folder_ / "secrets";
  const SecretStore store_{place_};
};

TEST_F(SecretStoreTest, KeepsWhatItIsGivenByteByByte) {
  EXPECT_TRUE(store_.list().value().empty()) << "where there is no folder yet";
  const std::string value("a\0b\n\n", 5);
  ASSERT_TRUE(store_.write("key", value, false));
  EXPECT_EQ(store_.read("key").value(), value);
  EXPECT_EQ(mode_of(place_), 0700U);
  EXPECT_EQ(mode_of(place_ / "key"), 0400U);
  ASSERT_TRUE(store_.write("a.pem", std::string(kMostSecretBytes, 'x'), false));
  const std::vector<StoredSecret> all = store_.list().value();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all.at(0).name, "a.pem");
  EXPECT_EQ(all.at(1).bytes, 5U);
  EXPECT_GT(all.at(1).changed_unix_ms, 1'600'000'000'000);
  ASSERT_TRUE(store_.remove("key"));
  EXPECT_EQ(store_.check("key").error().code, Code::not_found);
  EXPECT_EQ(store_.remove("key").error().code, Code::not_found);
  EXPECT_EQ(store_.read("key").error().message,
            "read secret: this node has no secret key; `drover secret create key` makes it of what "
            "it reads");
}

TEST_F(SecretStoreTest, WhatAMakerThatWasKilledHasLeftGoesWithTheNextOne) {
  ASSERT_TRUE(store_.write("key", "one", false));
  std::ofstream(place_ / ".other") << "value";
  std::ofstream(place_ / ".more.123.new") << "val";
  ASSERT_TRUE(store_.write("key", "two", true));
  EXPECT_EQ(children_of(place_).size(), 1U);
  EXPECT_EQ(store_.read("key").value(), "two");
}

TEST_F(SecretStoreTest, AnotherValueOnlyWhenThatIsMeant) {
  ASSERT_TRUE(store_.write("key", "one", false));
  EXPECT_EQ(code_of(store_.write("key", "two", false)), Code::conflict);
  EXPECT_EQ(store_.read("key").value(), "one");
  ASSERT_TRUE(store_.write("key", "two", true));
  EXPECT_EQ(store_.read("key").value(), "two");
  EXPECT_EQ(code_of(store_.write("key", "", true)), Code::invalid);
  EXPECT_EQ(code_of(store_.write("key", std::string(kMostSecretBytes + 1, 'x'), true)),
            Code::invalid);
  EXPECT_EQ(children_of(place_).size(), 1U) << "what was refused leaves nothing";
}

TEST_F(SecretStoreTest, WhatOthersCouldReadOrHavePutThereIsRefused) {
  ASSERT_TRUE(store_.write("key", "one", false));
  chmod((place_ / "key").c_str(), 0440);
  EXPECT_EQ(store_.read("key").error().code, Code::refused);
  std::filesystem::create_symlink("/etc/passwd", place_ / "link");
  EXPECT_EQ(store_.read("link").error().code, Code::refused);
  std::filesystem::create_directory(place_ / "folder");
  EXPECT_EQ(store_.read("folder").error().code, Code::refused);
  EXPECT_EQ(store_.list().value().size(), 1U);
}

}  // namespace
}  // namespace drover::system
