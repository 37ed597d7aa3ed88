// Guests of a simulated Proxmox, whose LXC is this machine's.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>

#include "fakes/sim_node.h"
#include "runtimes/guest/guest_runtime.h"
#include "subject.h"

namespace drover::runtimes {
namespace {

constexpr const char* kTemplate = "conformance.tar";

void run_program(const std::vector<std::string>& argv) {
  const auto ran = system::run_ok(argv, system::Stop());
  EXPECT_TRUE(ran) << to_text(ran.error());
}

class GuestSubject final : public Subject {
 public:
  GuestSubject() {
    const fakes::TempFolder folder;
    make_conformance_root(folder / "root");
    // Only a guest of an OCI archive can be given a program.
    const std::string layout = folder / "layout";
    run_program({"umoci", "init", "--layout", layout});
    run_program({"umoci", "new", "--image", layout + ":v1"});
    run_program({"umoci", "insert", "--image", layout + ":v1", folder / "root", "/"});
    const auto templates = node_.folder() / "local/template/cache";
    std::filesystem::create_directories(templates);
    run_program(
        {"tar", "-cf", templates / kTemplate, "-C", layout, "oci-layout", "index.json", "blobs"});
  }
  Runtime& runtime() override { return runtime_; }
  std::unique_ptr<Runtime> next_agents() override {
    return std::make_unique<GuestRuntime>(*client_, clock_, options());
  }
  const Layout& layout() const override { return layout_; }

  Container container(const std::vector<std::string>& command) override {
    ContainerSpec spec;
    spec.image = fmt::format("local:vztmpl/{}", kTemplate);
    spec.command = command;
    return {ContainerName::parse(fmt::format("guest-{}-{}", getpid(), ++count_)).value(),
            JobId::parse(fmt::format("job-{}", count_)).value(),
            RuntimeKind::pve_lxc,
            std::move(spec),
            {},
            {},
            {},
            {},
            {}};
  }
  void clear(const Container& /*container*/) override {}
  std::string log(const Container& container) override {
    constexpr std::size_t kMost = std::size_t{64} << 20;
    const Path log = layout_.log(container.name);
    return system::read_file(log.native() + ".1", kMost).value_or("") +
           system::read_file(log, kMost).value_or("");
  }
  std::string printed(const Container& container) override {
    std::string text = log(container);
    // As its terminal has them.
    std::erase(text, '\r');
    return text;
  }
  std::vector<std::string> left_of(const Container& /*container*/) override {
    // Which number it had nobody knows any more, but whose the others are.
    const auto others = runtime_.inventory(system::Stop());
    EXPECT_TRUE(others) << to_text(others.error());
    std::vector<std::string> groups;
    for (std::uint32_t vmid = first_; others && vmid < first_ + kNumbers; ++vmid) {
      if (std::none_of(others->begin(), others->end(),
                       [vmid](const Found& found) { return found.vmid == Vmid{vmid}; })) {
        groups.push_back(fmt::format("lxc.payload.{}", vmid));
      }
    }
    return processes_in_groups(groups);
  }

 private:
  GuestOptions options() const {
    GuestOptions options{
        "fast", 16, Vmid{first_}, Vmid{first_ + kNumbers - 1}, node_.folder() / "lxc", "", "fast"};
    options.output.units = node_.folder() / "units";
    options.output.configs = node_.folder() / "configs";
    options.output.layout = layout_;
    options.output.file_bytes = std::uint64_t{16} << 20;
    options.exec_program = DROVER_EXEC;
    return options;
  }
  static Layout layout_in(const Path& folder) {
    Layout layout;
    layout.state = folder / "state";
    return layout;
  }

  static constexpr std::uint32_t kNumbers = 8;
  // LXC's cgroups are named by it for the whole host.
  const std::uint32_t first_ =
      800'000'000 + static_cast<std::uint32_t>(getpid()) % 1'000'000 * kNumbers;
  fakes::SimNode node_{std::vector<std::string>{"--storage", "fast:btrfs"}};
  const Layout layout_ = layout_in(node_.folder());
  std::unique_ptr<proxmox::Client> client_ = node_.client();
  system::SystemClock clock_;
  GuestRuntime runtime_{*client_, clock_, options()};
  int count_ = 0;
};

}  // namespace

std::unique_ptr<Subject> make_guest_subject() {
  return std::make_unique<GuestSubject>();
}

}  // namespace drover::runtimes
