// How conmon is told to go on in another log. The test stands in for conmon at its FIFO.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>

#include "fakes/temp_folder.h"
#include "runtimes/log_parts.h"
#include "runtimes/oci/oci_runtime.h"

namespace drover::runtimes {
namespace {

class OciLogTest : public testing::Test {
 protected:
  void SetUp() override {
    options_.log = {10, 3};
    const Path bundle = layout_.bundle(container_.name);
    std::filesystem::create_directories(bundle);
    std::filesystem::create_directories(log_.parent_path());
    ASSERT_EQ(mkfifo((bundle / "ctl").c_str(), 0600), 0);
    monitor_ =
        system::UniqueFd(::open((bundle / "ctl").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    ASSERT_TRUE(monitor_.valid());
  }
  static Layout layout_in(const Path& folder) {
    Layout layout;
    layout.state = folder / "state";
    layout.run = folder / "run";
    return layout;
  }
  void look() {
    const auto turned = OciRuntime(layout_, options_).turn_log(container_);
    EXPECT_TRUE(turned) << to_text(turned.error());
  }
  /// What conmon takes of what it was told.
  std::string taken() const {
    std::array<char, 200> buffer{};
    const ssize_t size = ::read(monitor_.get(), buffer.data(), buffer.size());
    return {buffer.data(), size > 0 ? static_cast<std::size_t>(size) : 0};
  }
  static void print(const Path& into) {
    std::ofstream(into, std::ios::app) << "0 stdout F more than ten bytes\n";
  }

  fakes::TempFolder folder_;
  const Layout layout_ = layout_in(folder_.path());
  OciOptions options_;
  Container container_{ContainerName::parse("web-1").value(),
                       JobId::parse("job-1").value(),
                       RuntimeKind::runc,
                       {},
                       {},
                       {},
                       {},
                       {},
                       std::nullopt};
  const Path log_ = layout_.log(container_.name);
  const Path aside_ = older_part(log_);
  system::UniqueFd monitor_;
};

TEST_F(OciLogTest, AMonitorThatTakesLongForTheNextPartIsToldOnce) {
  print(log_);
  look();
  EXPECT_FALSE(part_exists(log_));
  look();
  print(aside_);  // before it has come to the message
  look();
  EXPECT_EQ(taken(), "2 0 0\n");
  // Its disk takes the part, and it writes nothing.
  for (int second = 0; second < 3; ++second) {
    look();
    EXPECT_EQ(taken(), "") << "what it had printed into the next part would be lost";
  }
  print(log_);
  look();
  EXPECT_EQ(taken(), "2 0 0\n") << "the next part is full";
}

TEST_F(OciLogTest, AMonitorThatNobodyHasToldIsToldOnceItPrints) {
  print(aside_);  // an agent has set it aside and ended
  look();
  look();
  EXPECT_EQ(taken(), "");
  print(aside_);
  look();
  print(aside_);
  look();
  EXPECT_EQ(taken(), "2 0 0\n");
  look();
  look();
  EXPECT_EQ(taken(), "");
}

TEST_F(OciLogTest, OfAMonitorThatHasEndedNothingIsWanted) {
  monitor_.reset();
  print(log_);
  look();
  look();
  EXPECT_TRUE(part_exists(aside_));
}

}  // namespace
}  // namespace drover::runtimes
