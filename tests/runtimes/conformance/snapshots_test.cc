// Snapshots of a root that a program of its own has changed. Those of guests are Proxmox's
// (guest/guest_snapshots_test).
#include <fstream>
#include <map>
#include <memory>

#include "conformance.h"
#include "runtimes/images/image_store.h"

namespace drover::runtimes {
namespace {

class ConformanceSnapshots : public Conformance {
 protected:
  void SetUp() override {
    if (is_guest()) {
      GTEST_SKIP() << "Proxmox's own";
    }
    Conformance::SetUp();
  }
  void TearDown() override {
    if (!is_guest()) {
      Conformance::TearDown();
      EXPECT_TRUE(images().unmount_root(made_.front().name, never_));
    }
  }
  ImageStore& images() {
    static std::map<RuntimeKind, std::unique_ptr<ImageStore>> all;
    std::unique_ptr<ImageStore>& store = all[kind()];
    if (store == nullptr) {
      store = std::make_unique<ImageStore>(subject_->layout());
    }
    return *store;
  }
  void mount(const Container& container) {
    ASSERT_TRUE(images().mount_root(container.name, container.spec.rootfs));
  }
  Path root(const Container& container) const { return subject_->layout().rootfs(container.name); }
  std::string text_in(const Container& container, const char* file) const {
    return system::read_file(root(container) / file).value_or("(none)");
  }
};

ON_EVERY_RUNTIME(ConformanceSnapshots);

TEST_P(ConformanceSnapshots, ARollbackEndsTheProgramAndTheNextOneFindsTheRootAsItWas) {
  Container made = shell(
      "cat /state || echo none; echo one >/state; until test -e /go; do sleep 0.01; done;"
      "echo two >/state; echo written; sleep 1000");
  made.rootfs = root(made);
  mount(made);
  run(made);
  ASSERT_TRUE(comes_about([&] { return text_in(made, "state") == "one\n"; }));
  Snapshots& snapshots = *runtime_->snapshots();
  EXPECT_EQ(runtime_->capabilities().no_snapshots, "");
  const auto taken = snapshots.take_snapshot(made, "first", JobId::parse("job-2").value(), never_);
  ASSERT_TRUE(taken) << to_text(taken.error());
  EXPECT_EQ(state(made).status, Status::running);
  std::ofstream(root(made) / "go") << "";
  await_printed(made, "written");

  const auto ended = snapshots.roll_back(made, "first", never_);
  ASSERT_TRUE(ended) << to_text(ended.error());
  EXPECT_EQ((*ended)->code, 128 + SIGKILL);
  EXPECT_EQ(state(made).status, Status::stopped);
  mount(made);
  EXPECT_EQ(text_in(made, "go"), "(none)");
  EXPECT_EQ(text_in(made, "state"), "one\n");
  run_again(made);
  await_printed(made, "one");
  // Of one that has ended, by the next agent.
  ASSERT_TRUE(runtime_->stop(made, SIGKILL, std::chrono::milliseconds(0), never_));
  const std::unique_ptr<Runtime> next = subject_->next_agents();
  const auto again = next->snapshots()->roll_back(made, "first", never_);
  ASSERT_TRUE(again) << to_text(again.error());
  EXPECT_FALSE(*again) << "nothing ran";
  // Of one that is made again and was not started, with its root as it was then.
  mount(made);
  ASSERT_TRUE(next->remove(made, false, never_));
  ASSERT_TRUE(next->create(made, never_));
  std::ofstream(root(made) / "go") << "";
  const auto unmade = next->snapshots()->roll_back(made, "first", never_);
  ASSERT_TRUE(unmade) << to_text(unmade.error());
  mount(made);
  EXPECT_EQ(text_in(made, "go"), "(none)");
  ASSERT_TRUE(next->snapshots()->remove_snapshot(made, "first", never_));
  EXPECT_TRUE(next->snapshots()->list_snapshots(made, never_).value().empty());
}

}  // namespace
}  // namespace drover::runtimes
