// RealGuest: an LXC container of busybox as Proxmox keeps its guests, named by a number.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "agent/core/ids.h"
#include "agent/system/child.h"
#include "fakes/temp_folder.h"

namespace drover::runtimes {

class RealGuest {
 public:
  RealGuest() {
    const auto root = home() / "rootfs";
    for (const char* name : {"bin", "proc", "sys", "dev", "etc", "tmp", "srv"}) {
      std::filesystem::create_directories(root / name);
    }
    std::filesystem::copy_file("/bin/busybox", root / "bin/busybox");
    for (const char* name : {"sh", "sleep", "cat", "env", "pwd", "id"}) {
      std::filesystem::create_symlink("busybox", root / "bin" / name);
    }
    // The init of a guest: told to end it ends with 5.
    std::ofstream(root / "init.sh") << "trap 'exit 5' TERM\nwhile :; do sleep 1000 & wait; done\n";
    std::ofstream(home() / "config")
        << "lxc.rootfs.path = dir:" << root.native() << "\nlxc.uts.name = guest\n"
        << "lxc.init.cmd = /bin/sh /init.sh\nlxc.signal.halt = SIGTERM\nlxc.net.0.type = empty\n"
        << "lxc.mount.auto = proc:mixed sys:mixed\nlxc.autodev = 1\nlxc.tty.max = 0\n"
        << "lxc.apparmor.profile = unconfined\n";
  }
  RealGuest(const RealGuest&) = delete;
  RealGuest& operator=(const RealGuest&) = delete;
  ~RealGuest() { (void)tool("lxc-stop", {"-k"}).has_value(); }

  void start() {
    const auto started = tool("lxc-start", {"-d", "-o", (home() / "log").native()});
    ASSERT_TRUE(started) << to_text(started.error());
  }
  Result<std::string> tool(const char* program, const std::vector<std::string>& more) const {
    std::vector<std::string> argv{program, "-P", path().native(), "-n", std::to_string(vmid.value)};
    argv.insert(argv.end(), more.begin(), more.end());
    return system::run_ok(argv, system::Stop());
  }

  std::string name() const { return std::to_string(vmid.value); }
  std::filesystem::path path() const { return folder_.path(); }
  std::filesystem::path root() const { return home() / "rootfs"; }

  /// LXC's cgroups and sockets are named by it for the whole host.
  const Vmid vmid{900'000'000 + static_cast<std::uint32_t>(getpid())};

 private:
  std::filesystem::path home() const { return path() / std::to_string(vmid.value); }

  fakes::TempFolder folder_;
};

}  // namespace drover::runtimes
