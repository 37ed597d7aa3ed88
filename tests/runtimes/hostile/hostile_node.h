// HostileNode: a node with a folder that images, volumes and containers want to reach, and a root
// to write their links into. Real runtimes: runc, crun and lxc.
#pragma once

#include <functional>
#include <map>

#include "oci_node.h"
#include "runtimes/images/image_store.h"
#include "runtimes/lxc/lxc_runtime.h"
#include "runtimes/network/network.h"

namespace drover::runtimes {

/// Whatever a test has to do with is below a name of its own, which nothing else has.
inline std::string own_name() {
  static int count = 0;
  return fmt::format("hostile-{}-{}", getpid(), ++count);
}

/// All that lies below the folder: kind, rights, owner and content. Links are not followed.
inline std::map<std::string, std::string> everything_below(const Path& folder) {
  std::map<std::string, std::string> found;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    struct stat facts {};
    EXPECT_EQ(lstat(entry.path().c_str(), &facts), 0);
    found[entry.path().native()] =
        fmt::format("{:o} {} {}", facts.st_mode, facts.st_uid,
                    S_ISREG(facts.st_mode) ? system::read_file(entry.path()).value_or("") : "");
  }
  return found;
}

/// The names that stand in a folder of the machine, but for those that tests make which run beside
/// this one: of loop devices, of which the kernel makes a new one whenever the last is taken, and
/// of NodeStorageModule.
inline std::vector<std::string> names_in(const Path& folder) {
  std::vector<std::string> names;
  for (const Path& child : system::children_of(folder)) {
    const std::string name = child.filename();
    if (!name.starts_with("loop") && !name.starts_with("drover-test-")) {
      names.push_back(child.native());
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

class HostileNode : public testing::TestWithParam<RuntimeKind> {
 protected:
  void SetUp() override {
    make_root(root_);
    std::filesystem::create_symlink("busybox", root_ / "bin/mv");
    std::filesystem::create_symlink("busybox", root_ / "bin/ln");
    std::filesystem::create_symlink("busybox", root_ / "bin/mkdir");
    std::filesystem::create_directories(victim_ / "below");
    std::ofstream(victim_ / "secret") << "of the node\n";
    std::ofstream(victim_ / "below/secret") << "of the node\n";
    for (const char* volume : {"volume", "other"}) {
      std::filesystem::create_directories(folder_ / volume);
      std::ofstream(folder_ / volume / "mark") << "content of " << volume << '\n';
    }
    container_.spec.command = {"sh", "-c", "true"};
    if (GetParam() == RuntimeKind::lxc) {
      runtime_ = std::make_unique<LxcRuntime>(layout_, LxcOptions{DROVER_LXC, 0, 0});
      ASSERT_TRUE(networks_.make_namespace(container_.name, never_));
      container_.netns = Layout::netns(container_.name);
    } else {
      OciOptions options;
      options.kind = GetParam();
      options.program = program_of(GetParam());
      runtime_ = std::make_unique<OciRuntime>(layout_, options);
    }
    container_.rootfs = layout_.rootfs(container_.name);
  }

  void TearDown() override {
    clean_up();
    if (GetParam() == RuntimeKind::lxc) {
      EXPECT_TRUE(networks_.remove_namespace(container_.name, never_));
    }
    for (const Path& group : OciNode::folders_of_cgroups(container_)) {
      EXPECT_TRUE(system::remove_tree(group)) << group;
    }
  }

  void clean_up() {
    EXPECT_TRUE(runtime_->remove(container_, true, never_));
    EXPECT_TRUE(images_.unmount_root(container_.name, never_));
    std::error_code error;
    std::filesystem::remove(layout_.log(container_.name), error);
  }
  void renew_root() {
    std::filesystem::remove_all(root_);
    make_root(root_);
  }

  /// From here on nothing of the node may change.
  void watch() {
    victim_before_ = everything_below(victim_);
    for (const char* folder : {"/", "/etc", "/proc/sys", "/dev"}) {
      machine_before_[folder] = names_in(folder);
    }
  }
  void expect_node_untouched() {
    EXPECT_EQ(everything_below(victim_), victim_before_);
    for (const auto& [folder, names] : machine_before_) {
      EXPECT_EQ(names_in(folder), names);
    }
    for (const char* volume : {"volume", "other"}) {
      EXPECT_EQ(system::read_file(folder_ / volume / "mark").value_or(""),
                fmt::format("content of {}\n", volume));
    }
  }

  void link(const std::string& target, const std::string& at) {
    std::filesystem::create_directories((root_ / at).parent_path());
    std::filesystem::remove_all(root_ / at);
    std::filesystem::create_symlink(target, root_ / at);
  }
  /// The image has a folder of the same name.
  void have_inside(const Path& folder) {
    std::filesystem::create_directories(root_ / folder.relative_path());
  }
  /// A link out of the root to a folder of the node, as far up as needed.
  static std::string up_to(const Path& folder) {
    return "../../../../../../../../../../../.." + folder.native();
  }

  void mount_root() {
    const auto mounted = images_.mount_root(container_.name, root_);
    ASSERT_TRUE(mounted) << to_text(mounted.error());
  }
  /// Creates and starts it, and waits for its end.
  Result<Exit> run() {
    TRY(runtime_->create(container_, never_));
    return run_again();
  }
  Result<Exit> run_again() {
    const State now = TRY(runtime_->state(container_, never_));
    if (now.status == Status::stopped && !runtime_->capabilities().restartable) {
      TRY(runtime_->remove(container_, false, never_));
      TRY(runtime_->create(container_, never_));
    }
    TRY(runtime_->start(container_, never_));
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    for (;;) {
      const State state = TRY(runtime_->state(container_, never_));
      if (state.status == Status::stopped) {
        return state.exit.value_or(Exit{});
      }
      if (std::chrono::steady_clock::now() > limit) {
        return fail(Code::timed_out, "it does not end");
      }
      const system::UniqueFd first(static_cast<int>(syscall(SYS_pidfd_open, state.pid, 0)));
      pollfd waiting{first.get(), POLLIN, 0};
      poll(&waiting, first.valid() ? 1 : 0, 100);
    }
  }
  std::string log() const { return system::read_file(layout_.log(container_.name)).value_or(""); }

  fakes::TempFolder folder_;
  const Layout layout_{folder_ / "state", folder_ / "run"};
  const Stop never_;
  const Path root_ = folder_ / "image";
  const Path victim_ = folder_ / "node";  ///< a folder of the node that images want to reach
  Container container_{ContainerName::parse(own_name()).value(),
                       JobId::parse("job-1").value(),
                       GetParam(),
                       {},
                       {},
                       {},
                       {},
                       {},
                       {}};
  Networks networks_{layout_, {}};
  ImageStore images_{layout_};
  std::unique_ptr<Runtime> runtime_;
  std::map<std::string, std::string> victim_before_;
  std::map<std::string, std::vector<std::string>> machine_before_;
};

inline const auto kHostileKinds =
    testing::Values(RuntimeKind::runc, RuntimeKind::crun, RuntimeKind::lxc);

}  // namespace drover::runtimes
