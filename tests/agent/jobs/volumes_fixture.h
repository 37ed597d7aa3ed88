// VolumesTest: a node whose containers have volumes that outlive them.
#pragma once

#include <sys/statvfs.h>

#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "agent/jobs/verbs/standing_volumes.h"
#include "node_fixture.h"

namespace drover::jobs {

class VolumesTest : public NodeFixture {
 protected:
  JobRow create(const std::string& id, const std::string& name, json::Object options) {
    return run(job(id, "volume.create", name, std::move(options)));
  }
  JobRow create_image(const std::string& id, const std::string& name) {
    return create(id, name, {{"storage", "local-image"}, {"size_mib", std::int64_t{16}}});
  }
  json::Object run_with(const std::string& id, const std::string& name, const std::string& volume,
                        bool read_only = false) {
    json::Object request = run_job(id, name);
    json::Object mount{{"name", "data"}, {"target", "/data"}, {"from", volume}};
    if (read_only) {
      mount.set("read_only", true);
    }
    request.find("spec")->object()->set("volumes", json::Array{std::move(mount)});
    return request;
  }
  std::filesystem::path data_of(const std::string& container) {
    return layout_.volume_mount(*ContainerName::parse(container), "data");
  }
  std::uint64_t mib_of(const std::filesystem::path& mount) {
    struct statvfs found {};
    EXPECT_EQ(statvfs(mount.c_str(), &found), 0);
    return found.f_blocks * found.f_frsize >> 20U;
  }
  runtimes::Volume made(const std::string& name) {
    return made_volume(journal_->volume(name).value().value()).value();
  }
  void write(const std::string& container, const std::string& text) {
    std::ofstream(data_of(container) / "text") << text;
  }
  std::string read(const std::string& container) {
    return system::read_file(data_of(container) / "text").value();
  }
  std::size_t files() {
    const std::filesystem::directory_iterator all(layout_.local_volumes());
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
  }
  /// The journal as a kill -9 leaves it in the last step of a job.
  void cut_off(const std::string& id, const std::string& volume) {
    StepRow step = std::vector<StepRow>(journal_->steps(id).value()).back();
    step.state = StepState::intent;
    step.data = "null";
    ASSERT_TRUE(journal_->put_step(step));
    VolumeRow row = *journal_->volume(volume).value();
    row.busy = id;
    row.volume = "null";
    ASSERT_TRUE(journal_->put_volume(row));
    ASSERT_TRUE(journal_->set_job(id, JobState::running, "null", 0));
    ASSERT_TRUE(journal_->begin_job(id));
    ASSERT_TRUE(journal_->commit());
  }
  /// The next agent goes on with a copy of volume "data" that was cut off, or takes it back.
  void take_up_copy(const std::string& id, bool cancelled) {
    VolumeRow origin = *journal_->volume("data").value();
    origin.busy = id;
    ASSERT_TRUE(journal_->put_volume(origin));
    if (cancelled) {
      ASSERT_TRUE(journal_->ask_to_end(id, "cancelled"));
    }
    ASSERT_TRUE(journal_->commit());
    restart_agent();
    EXPECT_EQ(await(id).state, cancelled ? JobState::cancelled : JobState::succeeded);
  }
  /// Two copies of volume "data", of a storage that puts a copy in the place of the empty volume
  /// made for it, are cut off between the removal of that one and the copy: one is gone on with,
  /// one taken back. `there`: how many volumes there are, which is two after each.
  void expect_copies_taken_up(runtimes::VolumeSource& source,
                              const std::function<std::size_t()>& there) {
    for (const bool cancelled : {false, true}) {
      const std::string id = cancelled ? "j3" : "j2";
      run(job(id, "volume.snapshot", "data", {{"snapshot", id}}));
      cut_off(id, id);
      for (const StepRow& step : std::vector<StepRow>(journal_->steps(id).value())) {
        if (step.name == "volume.allocate") {
          const json::Value copy = json::parse(step.data).value();
          ASSERT_TRUE(source.release(runtimes::volume_from_json(copy).value(), system::Stop()));
        }
      }
      take_up_copy(id, cancelled);
      EXPECT_EQ(journal_->volume(id).value().has_value(), !cancelled);
      EXPECT_EQ(there(), 2U);
    }
  }
};

}  // namespace drover::jobs
