// Jobs with images of a registry: pulled once, found again by name, and waited for without a
// worker.
#include <fcntl.h>
#include <gmock/gmock.h>

#include <fstream>

#include "agent/jobs/pushed_archive.h"
#include "agent/system/child.h"
#include "fakes/other_skopeo.h"
#include "fakes/registry.h"
#include "node_fixture.h"
#include "proxmox/file_digest.h"

namespace drover::jobs {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class PullsTest : public NodeFixture {
 protected:
  void SetUp() override {
    NodeFixture::SetUp();
    registry_.emplace();
    std::ofstream(folder_ / "motd") << "hello\n";
    umoci({"init", "--layout", layout()});
    umoci({"new", "--image", layout() + ":v1"});
    umoci({"insert", "--image", layout() + ":v1", (folder_ / "motd").native(), "/etc/motd"});
    registry_->push("oci:" + layout() + ":v1", "app:1");
  }
  std::string layout() const { return (folder_ / "image").native(); }
  std::string image(const std::string& name = "app:1") const {
    return "docker://" + registry_->host() + "/" + name;
  }
  static void umoci(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "umoci");
    const auto ran = system::run_ok(arguments, system::Stop());
    ASSERT_TRUE(ran) << ran.error().message;
  }
  json::Object run_of(const std::string& id, const std::string& name, const std::string& from) {
    json::Object request = run_job(id, name);
    request.set("spec", json::Object{{"runtime", "runc"}, {"image", from}});
    return request;
  }

  std::optional<fakes::Registry> registry_;
};

TEST_F(PullsTest, WhatWasPulledIsNamedAndRunWithoutTheRegistry) {
  const std::string name = image();
  const JobRow pulled = run(job("j1", "image.pull", name));
  ASSERT_EQ(pulled.state, JobState::succeeded) << pulled.result;
  const ImageRow row = journal_->image(name).value().value();
  EXPECT_THAT(pulled.result, HasSubstr("\"digest\":\"" + row.digest));
  EXPECT_THAT(told("image", name), ElementsAre("pulled"));
  registry_.reset();
  const JobRow ran = run(run_of("j2", "web-1", name));
  ASSERT_EQ(ran.state, JobState::succeeded) << ran.result;
  EXPECT_TRUE(std::filesystem::exists(layout_.rootfs(*ContainerName::parse("web-1")) / "etc/motd"));
  // A pull asks there, and what is here stays.
  json::Object once = job("j3", "image.pull", name);
  once.set("attempts", 1);
  EXPECT_THAT(run(once).result, HasSubstr("unavailable"));
  EXPECT_EQ(run(run_of("j4", "web-2", name)).state, JobState::succeeded);
  EXPECT_THAT(run(job("j5", "image.remove", name)).result, HasSubstr("in use by web-1, web-2"));
}

TEST_F(PullsTest, ARunFetchesWhatIsNotHere) {
  const JobRow ran = run(run_of("j1", "web-1", image()));
  ASSERT_EQ(ran.state, JobState::succeeded) << ran.result;
  EXPECT_THAT(told("image", image()), ElementsAre("pulled"));
  run(job("j2", "container.delete", "web-1", {{"force", true}}));
  ASSERT_EQ(run(job("j3", "image.remove", image())).state, JobState::succeeded);
  EXPECT_TRUE(std::filesystem::is_empty(layout_.images()));
  EXPECT_THAT(run(run_of("j4", "web-1", image("none:1"))).result, HasSubstr("not_found"));
}

TEST_F(PullsTest, WhileImagesAreFetchedNobodyElseWaitsForAWorker) {
  umoci({"tag", "--image", layout() + ":v1", "own"});
  const fakes::OtherSkopeo other(folder_ / "bin", "exec tail -f /dev/null\n");
  // More than there are workers; two of them want the same.
  ASSERT_EQ(workers_, 2U);
  submit(job("p1", "image.pull", image("a:1")));
  submit(job("p2", "image.pull", image("b:1")));
  submit(run_of("p3", "web-3", image("b:1")));
  const JobRow ran = run(run_of("j1", "web-1", "oci:" + layout() + ":own"));
  EXPECT_EQ(ran.state, JobState::succeeded) << ran.result;
  for (const char* id : {"p1", "p2", "p3"}) {
    EXPECT_NE(journal_->job(id).value()->state, JobState::failed) << id;
    submit(job(std::string("c-") + id, "job.cancel", id));
    EXPECT_EQ(await(id).state, JobState::cancelled) << id;
  }
  EXPECT_TRUE(leaves_nothing("web-3"));
  EXPECT_FALSE(std::filesystem::exists(layout_.image_blobs() / "sha256/oci-layout"));
  EXPECT_TRUE(images_->unfinished().value().empty());
}

TEST_F(PullsTest, APullThatAnAgentsEndCutOffIsDoneByTheNext) {
  const std::string name = image();
  {
    const fakes::OtherSkopeo other(folder_ / "bin", "exec tail -f /dev/null\n");
    submit(job("j1", "image.pull", name));
    submit(job("j2", "image.pull", "oci:" + layout() + ":v1"));
    ASSERT_EQ(await("j2").state, JobState::succeeded);
    end_agent();
  }
  start_agent();
  ASSERT_TRUE(intake_->resume());
  const JobRow row = await("j1");
  EXPECT_EQ(row.state, JobState::succeeded) << row.result;
  EXPECT_TRUE(journal_->image(name).value());
}

TEST_F(PullsTest, AnArchiveMustLieWhereJobsMayTakeImagesFrom) {
  const std::string file = (folder_ / "app.tar").native();
  const auto saved = system::run_ok(
      {"skopeo", "copy", "--quiet", "oci:" + layout() + ":v1", "docker-archive:" + file + ":app:1"},
      system::Stop());
  ASSERT_TRUE(saved);
  const std::string name = "docker-archive:" + file;
  const JobRow row = run(run_of("j1", "web-1", name));
  EXPECT_EQ(row.state, JobState::succeeded) << row.result;
  config_.container.image_folders = {"/srv/images"};
  EXPECT_THAT(json::write(submit(job("j2", "image.pull", name)).body),
              HasSubstr("below none of the folders"));
  EXPECT_THAT(json::write(submit(run_of("j3", "web-2", name)).body),
              HasSubstr("below none of the folders"));
  EXPECT_EQ(run(job("j4", "image.pull", image())).state, JobState::succeeded);
  config_.container.image_folders.clear();
  std::filesystem::remove(file);
  EXPECT_THAT(run(job("j6", "image.pull", name)).result,
              HasSubstr("\"image archive: open " + file + ": "))
      << "which is named once";
  ASSERT_EQ(mkfifo(file.c_str(), 0600), 0);
  EXPECT_THAT(run(job("j5", "image.pull", name)).result, HasSubstr("is no file with content"));
}

TEST_F(PullsTest, WhatAClientHasSentIsAnImageByItsNameAndItsUploadGoes) {
  const std::string archive = (folder_ / "app.tar").native();
  const auto saved = system::run_ok(
      {"skopeo", "copy", "--quiet", "oci:" + layout() + ":v1", "docker-archive:" + archive},
      system::Stop());
  ASSERT_TRUE(saved) << saved.error().message;
  const auto file = system::UniqueFd(::open(archive.c_str(), O_RDONLY | O_CLOEXEC));
  const std::string sha256 = proxmox::sha256_of(file.get(), system::Stop()).value();
  const std::string upload = upload_name(sha256, "local");
  const std::string other(64, '0');
  const auto pull = [&](const std::string& id, const std::string& from, const std::string& sum) {
    json::Object request = job(id, "image.pull", "pushed:team/app:1");
    request.set("options", json::Object{{"from", from}, {"checksum", "sha256:" + sum}});
    return request;
  };
  for (const std::string& bad : {std::string("docker-archive:../etc/passwd"),
                                 "docker-archive:/" + upload, "template:" + upload, upload}) {
    EXPECT_THAT(json::write(submit(pull("j0", bad, sha256)).body), HasSubstr("its from must be"))
        << bad;
  }
  EXPECT_THAT(run(run_of("j1", "web-1", "pushed:team/app:1")).result,
              HasSubstr("drover image push FILE team/app:1"));
  EXPECT_THAT(run(pull("j2", "docker-archive:" + upload, sha256)).result, HasSubstr("not_found"));
  std::filesystem::create_directories(layout_.uploads());
  const auto put = [&](const std::string& name) {
    std::filesystem::copy_file(archive, layout_.uploads() / name);
  };
  put(upload_name(other, "local"));
  EXPECT_THAT(run(pull("j3", "docker-archive:" + upload_name(other, "local"), other)).result,
              HasSubstr("has the checksum sha256:" + sha256));
  EXPECT_TRUE(std::filesystem::is_empty(layout_.uploads()));
  put(upload);
  const JobRow pulled = run(pull("j4", "docker-archive:" + upload, sha256));
  ASSERT_EQ(pulled.state, JobState::succeeded) << pulled.result;
  EXPECT_THAT(told("image", "pushed:team/app:1"), ElementsAre("pulled"));
  EXPECT_TRUE(std::filesystem::is_empty(layout_.uploads()));
  const JobRow ran = run(run_of("j5", "web-1", "pushed:team/app:1"));
  ASSERT_EQ(ran.state, JobState::succeeded) << ran.result;
  EXPECT_TRUE(std::filesystem::exists(layout_.rootfs(*ContainerName::parse("web-1")) / "etc/motd"));
}

TEST_F(PullsTest, ATemplateIsTheRootOfContainersAndMustLieWhereJobsMayTakeImagesFrom) {
  const std::string file = (folder_ / "app.tar.gz").native();
  const auto packed =
      system::run_ok({"tar", "-C", folder_.path(), "-czf", file, "motd"}, system::Stop());
  ASSERT_TRUE(packed) << packed.error().message;
  const std::string name = "template:" + file;
  const JobRow pulled = run(job("j1", "image.pull", name));
  ASSERT_EQ(pulled.state, JobState::succeeded) << pulled.result;
  const JobRow ran = run(run_of("j2", "web-1", name));
  ASSERT_EQ(ran.state, JobState::succeeded) << ran.result;
  EXPECT_EQ(system::read_file(layout_.rootfs(*ContainerName::parse("web-1")) / "motd").value(),
            "hello\n");
  EXPECT_THAT(run(job("j3", "image.remove", name)).result, HasSubstr("in use by web-1"));
  config_.container.image_folders = {"/srv/images"};
  EXPECT_THAT(json::write(submit(run_of("j4", "web-2", name)).body),
              HasSubstr("below none of the folders"));
  EXPECT_THAT(json::write(submit(run_of("j5", "web-2", "local:vztmpl/app.tar.gz")).body),
              HasSubstr("no section proxmox"));
  run(job("j6", "container.delete", "web-1", {{"force", true}}));
  ASSERT_EQ(run(job("j7", "image.remove", name)).state, JobState::succeeded);
  EXPECT_TRUE(std::filesystem::is_empty(layout_.images()));
}

}  // namespace
}  // namespace drover::jobs
