#include "agent/cli/text.h"

#include <pty.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "agent/cli/container_name.h"
#include "agent/cli/event_text.h"
#include "agent/cli/progress.h"
#include "agent/core/ids.h"

namespace drover::cli {
namespace {

/// 2027-01-15 08:00:00 UTC.
constexpr std::int64_t kMorning = 1'800'000'000'000;
constexpr std::int64_t kDay = 24LL * 3600 * 1000;

class Text : public testing::Test {
 protected:
  void SetUp() override {
    setenv("TZ", "UTC", 1);
    tzset();
  }
};

TEST_F(Text, ColumnsAreAlignedAndTheLastIsNotPadded) {
  EXPECT_EQ(table({{"NAME", "STATUS"}, {"web-1", "running"}, {"a", ""}}),
            "NAME   STATUS\nweb-1  running\na\n");
  EXPECT_EQ(table({}), "");
}

TEST_F(Text, ACellCannotMoveTheCursor) {
  EXPECT_EQ(table({{"a\x1b[2Jb\nc\x7f"}}), "a?[2Jb?c?\n");
}

TEST_F(Text, TimesAreAsShortAsTheyMayBe) {
  EXPECT_EQ(short_time(kMorning, kMorning + 1000), "08:00:00");
  EXPECT_EQ(short_time(kMorning, kMorning + 3 * kDay), "Jan 15 08:00");
  EXPECT_EQ(short_time(kMorning, kMorning + 400 * kDay), "2027-01-15");
  EXPECT_EQ(short_time(0, kMorning), "-");
  EXPECT_EQ(time_of_day(kMorning + 7), "08:00:00.007");
}

TEST_F(Text, Durations) {
  EXPECT_EQ(duration(0), "0 ms");
  EXPECT_EQ(duration(12'340), "12.3 s");
  EXPECT_EQ(duration(250'000), "4 min 10 s");
  EXPECT_EQ(duration(3 * 3'600'000 + 120'000), "3 h 2 min");
}

TEST_F(Text, AnOutlineShowsEveryValueOnItsLine) {
  const auto value = json::parse(
      R"({"name":"web-1","exit":null,"nets":[{"if":"eth0","b":1},"x"],"o":{},"p":{"q":[true]}})");
  ASSERT_TRUE(value);
  EXPECT_EQ(outline(*value),
            "name: web-1\n"
            "exit: -\n"
            "nets:\n"
            "  - if: eth0\n"
            "    b: 1\n"
            "  - x\n"
            "o: -\n"
            "p:\n"
            "  q:\n"
            "    - true\n");
}

TEST_F(Text, EventsSayWhatMatters) {
  Event event{.epoch = "e", .seq = 42, .at_unix_ms = kMorning, .kind = "container"};
  event.object = "web-1";
  event.what = "stopped";
  event.data = {{"exit", json::Object{{"code", 137}}}};
  EXPECT_EQ(event_text(event), "08:00:00.000     42 container web-1 stopped: killed by signal 9");
  event.kind = "job";
  event.what = "step_done";
  event.data = {
      {"number", 2}, {"name", "network.attach"}, {"subject", "eth0"}, {"target", "web-1"}};
  EXPECT_EQ(event_text(event),
            "08:00:00.000     42 job web-1 step_done: network.attach eth0 of web-1");
  event.what = "failed";
  event.data = {{"error", json::Object{{"code", "conflict"}, {"message", "two\nlines"}}}};
  EXPECT_EQ(event_text(event), "08:00:00.000     42 job web-1 failed: conflict: two lines");
  event.kind = "network";
  event.what = "lost";
  event.data = {{"state", "missing"}, {"message", "it is gone"}};
  EXPECT_EQ(event_text(event), "08:00:00.000     42 network web-1 lost: it is gone");

  event.kind = "job";
  event.what = "waiting";
  event.data = {{"for", "the cluster's quorum"}, {"before", 0}, {"target", "web-2"}};
  EXPECT_EQ(event_text(event),
            "08:00:00.000     42 job web-1 waiting: web-2 for the cluster's quorum");
}

TEST_F(Text, ProgressOffATerminalWritesWholeLines) {
  char* written = nullptr;
  std::size_t size = 0;
  std::FILE* out = open_memstream(&written, &size);
  // A memory stream has no descriptor, which is no terminal either.
  Progress progress(false, out);
  Event event{.kind = "job", .what = "step_started"};
  event.data = {{"number", 3}, {"of", 7}, {"name", "network.attach"}, {"subject", "eth0"}};
  progress.take(event);
  event.what = "step_done";
  progress.take(event);
  event.what = "succeeded";
  progress.take(event);
  progress.finish();
  std::fclose(out);
  const std::string text(written, size);
  free(written);
  EXPECT_EQ(text, "[3/7] network.attach eth0 … done\n");
}

TEST_F(Text, ProgressTellsHowFarALongStepIs) {
  char* written = nullptr;
  std::size_t size = 0;
  std::FILE* out = open_memstream(&written, &size);
  Progress progress(false, out);
  Event event{.kind = "job", .what = "progress"};
  event.data = {{"number", 1},           {"of", 1},
                {"name", "backup.make"}, {"subject", "local"},
                {"percent", 12},         {"line", "INFO:  12% (1.2 GiB\x1b[2J of 10.0 GiB)"}};
  progress.take(event);
  event.data.erase("percent");
  event.data.set("line", "INFO: archive file size: 1.2GB");
  progress.take(event);
  event.what = "step_done";
  progress.take(event);
  progress.finish();
  std::fclose(out);
  const std::string text(written, size);
  free(written);
  EXPECT_EQ(text,
            "[1/1] backup.make local … 12 %: INFO:  12% (1.2 GiB?[2J of 10.0 GiB)\n"
            "[1/1] backup.make local … INFO: archive file size: 1.2GB\n"
            "[1/1] backup.make local … done\n");
}

/// A terminal of 40 columns, and all that was written to it.
class Terminal {
 public:
  Terminal() {
    const winsize size{.ws_row = 10, .ws_col = 40, .ws_xpixel = 0, .ws_ypixel = 0};
    EXPECT_EQ(openpty(&reader_, &writer_, nullptr, nullptr, &size), 0);
    out = fdopen(writer_, "w");
  }
  /// All that was written: what the kernel hands on by and by ends with the writer.
  std::string end() {
    std::fclose(out);
    std::string text;
    std::array<char, 4096> piece{};
    for (ssize_t size = 0; (size = read(reader_, piece.data(), piece.size())) > 0;) {
      text.append(piece.data(), static_cast<std::size_t>(size));
    }
    close(reader_);
    return text;
  }
  std::FILE* out = nullptr;

 private:
  int reader_ = -1;
  int writer_ = -1;
};

TEST_F(Text, ProgressOnATerminalStaysOnItsLine) {
  Terminal terminal;
  Progress progress(false, terminal.out);
  Event event{.kind = "job", .what = "step_started"};
  event.data = {{"number", 1},
                {"of", 1},
                {"name", "backup.make"},
                {"subject", ""},
                {"line", "a line that is longer than there is room for"}};
  progress.take(event);
  event.what = "progress";
  progress.take(event);
  event.what = "step_done";
  progress.take(event);
  EXPECT_EQ(terminal.end(),
            "[1/1] backup.make … "
            "\r\x1b[K[1/1] backup.make … a line that is long"
            "\r\x1b[K[1/1] backup.make … done\r\n");
}

TEST_F(Text, ProgressSaysWhatAJobWaitsForAndNotThatItIsAWorker) {
  char* written = nullptr;
  std::size_t size = 0;
  std::FILE* out = open_memstream(&written, &size);
  Progress progress(false, out);
  Event event{.kind = "job", .what = "accepted"};
  event.data = {{"waits_for", "a worker"}};
  progress.take(event);
  event.data = {{"waits_for", "the cluster's quorum"}};
  progress.take(event);
  event.what = "waiting";
  event.data = {{"for", "storage local"}};
  progress.take(event);
  std::fclose(out);
  const std::string text(written, size);
  free(written);
  EXPECT_EQ(text, "waits for the cluster's quorum\nwaits for storage local\n");
}

TEST_F(Text, ProgressSaysWhatBecomesOfStepsThatAreUndone) {
  for (const char* verb : {"container.delete", "container.run"}) {
    char* written = nullptr;
    std::size_t size = 0;
    std::FILE* out = open_memstream(&written, &size);
    Progress progress(false, out);
    Event event{.kind = "job", .what = "started"};
    event.data = {{"verb", verb}};
    progress.take(event);
    event.what = "step_undone";
    event.data = {{"number", 7}, {"name", "volume.allocate"}, {"subject", "data"}};
    progress.take(event);
    event.data = {{"number", 1}, {"name", "container.check"}, {"subject", ""}};  // made nothing
    progress.take(event);
    std::fclose(out);
    const std::string text(written, size);
    free(written);
    EXPECT_EQ(text, std::string("volume.allocate data … ") +
                        (verb == std::string("container.run") ? "taken back\n" : "removed\n"));
  }
}

TEST_F(Text, GeneratedNamesAreNames) {
  for (int i = 0; i < 1000; ++i) {
    const std::string name = generate_name();
    EXPECT_TRUE(ContainerName::parse(name)) << name;
  }
}

}  // namespace
}  // namespace drover::cli
