// Containers of LXC, each below drover-lxc.
#include <gtest/gtest.h>
#include <unistd.h>

#include "fakes/temp_folder.h"
#include "runtimes/images/image_store.h"
#include "runtimes/lxc/lxc_config.h"
#include "runtimes/lxc/lxc_runtime.h"
#include "runtimes/network/network.h"
#include "subject.h"

namespace drover::runtimes {
namespace {

Layout layout_in(const fakes::TempFolder& folder) {
  Layout layout;
  layout.state = folder / "state";
  layout.run = folder / "run";
  return layout;
}

class LxcSubject final : public Subject {
 public:
  LxcSubject() { make_conformance_root(folder_ / "root"); }
  Runtime& runtime() override { return runtime_; }
  std::unique_ptr<Runtime> next_agents() override {
    return std::make_unique<LxcRuntime>(layout_, options());
  }
  const Layout& layout() const override { return layout_; }

  Container container(const std::vector<std::string>& command) override {
    ContainerSpec spec;
    spec.rootfs = folder_ / "root";
    spec.command = command;
    Container made{ContainerName::parse(fmt::format("lxc-{}-{}", getpid(), ++count_)).value(),
                   JobId::parse("job-1").value(),
                   RuntimeKind::lxc,
                   std::move(spec),
                   {},
                   {},
                   {},
                   {},
                   {}};
    EXPECT_TRUE(networks_.make_namespace(made.name, never_));
    EXPECT_TRUE(images_.mount_root(made.name, folder_ / "root"));
    made.rootfs = layout_.rootfs(made.name);
    made.netns = Layout::netns(made.name);
    return made;
  }
  void clear(const Container& container) override {
    EXPECT_TRUE(images_.unmount_root(container.name, never_));
    EXPECT_TRUE(networks_.remove_namespace(container.name, never_));
  }
  std::string log(const Container& container) override {
    constexpr std::size_t kMost = std::size_t{64} << 20;
    const Path log = layout_.log(container.name);
    return system::read_file(log.native() + ".1", kMost).value_or("") +
           system::read_file(log, kMost).value_or("");
  }
  std::vector<std::string> left_of(const Container& container) override {
    const std::string group = lxc_cgroup(container.name);
    return processes_in_groups({group, group + ".monitor"});
  }

 private:
  static LxcOptions options() { return {DROVER_LXC, 0, 0, {}, DROVER_EXEC}; }

  const fakes::TempFolder folder_;
  const Layout layout_ = layout_in(folder_);
  Networks networks_{layout_, {}};
  ImageStore images_{layout_};
  LxcRuntime runtime_{layout_, options()};
  int count_ = 0;
  const Stop never_;
};

}  // namespace

std::unique_ptr<Subject> make_lxc_subject() {
  return std::make_unique<LxcSubject>();
}

}  // namespace drover::runtimes
