// Images, volumes and containers that want to reach the node they run on: their links lead there,
// and whoever makes folders, mounts or enters by one of those must stay inside the root.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "oci_node.h"
#include "runtimes/images/image_store.h"
#include "runtimes/lxc/lxc_runtime.h"
#include "runtimes/network/network.h"

namespace drover::runtimes {
namespace {

using testing::HasSubstr;
using testing::Not;

/// Whatever a test has to do with is below a name of its own, which nothing else has.
std::string own_name() {
  static int count = 0;
  return fmt::format("hostile-{}-{}", getpid(), ++count);
}

/// All that lies below the folder: kind, rights, owner and content. Links are not followed.
std::map<std::string, std::string> everything_below(const Path& folder) {
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

/// The names that stand in a folder of the machine.
std::vector<std::string> names_in(const Path& folder) {
  std::vector<std::string> names;
  for (const Path& child : system::children_of(folder)) {
    names.push_back(child.native());
  }
  std::sort(names.begin(), names.end());
  return names;
}

class HostileImageTest : public testing::TestWithParam<RuntimeKind> {
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

INSTANTIATE_TEST_SUITE_P(Kinds, HostileImageTest,
                         testing::Values(RuntimeKind::runc, RuntimeKind::crun, RuntimeKind::lxc),
                         [](const auto& kind) { return std::string(to_string(kind.param)); });

TEST_P(HostileImageTest, AVolumeBelowALinkToTheRootMakesNoFolderOnTheNode) {
  link("/", "data");
  const std::string target = "/data/" + container_.name.str();
  container_.mounts = {{folder_ / "volume", target, false}};
  container_.spec.command = {"cat", target + "/mark"};
  mount_root();
  watch();
  const auto ended = run();
  expect_node_untouched();
  ASSERT_TRUE(ended) << to_text(ended.error());
  EXPECT_THAT(log(), HasSubstr("content of volume"));
}

TEST_P(HostileImageTest, AVolumeBelowAnAbsoluteLinkStandsInsideTheRoot) {
  link(victim_, "data");
  have_inside(victim_);
  container_.mounts = {{folder_ / "volume", "/data/new/one", false}};
  container_.spec.command = {"cat", victim_ / "new/one/mark"};
  mount_root();
  watch();
  const auto ended = run();
  expect_node_untouched();
  ASSERT_TRUE(ended) << to_text(ended.error());
  EXPECT_THAT(log(), HasSubstr("content of volume"));
}

TEST_P(HostileImageTest, AVolumeBelowALinkUpwardsStandsInsideTheRoot) {
  link(up_to(victim_), "srv/data");
  have_inside(victim_);
  container_.mounts = {{folder_ / "volume", "/srv/data/new/one", false}};
  container_.spec.command = {"cat", victim_ / "new/one/mark"};
  mount_root();
  watch();
  const auto ended = run();
  expect_node_untouched();
  ASSERT_TRUE(ended) << to_text(ended.error());
  EXPECT_THAT(log(), HasSubstr("content of volume"));
}

TEST_P(HostileImageTest, AVolumeBelowAChainOfLinksStandsInsideTheRoot) {
  link("/second", "first");
  link("third/..", "second");
  link(up_to(victim_ / "below"), "third");
  container_.mounts = {{folder_ / "volume", "/first/new", false}};
  container_.spec.command = {"cat", victim_ / "new/mark"};
  have_inside(victim_ / "below");
  mount_root();
  watch();
  const auto ended = run();
  expect_node_untouched();
  ASSERT_TRUE(ended) << to_text(ended.error());
  EXPECT_THAT(log(), HasSubstr("content of volume"));
}

TEST_P(HostileImageTest, AVolumeAtALinkOutOfTheRootIsNotMountedOnTheNode) {
  link(victim_ / "below", "data");
  container_.mounts = {{folder_ / "volume", "/data", false}};
  container_.spec.command = {"cat", "/data/mark"};
  mount_root();
  watch();
  const auto ended = run();
  expect_node_untouched();
  if (ended) {
    EXPECT_THAT(log(), HasSubstr("content of volume"));
  }
}

TEST_P(HostileImageTest, AVolumeBelowALinkOfProcIsRefused) {
  link("/proc/self/root" + victim_.native(), "data");
  container_.mounts = {{folder_ / "volume", "/data/new", false}};
  mount_root();
  watch();
  [[maybe_unused]] const auto ended = run();
  expect_node_untouched();
}

TEST_P(HostileImageTest, AVolumeThatALinkLeadsIntoTheKernelsFoldersFailsTheStart) {
  for (const char* where : {"/proc", "/proc/sys/kernel", "/sys/fs/cgroup"}) {
    renew_root();
    link(where, "data");
    container_.mounts = {{folder_ / "volume", "/data", false}};
    mount_root();
    watch();
    const auto ended = run();
    expect_node_untouched();
    // Below /sys runc and crun mount it: inside, and nowhere else.
    if (GetParam() == RuntimeKind::lxc) {
      ASSERT_FALSE(ended) << where;
      EXPECT_THAT(ended.error().message, HasSubstr("volume at /data: it leads into /"));
    }
    clean_up();
  }
}

TEST_P(HostileImageTest, AVolumeAtAFileOrALinkToItselfFailsTheStart) {
  for (const char* target : {"/file", "/file/below", "/loop", "/loop/below"}) {
    renew_root();
    std::ofstream(root_ / "file") << "content of the image\n";
    link("loop", "loop");
    container_.mounts = {{folder_ / "volume", target, false}};
    mount_root();
    watch();
    const auto ended = run();
    expect_node_untouched();
    ASSERT_FALSE(ended) << target;
    if (GetParam() == RuntimeKind::lxc) {
      EXPECT_THAT(ended.error().message, HasSubstr(fmt::format("volume at {}: ", target)));
    }
    EXPECT_EQ(system::read_file(root_ / "file").value_or(""), "content of the image\n");
    clean_up();
  }
}

TEST_P(HostileImageTest, AVolumesOwnLinksLeadNoOtherVolumeOutOfTheRoot) {
  std::filesystem::create_symlink(victim_, folder_ / "volume/sub");
  std::filesystem::create_symlink("/", folder_ / "volume/top");
  have_inside(victim_);
  const std::string name = container_.name.str();
  container_.mounts = {{folder_ / "volume", "/data", false},
                       {folder_ / "other", "/data/sub/new", false},
                       {folder_ / "other", "/data/top/" + name, false}};
  container_.spec.command = {"cat", victim_ / "new/mark", "/" + name + "/mark"};
  mount_root();
  watch();
  const auto ended = run();
  expect_node_untouched();
  ASSERT_TRUE(ended) << to_text(ended.error());
  EXPECT_THAT(log(), HasSubstr("content of other"));
}

TEST_P(HostileImageTest, AVolumeInAVolumeStandsInIt) {
  container_.mounts = {{folder_ / "volume", "/data", false},
                       {folder_ / "other", "/data/in/it", true}};
  container_.spec.command = {
      "sh", "-c", "cat /data/mark /data/in/it/mark; touch /data/new; touch /data/in/it/x"};
  mount_root();
  const auto ended = run();
  ASSERT_TRUE(ended) << to_text(ended.error());
  EXPECT_THAT(log(), HasSubstr("content of volume"));
  EXPECT_THAT(log(), HasSubstr("content of other"));
  EXPECT_THAT(log(), HasSubstr("Read-only file system"));
  EXPECT_TRUE(std::filesystem::is_directory(folder_ / "volume/in/it"));
  // Who may do what in it; crun makes it sticky, too.
  EXPECT_EQ(
      std::filesystem::status(folder_ / "volume/in").permissions() & std::filesystem::perms{0777},
      std::filesystem::perms{0755});
  EXPECT_TRUE(std::filesystem::exists(folder_ / "volume/new"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "other/x"));
}

TEST_P(HostileImageTest, ARootThatItsProgramTurnedIntoLinksStartsInsideAgain) {
  container_.mounts = {{folder_ / "volume", "/srv/data", false}};
  container_.spec.command = {
      "sh", "-c",
      fmt::format("mkdir -p {0} && mv /srv /old; ln -s {0} /srv; cat {0}/data/mark",
                  victim_.native())};
  mount_root();
  watch();
  const auto first = run();
  ASSERT_TRUE(first) << to_text(first.error());
  const auto second = run_again();
  expect_node_untouched();
  ASSERT_TRUE(second) << to_text(second.error());
  EXPECT_THAT(log(), HasSubstr("content of volume"));
}

TEST_P(HostileImageTest, ALinkInPlaceOfTheKernelsFoldersIsRefused) {
  // runc itself removes it, and puts links of its own beside it.
  std::ofstream(victim_ / "ptmx") << "of the node\n";
  for (const char* folder : {"proc", "sys", "dev"}) {
    for (const std::string& where :
         {victim_.native(), up_to(victim_), up_to(victim_ / "new"), std::string("tmp")}) {
      renew_root();
      link(where, folder);
      mount_root();
      watch();
      const auto ended = run();
      expect_node_untouched();
      ASSERT_FALSE(ended) << folder << " to " << where;
      EXPECT_THAT(ended.error().message,
                  HasSubstr(fmt::format("/{} of its root is a link; it must be a folder", folder)));
      clean_up();
    }
  }
}

TEST_P(HostileImageTest, LinksBelowTheKernelsFoldersMakeNothingOnTheNode) {
  for (const char* folder : {"dev/shm", "dev/pts", "dev/ptmx", "dev/console", "proc/kcore",
                             "proc/sys", "sys/firmware", "sys/fs", "etc"}) {
    for (const std::string& where : {victim_.native(), up_to(victim_ / "new")}) {
      renew_root();
      link(where, folder);
      mount_root();
      watch();
      const auto ended = run();
      expect_node_untouched();
      EXPECT_TRUE(ended) << folder << " to " << where << ": " << to_text(ended.error());
      clean_up();
    }
  }
}

TEST_P(HostileImageTest, ARootWithoutTheKernelsFoldersIsGivenThem) {
  for (const char* folder : {"proc", "sys", "dev"}) {
    std::filesystem::remove(root_ / folder);
  }
  container_.spec.command = {"sh", "-c", "cat /proc/self/comm; echo x > /dev/null"};
  mount_root();
  const auto ended = run();
  ASSERT_TRUE(ended) << to_text(ended.error());
  EXPECT_THAT(log(), HasSubstr("cat"));
}

TEST_P(HostileImageTest, AWorkingFolderThatIsALinkIsMadeInside) {
  for (const std::string& where : {victim_.native(), up_to(victim_)}) {
    renew_root();
    link(where, "desk");
    container_.spec.command.clear();
    container_.image = {{"sh", "-c"}, {"cat secret ../secret; true"}, {}, "/desk/new", "", ""};
    mount_root();
    watch();
    [[maybe_unused]] const auto ended = run();
    expect_node_untouched();
    EXPECT_THAT(log(), Not(HasSubstr("of the node")));
    clean_up();
  }
}

/// Of each file that whoever enters has open one may be a folder of the node (CVE-2024-21626).
TEST_P(HostileImageTest, AWorkingFolderThatIsALinkToAnOpenFileShowsNothingOfTheNode) {
  for (int fd = 3; fd < 16; ++fd) {
    renew_root();
    link(fmt::format("/proc/self/fd/{}", fd), "desk");
    container_.spec.command.clear();
    container_.image = {{"sh", "-c"}, {fmt::format("cat {}; true", up_to(victim_ / "secret"))},
                        {},           "/desk",
                        "",           ""};
    mount_root();
    [[maybe_unused]] const auto ended = run();
    EXPECT_THAT(log(), Not(HasSubstr("of the node"))) << fd;
    clean_up();
  }
}

TEST_P(HostileImageTest, ACommandInAFolderThatIsALinkToAnOpenFileSeesNothingOfTheNode) {
  // As the agent has folders open, by one path or another.
  std::vector<system::UniqueFd> open_folders;
  for (int i = 0; i < 8; ++i) {
    open_folders.emplace_back(open(victim_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  container_.spec.command = {"sleep", "100"};
  mount_root();
  ASSERT_TRUE(runtime_->create(container_, never_));
  ASSERT_TRUE(runtime_->start(container_, never_));
  for (int fd = 0; fd < 48; ++fd) {
    std::string printed;
    const Sink sink = [&](std::string_view chunk) { printed += chunk; };
    [[maybe_unused]] const auto code = runtime_->exec(
        container_,
        {{"sh", "-c", "cat secret ../node/secret ../sys/kernel/core_pattern; ls ..; touch here"},
         {},
         fmt::format("/proc/self/fd/{}", fd),
         ""},
        sink, sink, never_);
    EXPECT_THAT(printed, Not(HasSubstr("of the node"))) << fd;
    EXPECT_THAT(printed, Not(HasSubstr("core\n"))) << fd << ": " << printed;
  }
  EXPECT_FALSE(std::filesystem::exists(victim_ / "here"));
}

}  // namespace
}  // namespace drover::runtimes
