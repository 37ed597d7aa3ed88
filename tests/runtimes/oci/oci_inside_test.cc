// What a container of runc or crun is like from the inside.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <thread>

#include "agent/system/child.h"
#include "oci_node.h"

namespace drover::runtimes {
namespace {

using testing::HasSubstr;
using testing::Not;

/// What it prints, without the time and stream in front of each line.
std::string printed(const std::string& log) {
  std::string text;
  std::istringstream lines(log);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t tag = std::min(line.find(" F "), line.find(" P "));
    text += tag == std::string::npos ? line : line.substr(tag + 3);
    text += '\n';
  }
  return text;
}

class OciInsideTest : public testing::TestWithParam<RuntimeKind> {
 protected:
  std::string output_of(const Container& container) {
    EXPECT_EQ(node_.run(container).code, 0) << node_.log(container);
    return printed(node_.log(container));
  }
  struct Executed {
    Result<int> code;
    std::string out;
    std::string err;
  };
  Executed execute(const Container& container, const ExecRequest& request) {
    Executed executed{0, "", ""};
    executed.code = runtime_.exec(
        container, request, [&](std::string_view chunk) { executed.out += chunk; },
        [&](std::string_view chunk) { executed.err += chunk; }, node_.never);
    return executed;
  }

  OciNode node_{GetParam()};
  OciRuntime& runtime_ = *node_.runtime;
};

INSTANTIATE_TEST_SUITE_P(Kinds, OciInsideTest,
                         testing::Values(RuntimeKind::runc, RuntimeKind::crun),
                         [](const auto& kind) { return std::string(to_string(kind.param)); });

TEST_P(OciInsideTest, WithoutAProgramItIsInvalid) {
  const auto created = runtime_.create(node_.container({}), node_.never);
  ASSERT_FALSE(created);
  EXPECT_EQ(created.error().code, Code::invalid) << to_text(created.error());
}

TEST_P(OciInsideTest, TheSeccompProfileFilters) {
  node_.options.seccomp_profile = node_.folder / "seccomp.json";
  std::ofstream(node_.options.seccomp_profile)
      << R"({"defaultAction": "SCMP_ACT_ALLOW", "archMap": [], "syscalls": [)"
      << R"({"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errno": "EPERM",)"
      << R"( "includes": {"caps": ["CAP_CHOWN"]}}]})";
  OciRuntime filtering(node_.layout, node_.options);
  const Container container = node_.container({"busybox", "mkdir", "/tmp/folder"});
  ASSERT_TRUE(filtering.create(container, node_.never));
  ASSERT_TRUE(filtering.start(container, node_.never));
  const auto exit = filtering.stop(container, SIGCONT, std::chrono::seconds(20), node_.never);
  ASSERT_TRUE(exit) << to_text(exit.error());
  EXPECT_EQ(exit->code, 1);
  EXPECT_THAT(node_.log(container), HasSubstr("Operation not permitted"));
}

/// A program of 32 bits that ends with the error migrate_pages(2) gives it: EINVAL, for its
/// arguments.
void make_program_of_32_bits(const Path& file) {
  // clang-format off
  constexpr std::array<unsigned char, 117> kProgram{
      0x7f, 'E', 'L', 'F', 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0,  // for a processor i386
      2, 0, 3, 0, 1, 0, 0, 0, 0x54, 0x80, 0x04, 0x08, 0x34, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
      0x34, 0, 0x20, 0, 1, 0, 0, 0, 0, 0, 0, 0,
      1, 0, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x04, 0x08, 0, 0x80, 0x04, 0x08, 117, 0, 0, 0, 117, 0, 0, 0,
      5, 0, 0, 0, 0, 0x10, 0, 0,
      0xb8, 0x26, 0x01, 0, 0,  // migrate_pages(0, 0, NULL, NULL)
      0x31, 0xdb, 0x31, 0xc9, 0x31, 0xd2, 0x31, 0xf6, 0xcd, 0x80,
      0xf7, 0xd8, 0x89, 0xc3,  // exit(-result)
      0xb8, 0x01, 0, 0, 0, 0xcd, 0x80, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90};
  // clang-format on
  std::ofstream(file, std::ios::binary)
      .write(static_cast<const char*>(static_cast<const void*>(kProgram.data())), kProgram.size());
  std::filesystem::permissions(file, std::filesystem::perms::all);
}

TEST_P(OciInsideTest, AProgramOf32BitsRunsAndIsFilteredAsAnyOther) {
  const Path file = node_.rootfs / "bin/old";
  make_program_of_32_bits(file);
  const system::Stop never;
  const auto outside = system::run({file.native()}, never);
  if (!outside || outside->ending.code != EINVAL) {
    GTEST_SKIP() << "this machine's kernel runs no program of 32 bits";
  }
  const Container container = node_.container({"/bin/old"});
  EXPECT_EQ(node_.run(container).code, EPERM) << "the profile has a rule for the call";
}

TEST_P(OciInsideTest, VolumesAreThereAndReadOnlyOnesCannotBeWritten) {
  const Path data = node_.folder / "data";
  const Path fixed = node_.folder / "fixed";
  for (const Path& folder : {data, fixed}) {
    std::filesystem::create_directory(folder);
    std::ofstream(folder / "old") << "from outside\n";
  }
  Container container = node_.shell(
      "cat /data/old /srv/a/fixed/old; echo inside > /data/new; touch /srv/a/fixed/new;"
      "grep -E ' (/data|/srv/a/fixed) ' /proc/self/mountinfo");
  container.mounts = {{data, "/data", false}, {fixed, "/srv/a/fixed", true}};
  const std::string text = output_of(container);
  EXPECT_THAT(text, HasSubstr("from outside\nfrom outside\n"));
  EXPECT_THAT(text, HasSubstr("/data rw,nosuid,nodev"));
  EXPECT_THAT(text, HasSubstr("/srv/a/fixed ro,nosuid,nodev"));
  EXPECT_EQ(system::read_file(data / "new").value_or(""), "inside\n");
  EXPECT_FALSE(std::filesystem::exists(fixed / "new"));
}

TEST_P(OciInsideTest, TheNamedNetworkNamespaceIsJoined) {
  // A namespace of a thread that ends: the bind mount keeps it.
  const Path netns = node_.folder / "netns";
  std::ofstream(netns).close();
  std::thread([&] {
    ASSERT_EQ(unshare(CLONE_NEWNET), 0);
    ASSERT_EQ(mount("/proc/thread-self/ns/net", netns.c_str(), nullptr, MS_BIND, nullptr), 0);
  }).join();
  struct stat wanted {};
  ASSERT_EQ(stat(netns.c_str(), &wanted), 0);
  Container container = node_.container({"busybox", "readlink", "/proc/self/ns/net"});
  container.netns = netns;
  EXPECT_EQ(output_of(container), fmt::format("net:[{}]\n", wanted.st_ino));
  umount2(netns.c_str(), MNT_DETACH);
}

TEST_P(OciInsideTest, ACreateThatFailsSaysWhyAndLeavesNothing) {
  const Container container = node_.container({"/no/such/program"});
  const auto created = runtime_.create(container, node_.never);
  ASSERT_FALSE(created);
  EXPECT_THAT(created.error().message, HasSubstr("/no/such/program"));
  EXPECT_THAT(created.error().message, HasSubstr("o such file"));
  EXPECT_EQ(runtime_.state(container, node_.never).error().code, Code::not_found);
  EXPECT_THAT(OciNode::processes_of(container), testing::IsEmpty());
  EXPECT_THAT(OciNode::cgroups_of(container), testing::IsEmpty());
  EXPECT_FALSE(std::filesystem::exists(node_.layout.bundle(container.name)));
  EXPECT_TRUE(std::filesystem::is_empty(node_.layout.pids()));
}

TEST_P(OciInsideTest, ExecThatCannotBeIsAnErrorNotACode) {
  const Container container = node_.container({"sleep", "1000"});
  node_.expect_created(container);
  EXPECT_EQ(execute(container, {{"true"}, {}, "", ""}).code.error().code, Code::conflict);
  ASSERT_TRUE(runtime_.start(container, node_.never));
  const Executed missing = execute(container, {{"/no/such"}, {}, "", ""});
  ASSERT_FALSE(missing.code);
  EXPECT_EQ(missing.code.error().code, Code::invalid);
  EXPECT_THAT(missing.code.error().message, HasSubstr("/no/such"));
  EXPECT_EQ(execute(container, {{"true"}, {}, "", "nobody"}).code.error().code, Code::invalid);
  EXPECT_EQ(execute(container, {{}, {}, "", ""}).code.error().code, Code::invalid);
  ASSERT_TRUE(runtime_.pause(container, node_.never));
  EXPECT_EQ(execute(container, {{"true"}, {}, "", ""}).code.error().code, Code::conflict);
  // Nothing of them stays in the bundle.
  for (const auto& entry :
       std::filesystem::directory_iterator(node_.layout.bundle(container.name))) {
    EXPECT_FALSE(entry.path().filename().native().starts_with("exec-")) << entry.path();
  }
}

TEST_P(OciInsideTest, ACancelledExecLeavesNoProcessInside) {
  Telling telling(node_.folder / "telling");
  Container container = node_.container({"sleep", "1000"});
  container.mounts.push_back(telling.mount());
  node_.expect_started(container);
  system::Stop stop;
  std::thread canceller([&] {
    EXPECT_EQ(telling.line(), "ready");
    stop.request();
  });
  // It ignores the polite signal.
  const auto code = runtime_.exec(
      container, {{"sh", "-c", "trap '' TERM; echo ready > /telling/told; sleep 997"}, {}, "", ""},
      [](std::string_view) {}, [](std::string_view) {}, stop);
  canceller.join();
  ASSERT_FALSE(code);
  EXPECT_EQ(code.error().code, Code::cancelled);
  const Executed left =
      execute(container, {{"sh", "-c", "grep -l '99[7]' /proc/[0-9]*/cmdline; true"}, {}, "", ""});
  EXPECT_EQ(left.code.value_or(1), 0);
  EXPECT_EQ(node_.state(container).status, Status::running);
  EXPECT_EQ(left.out, "");
}

}  // namespace
}  // namespace drover::runtimes
