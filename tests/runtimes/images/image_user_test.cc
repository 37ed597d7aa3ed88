#include "runtimes/images/image_user.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "fakes/temp_folder.h"

namespace drover::runtimes {
namespace {

class ImageUserTest : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directory(folder_ / "etc");
    write("etc/passwd",
          "root:x:0:0:root:/root:/bin/sh\n"
          "a line that is none\n"
          "bad:x:no:1::/:\n"
          "web:x:33:34:Web:/srv:/bin/sh\n"
          "1001:x:77:78::/:/bin/sh\n");
    write("etc/group",
          "root:x:0:\n"
          "web:x:34:\n"
          "video:x:44:web,other\n"
          "audio:x:29:other\n"
          "disk:x:6:root,web\n");
  }
  void write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name) << text;
  }
  void expect(const std::string& text, const ImageUser& wanted) {
    const auto found = find_image_user(folder_.path(), text);
    ASSERT_TRUE(found) << text << ": " << to_text(found.error());
    EXPECT_EQ(*found, wanted) << text;
  }
  void expect_invalid(const std::string& text) {
    const auto found = find_image_user(folder_.path(), text);
    ASSERT_FALSE(found) << text;
    EXPECT_EQ(found.error().code, Code::invalid) << to_text(found.error());
  }

  fakes::TempFolder folder_;
};

TEST_F(ImageUserTest, NamesAndNumbers) {
  expect("", {0, 0, {6}});
  expect("root", {0, 0, {6}});
  expect("0", {0, 0, {6}});
  expect("web", {33, 34, {44, 6}});
  expect("33", {33, 34, {44, 6}});
  expect("web:video", {33, 44, {}});
  expect("web:5000", {33, 5000, {}});
  expect("5000", {5000, 0, {}});
  expect("5000:web", {5000, 34, {}});
}

TEST_F(ImageUserTest, WhatTheImageDoesNotHaveIsInvalid) {
  for (const std::string text : {"nobody", "bad", "web:nogroup", "web:", ":34", "-1", "4294967295",
                                 "web:4294967295", "4294967296"}) {
    expect_invalid(text);
  }
}

TEST_F(ImageUserTest, NumbersNeedNoFiles) {
  std::filesystem::remove_all(folder_ / "etc");
  expect("", {0, 0, {}});
  expect("12:13", {12, 13, {}});
  expect_invalid("root");
}

TEST_F(ImageUserTest, ALinkStaysInTheImage) {
  std::filesystem::remove(folder_ / "etc/passwd");
  std::filesystem::create_symlink("/../../../../etc/real", folder_ / "etc/passwd");
  write("etc/real", "inner:x:7:8::/:\n");
  expect("inner", {7, 8, {}});
}

TEST_F(ImageUserTest, AFifoIsRefusedAndNotWaitedFor) {
  std::filesystem::remove(folder_ / "etc/passwd");
  ASSERT_EQ(mkfifo((folder_ / "etc/passwd").c_str(), 0600), 0);
  expect_invalid("web");
}

TEST_F(ImageUserTest, AnEndlessFileIsRefused) {
  write("etc/group", "");
  std::filesystem::resize_file(folder_ / "etc/group", std::uintmax_t{1} << 30);
  expect_invalid("web");
}

}  // namespace
}  // namespace drover::runtimes
