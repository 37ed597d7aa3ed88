#include "agent/jobs/reconcile/leaks.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sched.h>
#include <sys/mount.h>

#include "agent/jobs/queries/queries.h"
#include "leaks_fixture.h"
#include "runtimes/volumes/mount_table.h"

namespace drover::jobs {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// Also network interfaces of the program's own.
class PrivateNetwork : public testing::Environment {
 public:
  void SetUp() override { ASSERT_EQ(unshare(CLONE_NEWNET), 0); }
};
const auto* const kOwn = testing::AddGlobalTestEnvironment(new PrivateNetwork);

class LeaksTest : public LeaksFixture {
 protected:
  void TearDown() override {
    const std::string text = system::read_file("/proc/self/mountinfo").value();
    for (const runtimes::MountPoint& point : runtimes::parse_mount_table(text)) {
      if (point.target.native().starts_with(layout_.state.native())) {
        umount2(point.target.c_str(), MNT_DETACH);
      }
    }
    LeaksFixture::TearDown();
  }
  void mount_at(const system::Path& target) {
    std::filesystem::create_directories(target);
    ASSERT_EQ(mount("tmpfs", target.c_str(), "tmpfs", 0, nullptr), 0);
  }
  void add_interface(const std::string& name, const std::string& alias) {
    sh({"ip", "link", "add", name, "type", "veth", "peer", "name", name + "p"});
    if (!alias.empty()) {
      sh({"ip", "link", "set", "dev", name, "alias", alias});
    }
  }
  static bool has_interface(const std::string& name) {
    const system::Stop never;
    return system::run_ok({"ip", "link", "show", "dev", name}, never).has_value();
  }
  std::vector<LeakRow> rows() { return journal_->leaks().value(); }
  JobRow order(const std::string& id, std::vector<std::string> names = {}) {
    json::Object options;
    if (!names.empty()) {
      options.set("leaks", json::Array(names.begin(), names.end()));
    }
    return run(job(id, "node.collect", "pve1", std::move(options)));
  }
};

/// Each kind made by hand as a container "ghost" would have left it.
class EveryKindTest : public LeaksTest {
 protected:
  struct Kind {
    std::string kind;
    std::function<void()> make;
    std::function<bool()> is_there;
  };
  Kind file(const std::string& kind, const system::Path& path, const std::string& text) {
    return {kind, [=] { write_file(path, text); }, [=] { return std::filesystem::exists(path); }};
  }
  Kind folder(const std::string& kind, const system::Path& path) {
    return {kind, [=] { write_file(path / "inside", "x"); },
            [=] { return std::filesystem::exists(path); }};
  }
  const std::string kDigest = "sha256:" + std::string(64, 'a');

  std::vector<Kind> kinds() {
    const system::Path mounted = layout_.containers() / "ghost/volumes/data";
    return {
        {"container", [this] { runtime_.add("ghost", "j-ghost"); },
         [this] { return runtime_.has("ghost"); }},
        {"mount", [this, mounted] { mount_at(mounted); },
         [mounted] { return runtimes::is_mounted(mounted).value(); }},
        {"interface", [this] { add_interface("dvghost", "drover:ghost:j-ghost"); },
         [] { return has_interface("dvghost"); }},
        {"netns",
         [] {
           sh({"ip", "netns", "add", "drover-ghost"});
         },
         [] { return std::filesystem::exists("/run/netns/drover-ghost"); }},
        file("address", layout_.cni() / "drover-vmbr0/10.9.0.5", "ghost\r\neth0"),
        folder("volume", layout_.local_volumes() / "ghost.data.j-ghost"),
        file("volume", layout_.local_volumes() / "image_ghost.data.j-ghost", "x"),
        folder("folder", layout_.containers() / "ghost"),
        folder("folder", layout_.lxc() / "ghost"),
        file("exit", layout_.exits() / "ghost", "7"),
        file("pid", layout_.pids() / "ghost.monitor", "4711"),
        folder("image", layout_.images() / ".sha256-0011"),
        {"root", [this] { write_file(layout_.image_root(kDigest) / "inside", "x"); },
         [this] { return std::filesystem::exists(layout_.image(kDigest)); }},
        folder("log", layout_.job_logs() / "j-ghost"),
    };
  }
};

TEST_F(EveryKindTest, IsToldAndTakenAwayAfterTheGrace) {
  for (const Kind& kind : kinds()) {
    SCOPED_TRACE(kind.kind);
    kind.make();
    published_.clear();
    look();
    ASSERT_FALSE(published_.empty());
    const Event leaked =
        *std::find_if(published_.begin(), published_.end(), [&kind](const Event& event) {
          return event.kind == "resource" &&
                 json::Value(event.data).at("kind").string_or("") == kind.kind;
        });
    EXPECT_EQ(leaked.what, "leaked");
    EXPECT_EQ(json::Value(leaked.data).at("collect_at").integer_or(0),
              clock_.unix_ms() + config_.reconcile.grace_s * 1000);
    clock_.advance(std::chrono::seconds(config_.reconcile.grace_s - 1));
    look();
    EXPECT_TRUE(kind.is_there());
    clock_.advance(std::chrono::seconds(1));
    look();
    EXPECT_FALSE(kind.is_there());
    EXPECT_EQ(published_.back().what, "collected");
    EXPECT_THAT(rows(), IsEmpty());
  }
}

TEST_F(EveryKindTest, AllOfOneContainerAreTakenAwayInOrder) {
  for (const Kind& kind : kinds()) {
    kind.make();
  }
  mount_at(layout_.containers() / "ghost/volumes/data/below");
  look();
  published_.clear();
  pass_grace();
  look();
  std::vector<std::string> order;
  for (const std::string& line : told_of_leaks()) {
    EXPECT_THAT(line, testing::StartsWith("collected "));
    order.push_back(line.substr(10, line.find(' ', 10) - 10));
  }
  EXPECT_THAT(order,
              ElementsAre("container", "mount", "mount", "interface", "netns", "address", "volume",
                          "volume", "folder", "folder", "exit", "pid", "image", "root", "log"));
  for (const Kind& kind : kinds()) {
    EXPECT_FALSE(kind.is_there()) << kind.kind;
  }
}

TEST_F(LeaksTest, WhatIsNotOursIsNeverTouched) {
  runtime_.add_stranger("theirs");
  sh({"ip", "netns", "add", "drover-theirs"});
  write_file(layout_.exits() / "theirs", "0");
  sh({"ip", "netns", "add", "vpn"});
  add_interface("veth7", "");
  add_interface("veth8", "somebody's: a:b");
  write_file(layout_.local_volumes() / "README/text", "x");
  write_file(layout_.local_volumes() / "web.data/text", "x");
  write_file(layout_.containers() / "lost+found/text", "x");
  write_file(layout_.images() / "sha256-11/rootfs/text", "x");
  write_file(layout_.cni() / "drover-vmbr0/last_reserved_ip.0", "10.9.0.5");
  write_file(layout_.cni() / "drover-vmbr0/10.9.0.6", "0123456789012\r\neth0");
  mount_at(folder_.path() / "elsewhere");
  look();
  pass_grace();
  look();
  EXPECT_THAT(told_of_leaks(), IsEmpty());
  EXPECT_TRUE(runtime_.has("theirs"));
  for (const char* name : {"drover-theirs", "vpn"}) {
    EXPECT_TRUE(std::filesystem::exists(system::Path("/run/netns") / name));
    sh({"ip", "netns", "delete", name});
  }
  EXPECT_TRUE(has_interface("veth7") && has_interface("veth8"));
  EXPECT_TRUE(runtimes::is_mounted(folder_.path() / "elsewhere").value());
  umount2((folder_.path() / "elsewhere").c_str(), MNT_DETACH);
}

TEST_F(LeaksTest, WhatWasThereBeforeTheJournalIsTakenAwayByOrderOnly) {
  end_reconciler();
  end_agent();
  for (const char* file : {"journal.db", "journal.db-wal", "journal.db-shm"}) {
    std::filesystem::remove(layout_.state / file);
  }
  start_agent();
  start_reconciler();
  const system::Path volume = layout_.local_volumes() / "db.data.j7";
  write_file(volume / "precious", "x");
  look();
  EXPECT_THAT(told_of_leaks(), ElementsAre("leaked volume " + volume.native()));
  EXPECT_THAT(std::string(data_of_last().at("message").string_or("")), HasSubstr("before"));
  EXPECT_TRUE(data_of_last().at("collect_at").is_null());
  pass_grace();
  look();
  EXPECT_EQ(order("c1").result, R"({"collecting":[]})");
  look();
  EXPECT_TRUE(std::filesystem::exists(volume / "precious"));
  EXPECT_EQ(order("c2", {volume.native()}).state, JobState::succeeded);
  look();
  EXPECT_FALSE(std::filesystem::exists(volume));
  EXPECT_EQ(told_of_leaks().back(), "collected volume " + volume.native());
}

TEST_F(LeaksTest, ByOrderTheGraceIsNotWaitedFor) {
  write_file(layout_.exits() / "ghost", "0");
  look();
  bool woken = false;
  intake_->at_collect([&woken] { woken = true; });
  const JobRow ordered = order("c1");
  EXPECT_THAT(ordered.result, HasSubstr("exits/ghost"));
  EXPECT_TRUE(woken);
  look();
  EXPECT_FALSE(std::filesystem::exists(layout_.exits() / "ghost"));
  EXPECT_EQ(order("c2", {"nothing"}).state, JobState::failed);
}

TEST_F(LeaksTest, WithCollectOffTheyAreToldOnly) {
  config_.reconcile.collect = false;
  write_file(layout_.exits() / "ghost", "0");
  look();
  pass_grace();
  look();
  EXPECT_EQ(told_of_leaks().size(), 1U);
  EXPECT_TRUE(std::filesystem::exists(layout_.exits() / "ghost"));
  order("c1", {(layout_.exits() / "ghost").native()});
  look();
  EXPECT_FALSE(std::filesystem::exists(layout_.exits() / "ghost"));
}

TEST_F(LeaksTest, OneThatIsGoneOrKnownAgainIsStruckOffQuietly) {
  write_file(layout_.exits() / "ghost", "0");
  write_file(layout_.exits() / "web-1", "0");
  look();
  ASSERT_EQ(rows().size(), 2U);
  published_.clear();
  std::filesystem::remove(layout_.exits() / "ghost");
  run(run_job("j1", "web-1"));
  pass_grace();
  look();
  EXPECT_THAT(rows(), IsEmpty());
  EXPECT_THAT(told_of_leaks(), IsEmpty());
}

TEST_F(LeaksTest, AnEarlierContainersVolumeIsLeakedThoughItsNameIsInUse) {
  run(run_job("j1", "web-1"));
  write_file(layout_.local_volumes() / "web-1.data.j0/inside", "x");
  look();
  pass_grace();
  look();
  EXPECT_EQ(told_of_leaks().size(), 2U);
  EXPECT_TRUE(std::filesystem::is_empty(layout_.local_volumes()));
  EXPECT_TRUE(runtime_.has("web-1"));
}

TEST_F(LeaksTest, VolumesThatOutliveContainersAreKnownAndWhatIsLeftOfOneIsNot) {
  for (const char* storage : {"local-folder", "local-image"}) {
    const std::string name = fmt::format("v-{}", storage);
    run(job("c-" + name, "volume.create", name,
            std::string(storage) == "local-folder"
                ? json::Object{{"storage", storage}}
                : json::Object{{"storage", storage}, {"size_mib", std::int64_t{16}}}));
    ASSERT_TRUE(journal_->volume(name).value());
  }
  run(job("s1", "volume.snapshot", "v-local-folder", {{"snapshot", "copy"}}));
  const system::Path left = layout_.local_volumes() / "image_standing.old.j0";
  write_file(left, "x");
  look();
  pass_grace();
  look();
  EXPECT_THAT(told_of_leaks(),
              ElementsAre("leaked volume " + left.native(), "collected volume " + left.native()));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(layout_.local_volumes()), {}), 3);
}

TEST_F(LeaksTest, AnUnpackedImageIsKnownByItsNameOrItsContainer) {
  const auto digest = [](char digit) { return "sha256:" + std::string(64, digit); };
  for (const char digit : {'a', 'b', 'c'}) {
    write_file(layout_.image_root(digest(digit)) / "inside", "x");
  }
  ASSERT_TRUE(journal_->put_image({"oci:/web:1", digest('a'), 1, clock_.unix_ms(), "j0"}));
  root_ = layout_.image_root(digest('b'));
  run(run_job("j1", "web-1"));
  look();
  pass_grace();
  look();
  EXPECT_THAT(told_of_leaks(),
              ElementsAre("leaked root " + digest('c'), "collected root " + digest('c')));
  EXPECT_TRUE(std::filesystem::exists(layout_.image_root(digest('a')) / "inside"));
  EXPECT_TRUE(std::filesystem::exists(layout_.image_root(digest('b')) / "inside"));
  EXPECT_FALSE(std::filesystem::exists(layout_.image(digest('c'))));
  run(job("j2", "container.delete", "web-1", {{"force", true}}));
  clock_.advance(std::chrono::seconds(1));
  look();
  EXPECT_EQ(told_of_leaks().back(), "leaked root " + digest('b'));
}

TEST_F(LeaksTest, AnImageThatAJobTakesUpMeanwhileStays) {
  const std::string digest = "sha256:" + std::string(64, 'a');
  write_file(layout_.image_root(digest) / "inside", "x");
  const std::vector<Part> parts = inventory_parts(*node_);
  const Thing root{"root", "", digest, "", ""};
  const Part* part = part_of(parts, root);
  ASSERT_NE(part, nullptr);
  EXPECT_EQ(part->list(system::Stop()).value().things, std::vector<Thing>{root});
  ASSERT_TRUE(part->remove(
      root, [] { return Result<bool>(false); }, system::Stop()));
  EXPECT_TRUE(std::filesystem::exists(layout_.image_root(digest) / "inside"));
}

TEST_F(LeaksTest, ContainersInAnyStatusAreKnownWithAllThatIsTheirs) {
  run(run_job("j1", "web-1"));
  run(run_job("j2", "web-2"));
  run(job("j3", "container.stop", "web-2"));
  ContainerRow row = *journal_->container("web-1").value();
  row.status = Status::unknown;
  ASSERT_TRUE(journal_->put_container(row));
  write_file(layout_.local_volumes() / "web-2.data.j2/inside", "x");
  look();
  pass_grace();
  look();
  EXPECT_THAT(told_of_leaks(), IsEmpty());
  EXPECT_TRUE(runtime_.has("web-1"));
}

TEST_F(LeaksTest, WhatCannotBeTakenAwayIsToldWithWhyAndTriedAgainLater) {
  const system::Path target = layout_.containers() / "ghost/rootfs";
  mount_at(target);
  look();
  pass_grace();
  system::UniqueFd busy(open(target.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  published_.clear();
  look();
  EXPECT_THAT(told_of_leaks(), ElementsAre("kept mount " + target.native()));
  EXPECT_THAT(std::string(data_of_last().at("message").string_or("")), HasSubstr("busy"));
  const std::int64_t again = data_of_last().at("collect_at").integer_or(0);
  EXPECT_EQ(again, clock_.unix_ms() + 60'000);
  // The folder it lies in stays with it, and nobody tries sooner.
  look();
  EXPECT_EQ(told_of_leaks().size(), 1U);
  EXPECT_TRUE(std::filesystem::exists(layout_.containers() / "ghost"));
  clock_.advance(std::chrono::minutes(1));
  look();
  EXPECT_EQ(data_of_last().at("collect_at").integer_or(0), clock_.unix_ms() + 120'000);
  busy.reset();
  clock_.advance(std::chrono::minutes(2));
  look();
  EXPECT_FALSE(std::filesystem::exists(layout_.containers() / "ghost"));
}

TEST_F(LeaksTest, AContainerThatCannotBeRemovedKeepsWhatItStandsOn) {
  runtime_.add("ghost", "j-ghost");
  const system::Path target = layout_.containers() / "ghost/rootfs";
  mount_at(target);
  look();
  pass_grace();
  runtime_.fail_next("remove", Error{Code::unavailable, "it does not end", {}});
  look();
  EXPECT_EQ(told_of_leaks().back(), "kept container ghost");
  EXPECT_TRUE(runtimes::is_mounted(target).value());
  clock_.advance(std::chrono::hours(1));
  look();
  EXPECT_FALSE(runtime_.has("ghost"));
  EXPECT_FALSE(runtimes::is_mounted(target).value());
}

TEST_F(LeaksTest, APartThatCannotBeListedChangesNothing) {
  runtime_.add("ghost", "j-ghost");
  look();
  pass_grace();
  published_.clear();
  runtime_.fail_next("inventory", Error{Code::unavailable, "down", {}});
  look();
  EXPECT_THAT(told_of_leaks(), IsEmpty());
  EXPECT_EQ(rows().size(), 1U);
  EXPECT_TRUE(runtime_.has("ghost"));
  look();
  EXPECT_THAT(told_of_leaks(), ElementsAre("collected container ghost"));
}

TEST_F(LeaksTest, TheyAreAskedFor) {
  write_file(layout_.exits() / "ghost", "0");
  look();
  const json::Value answer = Queries(*journal_, *supervisor_, *node_, *disk_)
                                 .answer("query.leaks", json::Object())
                                 .value();
  EXPECT_TRUE(answer.at("whole").boolean_or(false));
  ASSERT_EQ(answer.at("leaks").array()->size(), 1U);
  const json::Value& leak = answer.at("leaks").array()->front();
  EXPECT_EQ(leak.at("kind").string_or(""), "exit");
  EXPECT_EQ(leak.at("container").string_or(""), "ghost");
  EXPECT_EQ(leak.at("collect_at").integer_or(0) - leak.at("seen_at").integer_or(0), 600'000);
}

TEST_F(LeaksTest, TheyOutliveTheAgent) {
  write_file(layout_.exits() / "ghost", "0");
  look();
  pass_grace();
  restart_all();
  look();
  EXPECT_THAT(told_of_leaks(),
              ElementsAre("leaked exit " + (layout_.exits() / "ghost").native(),
                          "collected exit " + (layout_.exits() / "ghost").native()));
}

}  // namespace
}  // namespace drover::jobs
