// ThinGroup: a group of LVM with a thin pool, by LVM's own programs where the kernel has
// device-mapper, and by lvm.py elsewhere.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <vector>

#include "agent/system/child.h"
#include "fakes/temp_folder.h"

namespace drover::fakes {

/// In the environment of this process as long as it lives, so one at a time. Nothing may be mounted
/// from it at its end.
class ThinGroup {
 public:
  ThinGroup() {
    if (is_real()) {
      std::ofstream(folder_ / "disk").close();
      std::filesystem::resize_file(folder_ / "disk", 512U << 20U);
      const std::string made = run({"losetup", "--find", "--show", (folder_ / "disk").native()});
      disk_ = made.substr(0, made.find('\n'));
      run({"vgcreate", name(), disk_});
      run({"lvcreate", "--type", "thin-pool", "--size", "256M", "--name", pool(), name()});
      run({"lvchange", "--errorwhenfull", "y", name() + "/" + pool()});
      return;
    }
    for (const char* folder : {"files", "devices", "programs"}) {
      std::filesystem::create_directory(folder_ / folder);
    }
    for (const char* program : {"lvs", "lvcreate", "lvchange", "lvextend", "lvremove"}) {
      std::filesystem::create_symlink(FAKE_LVM_PROGRAM, folder_ / "programs" / program);
    }
    std::ofstream(folder_ / "group.json")
        << R"({"group":")" << name() << R"(","pool":")" << pool() << R"(","volumes":{}})";
    path_ = getenv("PATH");
    setenv("PATH", ((folder_ / "programs").native() + ":" + path_).c_str(), 1);
    setenv("DROVER_TEST_LVM", folder_.path().c_str(), 1);
  }
  ThinGroup(const ThinGroup&) = delete;
  ThinGroup& operator=(const ThinGroup&) = delete;
  ~ThinGroup() {
    if (is_real()) {
      run({"vgremove", "--force", name()});
      run({"losetup", "--detach", disk_});
      return;
    }
    deactivate_all();
    setenv("PATH", path_.c_str(), 1);
    unsetenv("DROVER_TEST_LVM");
  }

  static bool is_real() { return std::filesystem::exists("/dev/mapper/control"); }
  const std::string& name() const { return name_; }
  static std::string pool() { return "data"; }

  /// As after a reboot.
  void deactivate_all() {
    if (is_real()) {
      run({"vgchange", "--activate", "n", name()});
      return;
    }
    for (const auto& link : std::filesystem::directory_iterator(folder_ / "devices")) {
      run({"lvchange", "--activate", "n", name() + "/" + link.path().filename().native()});
    }
  }
  /// One that somebody else has made.
  void add(const std::string& volume) {
    run({"lvcreate", "--yes", "--virtualsize", "320m", "--thinpool", pool(), "--name", volume,
         "--setactivationskip", "n", name()});
  }
  bool has(const std::string& volume) {
    return run({"lvs", "--reportformat", "json", "--units", "b", "--nosuffix", "--options",
                "lv_name", name()})
               .find('"' + volume + '"') != std::string::npos;
  }
  /// Until it is made empty again.
  void fill() {
    if (!is_real()) {
      std::ofstream(folder_ / "percent") << "100.00";
      return;
    }
    add("filler");
    // It ends when there is no room any more.
    (void)system::run(
        {"dd", "if=/dev/zero", "of=/dev/" + name() + "/filler", "bs=1M", "oflag=direct"},
        system::Stop())
        .has_value();
  }
  void make_room() {
    if (!is_real()) {
      std::filesystem::remove(folder_ / "percent");
      return;
    }
    run({"lvremove", "--yes", name() + "/filler"});
  }

 private:
  std::string run(const std::vector<std::string>& argv) {
    const auto ran = system::run_ok(argv, system::Stop());
    EXPECT_TRUE(ran) << to_text(ran.error());
    return ran.value_or("");
  }

  TempFolder folder_;
  const std::string name_ = "drover-thin-" + std::to_string(getpid());
  std::string disk_;
  std::string path_;
};

}  // namespace drover::fakes
