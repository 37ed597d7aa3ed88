// Links of an image in place of the kernel's folders, or as the folder a program stands in: whoever
// fills and enters them must stay inside the root.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hostile_node.h"

namespace drover::runtimes {
namespace {

using testing::HasSubstr;
using testing::Not;

class HostileImageTest : public HostileNode {};

INSTANTIATE_TEST_SUITE_P(Kinds, HostileImageTest, kHostileKinds,
                         [](const auto& kind) { return std::string(to_string(kind.param)); });

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
  constexpr int kTried = 24;
  ASSERT_LT(open_folders.back().get(), kTried) << "each of them is among what is tried";
  container_.spec.command = {"sleep", "100"};
  mount_root();
  ASSERT_TRUE(runtime_->create(container_, never_));
  ASSERT_TRUE(runtime_->start(container_, never_));
  for (int fd = 0; fd < kTried; ++fd) {
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
