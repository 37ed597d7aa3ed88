// NodeStorageModule: a node's own PVE::Storage (perl/PVE/Storage.pm), whose block devices are real.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>

#include "agent/system/child.h"
#include "fakes/temp_folder.h"
#include "proxmox/node_storage.h"

namespace drover::fakes {

/// In the environment of this process as long as it lives, so one at a time.
class NodeStorageModule {
 public:
  NodeStorageModule() {
    std::filesystem::create_directories(devices_);
    setenv("PERL5LIB", FAKE_PERL_FOLDER, 1);
    setenv("DROVER_TEST_STORAGES", folder_.path().c_str(), 1);
  }
  NodeStorageModule(const NodeStorageModule&) = delete;
  NodeStorageModule& operator=(const NodeStorageModule&) = delete;
  ~NodeStorageModule() {
    deactivate_all();
    std::error_code error;
    std::filesystem::remove_all(devices_, error);
    unsetenv("PERL5LIB");
    unsetenv("DROVER_TEST_STORAGES");
  }

  proxmox::NodeStorage program() const { return proxmox::NodeStorage(DROVER_STORAGE_PROGRAM); }

  /// Of volumes that are below `files`, each by its name there; or of a real group of LVM.
  void add_storage(const std::string& id, const std::string& type,
                   const std::filesystem::path& files, const std::string& group = "") {
    if (group.empty()) {
      std::filesystem::create_directories(files);
    }
    std::ofstream(folder_ / "storage.cfg", std::ios::app)
        << id << ' ' << type << ' ' << files.native() << ' ' << devices_.native() << ' ' << group
        << '\n';
  }
  void set_quota(const std::string& volume, std::uint64_t bytes) {
    std::ofstream(folder_ / "quotas", std::ios::app) << volume << ' ' << bytes << '\n';
  }
  /// The next call of the module dies with this line.
  void fail_next(const std::string& why) { std::ofstream(folder_ / "fail") << why << '\n'; }
  /// "activate VOLUME", "map VOLUME", "resize VOLUME BYTES", in order.
  std::vector<std::string> calls() const {
    std::ifstream file(folder_ / "calls");
    std::vector<std::string> all;
    for (std::string line; std::getline(file, line);) {
      all.push_back(line);
    }
    return all;
  }
  /// Where the devices of active volumes are, below /dev as those of Proxmox.
  const std::filesystem::path& devices() const { return devices_; }
  /// As after a reboot. Nothing may be mounted from them.
  void deactivate_all() {
    for (const auto& link : std::filesystem::directory_iterator(devices_)) {
      deactivate(link.path());
    }
  }
  void deactivate(const std::filesystem::path& link) {
    const std::string device = std::filesystem::read_symlink(link).native();
    EXPECT_TRUE(system::run_ok({"losetup", "--detach", device}, system::Stop()));
    std::filesystem::remove(link);
  }

 private:
  TempFolder folder_;
  std::filesystem::path devices_ = "/dev/drover-test-" + std::to_string(getpid());
};

}  // namespace drover::fakes
