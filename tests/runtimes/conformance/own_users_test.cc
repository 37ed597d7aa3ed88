// Containers with users of their own: root inside is nobody on the node, and what it is given
// belongs to it as far as it should.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "agent/system/user_namespace.h"
#include "conformance.h"
#include "oci_node.h"
#include "runtimes/bind_sources.h"
#include "runtimes/images/image_store.h"
#include "runtimes/lxc/lxc_config.h"
#include "runtimes/lxc/lxc_runtime.h"
#include "runtimes/network/network.h"
#include "runtimes/user_view.h"
#include "runtimes/volumes/volume.h"
#include "subject.h"

namespace drover::runtimes {
namespace {

using testing::HasSubstr;

constexpr std::uint32_t kFirst = 2147483648;

class ConformanceOwnUsers : public testing::TestWithParam<RuntimeKind> {
 protected:
  struct Given {
    std::uint32_t users = kFirst;
    Path volume{};  ///< a folder; "" for none
    Path bind{};
    bool read_only = false;  ///< the bind
  };

  void SetUp() override {
    // Root inside passes through there, as through /run.
    ASSERT_EQ(chmod(folder_.path().c_str(), 0711), 0);
    make_conformance_root(folder_ / "root");
    if (GetParam() == RuntimeKind::lxc) {
      runtime_ =
          std::make_unique<LxcRuntime>(layout_, LxcOptions{DROVER_LXC, 0, 0, {}, DROVER_EXEC});
    } else {
      OciOptions options;
      options.kind = GetParam();
      options.program = program_of(GetParam());
      options.exec_program = DROVER_EXEC;
      runtime_ = std::make_unique<OciRuntime>(layout_, options);
    }
  }
  void TearDown() override {
    for (const Container& container : made_) {
      expect(runtime_->remove(container, true, never_));
      expect(remove_view(layout_, container.name));
      expect(images_.unmount_root(container.name, never_));
      expect(unmount_bind(layout_.bind_mount(container.name, "0")));
      expect(unmount_volume(layout_.volume_mount(container.name, "data"), never_));
      expect(networks_.remove_namespace(container.name, never_));
      expect(remove_own_users(layout_, container.name));
    }
  }
  static void expect(const Result<>& result) { EXPECT_TRUE(result) << to_text(result.error()); }

  /// One that runs `script`, with all that the agent provisions; created and started.
  Container run(const std::string& script, const Given& given) {
    static int count = 0;
    ContainerSpec spec;
    spec.rootfs = folder_ / "root";
    spec.command = {"sh", "-c", script};
    spec.security.user_namespace = "auto";
    Container container{ContainerName::parse(fmt::format("users-{}-{}", getpid(), ++count)).value(),
                        JobId::parse("job-1").value(),
                        GetParam(),
                        std::move(spec),
                        {},
                        {},
                        {},
                        {},
                        {}};
    container.users = given.users;
    const ContainerName& name = container.name;
    expect(make_own_users(layout_, name, given.users));
    container.user_namespace = layout_.user_namespace(name, given.users);
    provision_storage(container, given);
    expect(networks_.make_namespace(name, never_, container.user_namespace));
    container.netns = Layout::netns(name);
    const system::UniqueFd lower(open((folder_ / "root").c_str(), O_PATH | O_CLOEXEC));
    const auto users = system::open_pinned_namespace(container.user_namespace);
    expect(images_.mount_root_for(name, folder_ / "root", lower, *users, given.users));
    expect(make_view(layout_, container));
    container.rootfs = seen_at(layout_, container, layout_.rootfs(name));
    made_.push_back(container);
    expect(runtime_->accepts(container.spec));
    expect(runtime_->create(container, never_));
    expect(runtime_->start(container, never_));
    return container;
  }

  void provision_storage(Container& container, const Given& given) {
    const ContainerName& name = container.name;
    if (!given.volume.empty()) {
      container.spec.volumes.push_back(VolumeSpec{"data", "/data", "local-folder"});
      const Path place = layout_.volume_mount(name, "data");
      expect(mount_volume({"data", "local-folder", given.volume, given.volume}, place, never_));
      container.mounts.push_back({seen_at(layout_, container, place), "/data", false});
    }
    if (!given.bind.empty()) {
      MountSpec mount;
      mount.source = given.bind;
      mount.target = "/bound";
      mount.read_only = given.read_only;
      container.spec.mounts.push_back(mount);
      const Path place = layout_.bind_mount(name, "0");
      const system::UniqueFd source(open(given.bind.c_str(), O_PATH | O_CLOEXEC));
      expect(mount_bind(source, place, given.read_only));
      container.mounts.push_back({seen_at(layout_, container, place), "/bound", given.read_only});
    }
  }

  /// What `script` prints, run inside; with its exit code where that is not 0.
  std::string inside(const Container& container, const std::string& script,
                     const std::string& user = "") {
    std::string out;
    const auto code = runtime_->exec(
        container, {{"sh", "-c", script}, {}, "", user},
        [&out](std::string_view text) { out += text; },
        [&out](std::string_view text) { out += text; }, never_);
    EXPECT_TRUE(code) << to_text(code.error());
    return code.value_or(0) == 0 ? out : fmt::format("{}exited with {}\n", out, *code);
  }
  /// What a program of a job prints to its streams by their names, having read a word of them.
  std::string by_job(const Container& container, const std::string& user,
                     const std::optional<TerminalSize>& terminal) {
    const JobId job = JobId::parse("exec-1").value();
    ExecSessions& sessions = *runtime_->exec_sessions();
    // crun's terminal becomes another user's while the program begins already.
    const std::string script =
        "n=0; until test -w /dev/stdout || test $n = 300; do busybox sleep 0.01; n=$((n+1)); done;"
        "read word < /dev/stdin; echo $word > /dev/stdout && echo err > /dev/stderr && exit 5";
    expect(sessions.begin(container, job, {{"sh", "-c", script}, {}, "", user, true, terminal},
                          never_));
    const auto input = runtime_->open_input(container, job);
    EXPECT_TRUE(input) << to_text(input.error());
    EXPECT_EQ(input ? (*input)->write("word\n").value_or(0) : 0, 5U);
    EXPECT_EQ(sessions.await(job, never_).value_or(-1), 5) << user;
    expect(sessions.forget(job));
    return text_of_log(system::read_file(layout_.job_log(job)).value_or(""));
  }
  std::string in_proc(const Container& container, const char* file) {
    const pid_t pid = runtime_->state(container, never_).value().pid;
    return system::read_file(fmt::format("/proc/{}/{}", pid, file)).value_or("");
  }
  static std::string owner_of(const Path& path) {
    struct stat facts {};
    return lstat(path.c_str(), &facts) == 0 ? fmt::format("{}:{}", facts.st_uid, facts.st_gid)
                                            : "missing";
  }
  static void write(const Path& path, uid_t owner, mode_t mode) {
    std::ofstream(path) << "the node's\n";
    EXPECT_EQ(chown(path.c_str(), owner, owner), 0);
    EXPECT_EQ(chmod(path.c_str(), mode), 0);
  }

  const fakes::TempFolder folder_;
  const Layout layout_{folder_ / "state", folder_ / "run"};
  Networks networks_{layout_, {}};
  ImageStore images_{layout_};
  std::unique_ptr<Runtime> runtime_;
  std::vector<Container> made_;
  const Stop never_;
};

TEST_P(ConformanceOwnUsers, RootInsideIsNobodyOnTheNodeAndHasTheSayInside) {
  const Container web = run("echo told > /dev/stdout; echo up; exec sleep 1000", {});
  const std::string range = fmt::format("{}", kFirst);
  EXPECT_THAT(in_proc(web, "status"), HasSubstr("Uid:\t" + range + "\t" + range));
  EXPECT_THAT(in_proc(web, "status"), HasSubstr("Gid:\t" + range));
  EXPECT_THAT(in_proc(web, "uid_map"), testing::MatchesRegex(" *0 *" + range + " *65536\n"));
  EXPECT_THAT(in_proc(web, "gid_map"), testing::MatchesRegex(" *0 *" + range + " *65536\n"));
  // What is run inside is one of them, too.
  EXPECT_EQ(inside(web, "id -u; id -g"), "0\n0\n");
  EXPECT_THAT(inside(web, "cat /proc/self/uid_map"), HasSubstr(range));
  EXPECT_EQ(inside(web, "id -u; id -g", "web"), "33\n34\n");
  // Its root is its own, and what it writes there is not its image's.
  EXPECT_EQ(inside(web, "busybox stat -c %u:%g / /bin/busybox /etc/passwd"), "0:0\n0:0\n0:0\n");
  EXPECT_EQ(inside(web, "echo more >> /etc/passwd; touch /made; mkdir /d; busybox chown 33 /d"),
            "");
  EXPECT_EQ(inside(web, "touch /d/made && busybox stat -c %u /d/made", "web"), "33\n");
  const Path upper = layout_.container(web.name) / "upper";
  EXPECT_EQ(owner_of(upper / "made"), range + ":" + range);
  EXPECT_EQ(owner_of(upper / "d"), fmt::format("{}:{}", kFirst + 33, kFirst));
  EXPECT_EQ(owner_of(folder_ / "root/etc/passwd"), "0:0");
  // So is its network: by that of the node's root it would show the node's interfaces, and open no
  // port of the system's.
  EXPECT_EQ(inside(web, "busybox ls /sys/class/net"), "lo\n");
  EXPECT_EQ(inside(web, "busybox httpd -p 80 -h /srv"), "");
  EXPECT_THAT(inside(web, "hostname other"), HasSubstr("exited"));
  EXPECT_THAT(inside(web, "echo 1 > /proc/sys/kernel/panic"), HasSubstr("exited"));
  EXPECT_EQ(text_of_log(system::read_file(layout_.log(web.name)).value_or("")), "told\nup\n");
}

TEST_P(ConformanceOwnUsers, WhatIsRunInsideOpensItsStreamsByTheirNames) {
  const Container web = run("exec sleep 1000", {});
  for (const std::string user : {"", "web"}) {
    const std::string both = inside(web, "echo out > /dev/stdout; echo err > /dev/stderr", user);
    EXPECT_THAT(both, testing::AllOf(HasSubstr("out\n"), HasSubstr("err\n"))) << user;
    EXPECT_THAT(by_job(web, user, {}), testing::AllOf(HasSubstr("word\n"), HasSubstr("err\n")));
    const std::string on_terminal = by_job(web, user, TerminalSize{});
    EXPECT_THAT(on_terminal, testing::AllOf(HasSubstr("word"), HasSubstr("err")));
  }
}

TEST_P(ConformanceOwnUsers, AVolumeBelongsToTheSameUsersInEachContainer) {
  std::filesystem::create_directories(folder_ / "volume");
  const Container web = run("exec sleep 1000", {kFirst, folder_ / "volume"});
  EXPECT_EQ(inside(web,
                   "echo text > /data/roots; busybox chmod 600 /data/roots; "
                   "touch /data/webs; busybox chown 33:34 /data/webs; "
                   "cat /bin/busybox > /data/tool; busybox chmod 4755 /data/tool"),
            "");
  const Container db = run("exec sleep 1000", {kFirst + kUsersOfOne, folder_ / "volume"});
  EXPECT_THAT(in_proc(db, "uid_map"), HasSubstr(fmt::format("{}", kFirst + kUsersOfOne)));
  EXPECT_EQ(inside(db, "busybox stat -c %u:%g /data/roots /data/webs; cat /data/roots"),
            "0:0\n33:34\ntext\n");
  EXPECT_EQ(inside(db, "echo more >> /data/webs && cat /data/webs", "web"), "more\n");
  EXPECT_EQ(owner_of(folder_ / "volume/webs"), "33:34");
  // A program with set-user-ID is root's on the disk, and makes nobody root: it is where no user of
  // the node gets at it, and does nothing where it is mounted.
  EXPECT_EQ(owner_of(folder_ / "volume/tool"), "0:0");
  EXPECT_THAT(inside(db, "grep ' /data ' /proc/mounts"), HasSubstr("nosuid,nodev"));
  EXPECT_EQ(owner_of(layout_.view(db.name)), fmt::format("0:{}", kFirst + kUsersOfOne));
  struct stat view {};
  ASSERT_EQ(stat(layout_.view(db.name).c_str(), &view), 0);
  EXPECT_EQ(view.st_mode & 07777U, 0710U);
}

TEST_P(ConformanceOwnUsers, RootInsideIsNotTheNodesInABind) {
  std::filesystem::create_directories(folder_ / "bound");
  write(folder_ / "bound/roots", 0, 0644);
  write(folder_ / "bound/secret", 0, 0600);
  write(folder_ / "bound/webs", 33, 0600);
  const Container web = run("exec sleep 1000", {kFirst, {}, folder_ / "bound"});
  EXPECT_EQ(inside(web, "busybox stat -c %u /bound/roots /bound/webs; cat /bound/roots"),
            "65534\n33\nthe node's\n");
  for (const char* script : {"echo x > /bound/roots", "cat /bound/secret", "touch /bound/made",
                             "busybox rm /bound/roots", "busybox chown 0 /bound/roots",
                             "busybox chmod 4755 /bound/roots", "busybox chown 0 /bound/webs"}) {
    EXPECT_THAT(inside(web, script), HasSubstr("exited with 1")) << script;
  }
  // Another user is itself, as without users of its own.
  EXPECT_EQ(inside(web, "echo more >> /bound/webs; cat /bound/webs", "web"), "the node's\nmore\n");
  EXPECT_EQ(owner_of(folder_ / "bound/webs"), "33:33");
}

TEST_P(ConformanceOwnUsers, AReadOnlyBindStaysSo) {
  std::filesystem::create_directories(folder_ / "bound");
  write(folder_ / "bound/webs", 33, 0666);
  const Container web = run("exec sleep 1000", {kFirst, {}, folder_ / "bound", true});
  EXPECT_EQ(inside(web, "cat /bound/webs"), "the node's\n");
  EXPECT_THAT(inside(web, "echo x > /bound/webs"), HasSubstr("ead-only file system"));
  EXPECT_THAT(inside(web, "busybox mount -o remount,rw /bound; echo x > /bound/webs"),
              HasSubstr("ead-only file system"));
}

TEST_P(ConformanceOwnUsers, DevicesOfTheNodeAreRefused) {
  ContainerSpec spec;
  spec.command = {"sh"};
  spec.rootfs = folder_ / "root";
  spec.security.user_namespace = "auto";
  spec.devices.push_back({"/dev/null", "/dev/null"});
  const auto accepted = runtime_->accepts(spec);
  ASSERT_FALSE(accepted);
  EXPECT_EQ(accepted.error().code, Code::refused);
  EXPECT_THAT(accepted.error().message, HasSubstr("devices"));
}

INSTANTIATE_TEST_SUITE_P(Runtimes, ConformanceOwnUsers,
                         testing::Values(RuntimeKind::runc, RuntimeKind::crun, RuntimeKind::lxc),
                         name_of_runtime);

}  // namespace
}  // namespace drover::runtimes
