// OciNode: a node of its own for tests that run real containers by runc or crun.
#pragma once

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/magic.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "fakes/private_mounts.h"
#include "fakes/temp_folder.h"
#include "runtimes/oci/oci_runtime.h"

namespace drover::runtimes {

/// On a node that has both versions of control groups the one without controllers goes, out of the
/// test program's own mounts, because crun refuses such a mixture.
class OneCgroupVersion : public testing::Environment {
 public:
  void SetUp() override {
    if (umount2("/sys/fs/cgroup/unified", MNT_DETACH) != 0) {
      ASSERT_TRUE(errno == EINVAL || errno == ENOENT) << std::strerror(errno);
    }
  }
};
inline const auto* const kOneCgroupVersion =
    testing::AddGlobalTestEnvironment(new OneCgroupVersion);

/// A root of busybox.
inline void make_root(const Path& rootfs) {
  for (const char* folder : {"bin", "proc", "sys", "dev", "etc", "tmp"}) {
    std::filesystem::create_directories(rootfs / folder);
  }
  std::filesystem::copy_file("/bin/busybox", rootfs / "bin/busybox");
  for (const char* applet : {"sh", "sleep", "cat", "echo", "touch", "id", "kill", "dd", "tail",
                             "pwd", "mknod", "grep", "hostname", "head", "true"}) {
    std::filesystem::create_symlink("busybox", rootfs / "bin" / applet);
  }
  std::ofstream(rootfs / "etc/passwd") << "root:x:0:0::/root:/bin/sh\nweb:x:33:34::/:/bin/sh\n";
  std::ofstream(rootfs / "etc/group") << "root:x:0:\nweb:x:34:\nvideo:x:44:web\n";
}

inline Path program_of(RuntimeKind kind) {
  for (const char* folder : {"/usr/bin", "/usr/sbin"}) {
    if (const Path program = Path(folder) / std::string(to_string(kind));
        access(program.c_str(), X_OK) == 0) {
      return program;
    }
  }
  return {};
}

/// Lets a program in a container tell the test something: a FIFO in a folder that is bound into it.
class Telling {
 public:
  explicit Telling(const Path& folder) : folder_(folder) {
    std::filesystem::create_directories(folder);
    std::filesystem::permissions(folder, std::filesystem::perms::all);
    mkfifo((folder / "told").c_str(), 0666);
    chmod((folder / "told").c_str(), 0666);
    // Read and write, so that it is neither waited for nor ever at its end.
    fd_ = system::UniqueFd(open((folder / "told").c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
  }
  BindMount mount() const { return {folder_, "/telling", false}; }

  /// The next line, or "" when none comes.
  std::string line() {
    std::string text;
    for (;;) {
      char c = 0;
      const ssize_t got = read(fd_.get(), &c, 1);
      if (got == 1 && c == '\n') {
        return text;
      }
      if (got == 1) {
        text.push_back(c);
        continue;
      }
      pollfd waiting{fd_.get(), POLLIN, 0};
      if (poll(&waiting, 1, 20'000) != 1) {
        return "";
      }
    }
  }

 private:
  Path folder_;
  system::UniqueFd fd_;
};

/// Waits until the process has ended.
inline bool wait_for_end_of(pid_t pid) {
  const system::UniqueFd process(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  pollfd waiting{process.get(), POLLIN, 0};
  return !process.valid() || poll(&waiting, 1, 20'000) == 1;
}

/// Containers are deleted with it, whatever became of the test.
class OciNode {
 public:
  explicit OciNode(RuntimeKind kind) {
    layout.state = folder / "state";
    layout.run = folder / "run";
    options.kind = kind;
    // Set where systemd is PID 1, to run the suites with groups that systemd makes.
    options.systemd_cgroup = std::getenv("DROVER_TEST_SYSTEMD_CGROUP") != nullptr;
    options.program = program_of(kind);
    make_root(rootfs);
    runtime = std::make_unique<OciRuntime>(layout, options);
  }
  ~OciNode() {
    for (const Container& container : made) {
      const auto removed = runtime->remove(container, true, never);
      EXPECT_TRUE(removed) << to_text(removed.error());
      EXPECT_THAT(cgroups_of(container), testing::IsEmpty());
      for (const Path& plain : folders_of_cgroups(container)) {
        EXPECT_TRUE(system::remove_tree(plain));
      }
    }
  }

  /// One that runs `command` in busybox, not created yet. Its name is unique on this machine.
  Container container(const std::vector<std::string>& command) {
    static int count = 0;
    ContainerSpec spec;
    spec.rootfs = rootfs;
    spec.command = command;
    Container container{
        ContainerName::parse(fmt::format("oci-runtime-{}-{}", getpid(), ++count)).value(),
        JobId::parse("job-1").value(),
        options.kind,
        std::move(spec),
        {},
        rootfs,
        {},
        {},
        std::nullopt};
    made.push_back(container);
    return container;
  }
  Container shell(const std::string& script) { return container({"sh", "-c", script}); }

  void expect_created(const Container& container) {
    const auto created = runtime->create(container, never);
    ASSERT_TRUE(created) << to_text(created.error());
  }
  void expect_started(const Container& container) {
    expect_created(container);
    const auto started = runtime->start(container, never);
    ASSERT_TRUE(started) << to_text(started.error());
  }
  State state(const Container& container) {
    const auto state = runtime->state(container, never);
    EXPECT_TRUE(state) << to_text(state.error());
    return state.value_or(State());
  }
  /// Creates it, starts it and waits for its end.
  Exit run(const Container& container) {
    expect_created(container);
    const pid_t first = state(container).pid;
    EXPECT_GT(first, 0);
    // Opened before the start, which may be the end.
    const system::UniqueFd process(static_cast<int>(syscall(SYS_pidfd_open, first, 0)));
    const auto started = runtime->start(container, never);
    EXPECT_TRUE(started) << to_text(started.error());
    pollfd waiting{process.get(), POLLIN, 0};
    EXPECT_EQ(poll(&waiting, 1, 20'000), 1);
    return exit(container);
  }
  Exit exit(const Container& container) {
    const State ended = state(container);
    EXPECT_EQ(ended.status, Status::stopped);
    EXPECT_TRUE(ended.exit);
    return ended.exit.value_or(Exit());
  }
  std::string log(const Container& container) const {
    return system::read_file(layout.log(container.name)).value_or("");
  }

  /// Processes on this machine whose command line or control group names the container.
  static std::vector<std::string> processes_of(const Container& container) {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      const Path folder = entry.path();
      const std::string words = system::read_file(folder / "cmdline").value_or("");
      const std::string groups = system::read_file(folder / "cgroup").value_or("");
      const std::string& name = container.name.str();
      if (words.find('\0' + name + '\0') != std::string::npos ||
          groups.find("/drover/" + name + "\n") != std::string::npos) {
        found.push_back(folder.filename().native() + " " + words);
      }
    }
    return found;
  }
  /// Folders with its name that are control groups. (crun also makes plain folders where the second
  /// version was mounted.)
  static std::vector<Path> cgroups_of(const Container& container) {
    std::vector<Path> found;
    for (const Path& folder : folders_of_cgroups(container)) {
      struct statfs on {};
      if (statfs(folder.c_str(), &on) == 0 &&
          (on.f_type == CGROUP_SUPER_MAGIC || on.f_type == CGROUP2_SUPER_MAGIC)) {
        found.push_back(folder);
      }
    }
    return found;
  }
  /// The file of the container's group in the hierarchy that has it, v1 or v2; "" for none.
  static std::string group_file(const Container& container, const std::string& v1,
                                const std::string& v2) {
    for (const Path& file : {Path("/sys/fs/cgroup") / v1.substr(0, v1.find('/')) / "drover" /
                                 container.name.str() / v1.substr(v1.find('/') + 1),
                             Path("/sys/fs/cgroup/drover") / container.name.str() / v2}) {
      if (const auto text = system::read_file(file)) {
        return text->substr(0, text->find('\n'));
      }
    }
    return "";
  }
  static std::vector<Path> folders_of_cgroups(const Container& container) {
    std::vector<Path> hierarchies{"/sys/fs/cgroup"};
    for (const auto& entry : std::filesystem::directory_iterator("/sys/fs/cgroup")) {
      hierarchies.push_back(entry.path());
    }
    std::vector<Path> found;
    for (const Path& hierarchy : hierarchies) {
      if (const Path group = hierarchy / "drover" / container.name.str();
          std::filesystem::exists(group)) {
        found.push_back(group);
      }
    }
    return found;
  }

  fakes::TempFolder folder;
  Layout layout;
  OciOptions options;
  const Path rootfs = folder / "rootfs";
  std::unique_ptr<OciRuntime> runtime;
  std::vector<Container> made;
  const Stop never;
};

}  // namespace drover::runtimes
