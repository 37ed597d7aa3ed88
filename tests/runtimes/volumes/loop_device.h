// LoopDevice: a file as a block device, freed at the end.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "agent/system/child.h"
#include "agent/system/file.h"

namespace drover::runtimes {

class LoopDevice {
 public:
  explicit LoopDevice(const system::Path& file) {
    const auto made =
        system::run_ok({"losetup", "--find", "--show", file.native()}, system::Stop());
    EXPECT_TRUE(made) << to_text(made.error());
    path_ = made ? made->substr(0, made->find('\n')) : "";
  }
  LoopDevice(const LoopDevice&) = delete;
  LoopDevice& operator=(const LoopDevice&) = delete;
  ~LoopDevice() { EXPECT_TRUE(system::run_ok({"losetup", "--detach", path_}, system::Stop())); }

  system::Path path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace drover::runtimes
