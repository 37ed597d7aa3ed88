#include "runtimes/oci/cgroup.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "agent/system/child.h"
#include "agent/system/file.h"

namespace drover::runtimes {
namespace {

using system::Path;

TEST(Cgroup, IsNamedAsItsManagerMakesIt) {
  const ContainerName web = ContainerName::parse("web-1").value();
  EXPECT_EQ(cgroup_of(web, false), "/drover/web-1");
  EXPECT_EQ(cgroup_path_of(web, false), "/drover/web-1");
  EXPECT_EQ(cgroup_of(web, true), "drover.slice:drover:web-1");
  EXPECT_EQ(cgroup_path_of(web, true), "/drover.slice/drover-web-1.scope");
}

// As systemd would make it, which is not there in tests.
TEST(Cgroup, ALackOfMemoryIsFoundAlsoInAScopeOfSystemd) {
  const bool v1 = std::filesystem::exists("/sys/fs/cgroup/memory");
  const Path root = v1 ? "/sys/fs/cgroup/memory" : "/sys/fs/cgroup";
  const ContainerName name = ContainerName::parse("cgroup-" + std::to_string(getpid())).value();
  const std::string group = cgroup_path_of(name, true);
  const Path folder = root.native() + group;
  std::filesystem::create_directories(folder);
  const Path limit = folder / (v1 ? "memory.limit_in_bytes" : "memory.max");
  if (!std::filesystem::exists(limit)) {
    ASSERT_TRUE(remove_cgroup(group, system::Stop()));
    GTEST_SKIP() << "this machine's control groups do not limit memory";
  }
  std::ofstream(limit) << (16 << 20);
  std::ofstream(folder / (v1 ? "memory.swappiness" : "memory.swap.max")) << 0;
  EXPECT_FALSE(had_lack_of_memory(group));
  // An init of a container puts all its programs into groups below.
  const Path inner = v1 ? folder / "init" / "system.slice" : folder;
  std::filesystem::create_directories(inner);
  const auto ran = system::run({"sh", "-c",
                                "echo $$ >" + (inner / "cgroup.procs").native() +
                                    "; exec dd if=/dev/zero of=/dev/null bs=200M count=1"},
                               system::Stop());
  ASSERT_TRUE(ran) << to_text(ran.error());
  EXPECT_EQ(ran->ending.signal, SIGKILL);
  EXPECT_TRUE(had_lack_of_memory(group));
  EXPECT_FALSE(had_lack_of_memory(cgroup_path_of(name, false)));
  if (v1) {
    ASSERT_EQ(rmdir(inner.c_str()), 0);
    ASSERT_EQ(rmdir(inner.parent_path().c_str()), 0);
  }
  ASSERT_TRUE(remove_cgroup(group, system::Stop()));
  EXPECT_FALSE(std::filesystem::exists(folder));
  // Others may be making theirs in it.
  std::error_code in_use;
  std::filesystem::remove(folder.parent_path(), in_use);
}

}  // namespace
}  // namespace drover::runtimes
