// image.pull and image.remove of templates, on a simulated node of Proxmox.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <fstream>

#include "fakes/file_server.h"
#include "fakes/listener.h"
#include "fakes/sim_node.h"
#include "node_fixture.h"
#include "proxmox/templates.h"

namespace drover::jobs {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kImage = "local:vztmpl/app.tar.gz";

class PullTemplateTest : public NodeFixture {
 protected:
  void SetUp() override {
    NodeFixture::SetUp();
    node_->templates = &templates_;
  }
  std::filesystem::path stored() const { return sim_.folder() / "local/template/cache/app.tar.gz"; }
  std::string content() const { return system::read_file(stored()).value_or("nothing"); }
  void store(const std::string& text) const { std::ofstream(stored()) << text; }
  std::string file(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
    return folder_ / name;
  }
  std::string sum_of(const std::string& text) const {
    const std::string path = file("sum", text);
    return "sha256:" + system::run_ok({"sha256sum", path}, system::Stop()).value().substr(0, 64);
  }
  json::Object pull_job(const std::string& id, const std::string& from,
                        const std::string& checksum = "") {
    json::Object options{{"from", from}};
    if (!checksum.empty()) {
      options.set("checksum", checksum);
    }
    return job(id, "image.pull", kImage, std::move(options));
  }
  JobRow pull(const std::string& id, const std::string& from, const std::string& checksum = "") {
    return run(pull_job(id, from, checksum));
  }
  std::string refusal(const json::Object& request) {
    const Answer answer = submit(request);
    EXPECT_EQ(answer.kind, "error");
    return json::write(answer.body);
  }
  /// As an agent leaves it that ends before it has journalled what the step gave.
  void cut_off(const std::string& id) {
    StepRow step = std::vector<StepRow>(journal_->steps(id).value()).back();
    ASSERT_EQ(step.name, "image.fetch");
    step.state = StepState::intent;
    step.data = "null";
    ASSERT_TRUE(journal_->put_step(step));
    ASSERT_TRUE(journal_->erase_image(kImage));
    ASSERT_TRUE(journal_->set_job(id, JobState::running, "null", 0));
    ASSERT_TRUE(journal_->commit());
  }
  /// The simulator's file about the newest task of this type.
  std::filesystem::path task_file(const std::string& type, const std::string& ending) const {
    for (const auto& path : system::children_of(sim_.folder() / "tasks")) {
      if (path.native().find(":" + type + ":") != std::string::npos && path.extension() == ending) {
        return path;
      }
    }
    return {};
  }

  fakes::FileServer web_;
  fakes::SimNode sim_;
  std::unique_ptr<proxmox::Client> client_ = sim_.client();
  system::SystemClock real_clock_;
  proxmox::Tasks tasks_{*client_, real_clock_};
  proxmox::Templates templates_{*client_, tasks_};
};

TEST_F(PullTemplateTest, AFileOfTheNodeBecomesATemplateWithItsNameAndChecksum) {
  const JobRow row = pull("j1", file("x", "the content"));
  ASSERT_EQ(row.state, JobState::succeeded) << row.result;
  EXPECT_EQ(content(), "the content");
  const auto named = journal_->image(kImage).value();
  ASSERT_TRUE(named);
  EXPECT_EQ(named->digest, sum_of("the content"));
  EXPECT_EQ(named->bytes, 11U);
  EXPECT_EQ(named->job, "j1");
  EXPECT_THAT(row.result, HasSubstr(named->digest));
  EXPECT_THAT(row.result, HasSubstr("\"there\":false"));
  EXPECT_THAT(told("image", kImage), ElementsAre("pulled"));
}

TEST_F(PullTemplateTest, OneThatIsThereIsNotFetchedAgain) {
  web_.add("x", "content");
  ASSERT_EQ(pull("j1", web_.url("x"), sum_of("content")).state, JobState::succeeded);
  const JobRow again = pull("j2", web_.url("x"), sum_of("content"));
  EXPECT_EQ(again.state, JobState::succeeded) << again.result;
  EXPECT_THAT(again.result, HasSubstr("\"there\":true"));
  EXPECT_EQ(web_.asked_for("x"), 1);
  EXPECT_THAT(told("image", kImage), ElementsAre("pulled"));
}

TEST_F(PullTemplateTest, TwoJobsAtOnceFetchItOnce) {
  web_.add("x", "content");
  submit(pull_job("j1", web_.url("x"), sum_of("content")));
  submit(pull_job("j2", web_.url("x"), sum_of("content")));
  EXPECT_EQ(await("j1").state, JobState::succeeded);
  EXPECT_EQ(await("j2").state, JobState::succeeded);
  EXPECT_EQ(web_.asked_for("x"), 1);
}

TEST_F(PullTemplateTest, FilesOfOneNameOnTwoStoragesAreFetchedOneAfterTheOther) {
  const fakes::Listener silent;
  const std::string nowhere = "http" + silent.url().substr(5) + "/x";
  submit(pull_job("j1", nowhere, sum_of("x")));
  while (task_file("download", ".log").empty()) {
    loop_->turn(std::chrono::milliseconds(10));
  }
  json::Object options{{"from", nowhere}, {"checksum", sum_of("x")}};
  submit(job("j2", "image.pull", "nfs:vztmpl/app.tar.gz", options));
  submit(job("j3", "image.pull", "nfs:vztmpl/other.tar.gz", options));
  EXPECT_EQ(await("j3").state,
            JobState::failed);  // there is no such storage, which it has asked for
  EXPECT_THAT(told("job", "j2"), testing::Contains("waiting"));
  EXPECT_THAT(journal_->steps("j2").value(), IsEmpty());
  submit(job("j4", "job.cancel", "j1"));
  EXPECT_EQ(await("j1").state, JobState::cancelled);
  EXPECT_EQ(await("j2").state, JobState::failed);
  EXPECT_FALSE(std::vector<StepRow>(journal_->steps("j2").value()).empty());
}

TEST_F(PullTemplateTest, OneOfAnAdminIsLeftAsItIs) {
  store("an admin's");
  const JobRow row = pull("j1", file("x", "content"));
  EXPECT_EQ(row.state, JobState::succeeded) << row.result;
  EXPECT_THAT(row.result, HasSubstr(sum_of("an admin's")));
  // It is not this node's to remove.
  EXPECT_FALSE(journal_->image(kImage).value());
  EXPECT_THAT(run(job("j2", "image.remove", kImage)).result, HasSubstr("pvesm free"));
  const JobRow other = pull("j3", file("x", "content"), sum_of("content"));
  EXPECT_EQ(other.state, JobState::failed);
  EXPECT_THAT(other.result, HasSubstr("none is written over"));
  EXPECT_EQ(pull("j4", file("x", "content"), sum_of("an admin's")).state, JobState::succeeded);
  EXPECT_EQ(content(), "an admin's");
}

TEST_F(PullTemplateTest, WhatHasNotItsChecksumLeavesNothing) {
  web_.add("x", "content");
  int count = 0;
  for (const std::string& from : {web_.url("x"), file("x", "content")}) {
    const JobRow row = pull("j" + std::to_string(++count), from, sum_of("another"));
    EXPECT_EQ(row.state, JobState::failed);
    EXPECT_THAT(row.result, HasSubstr("\"invalid\"")) << row.result;
    EXPECT_THAT(row.result, HasSubstr(sum_of("content").substr(7)));
  }
  EXPECT_EQ(content(), "nothing");
  EXPECT_THAT(journal_->images().value(), IsEmpty());
}

TEST_F(PullTemplateTest, WhatTheNodeDoesNotAllowIsRefusedBeforeItIsAccepted) {
  config_.storage.template_storages = {"nfs"};
  EXPECT_THAT(refusal(pull_job("j1", "https://example.org/x")),
              HasSubstr("allows templates on: nfs"));
  config_.storage.template_storages = {"nfs", "local"};
  config_.container.image_folders = {folder_ / "allowed"};
  EXPECT_THAT(refusal(pull_job("j2", folder_ / "allowed/../x")), HasSubstr("below none"));
  EXPECT_THAT(refusal(job("j3", "image.pull", kImage)), HasSubstr("is fetched from"));
  EXPECT_THAT(refusal(pull_job("j4", "docker://host/app@sha256:00")), HasSubstr("by digest"));
  EXPECT_THAT(refusal(job("j5", "image.pull", "oci:/srv/x:1", {{"from", "/x"}})),
              HasSubstr("are of templates"));
  node_->templates = nullptr;
  EXPECT_THAT(refusal(pull_job("j6", "https://example.org/x")), HasSubstr("no section proxmox"));
  EXPECT_FALSE(journal_->job("j1").value());
}

TEST_F(PullTemplateTest, NoLinkLeadsOutOfTheFoldersThatAreAllowed) {
  std::filesystem::create_directories(folder_ / "allowed");
  config_.container.image_folders = {folder_ / "allowed"};
  std::filesystem::create_symlink(file("secret", "secret"), folder_ / "allowed/link");
  std::filesystem::create_symlink(folder_.path(), folder_ / "allowed/up");
  EXPECT_EQ(pull("j1", folder_ / "allowed/link").state, JobState::failed);
  EXPECT_EQ(pull("j2", folder_ / "allowed/up/secret").state, JobState::failed);
  ASSERT_EQ(mkfifo((folder_ / "allowed/pipe").c_str(), 0600), 0);
  EXPECT_THAT(pull("j3", folder_ / "allowed/pipe").result, HasSubstr("no file with content"));
  EXPECT_EQ(content(), "nothing");
  file("allowed/x", "content");
  EXPECT_EQ(pull("j4", folder_ / "allowed/x").state, JobState::succeeded);
  EXPECT_EQ(content(), "content");
}

TEST_F(PullTemplateTest, NoLinkOnTheStorageIsFollowedAndNoPipeWaitedFor) {
  std::filesystem::create_symlink(file("secret", "secret"), stored());
  const JobRow link = pull("j1", "https://example.org/x");
  EXPECT_EQ(link.state, JobState::failed);
  EXPECT_THAT(link.result, HasSubstr("it is a link"));
  EXPECT_THAT(link.result, testing::Not(HasSubstr(sum_of("secret"))));
  std::filesystem::remove(stored());
  ASSERT_EQ(mkfifo(stored().c_str(), 0600), 0);
  EXPECT_THAT(pull("j2", "https://example.org/x").result, HasSubstr("no file with content"));
}

TEST_F(PullTemplateTest, WhatAnAgentHadFetchedBeforeItEndedIsNotFetchedAgain) {
  web_.add("x", "content");
  ASSERT_EQ(pull("j1", web_.url("x"), sum_of("content")).state, JobState::succeeded);
  cut_off("j1");
  restart_agent();
  EXPECT_EQ(await("j1").state, JobState::succeeded);
  EXPECT_EQ(web_.asked_for("x"), 1);
  EXPECT_EQ(journal_->image(kImage).value()->digest, sum_of("content"));
}

TEST_F(PullTemplateTest, APartThatACopyHasLeftIsTakenAwayAndTheWholeIsSent) {
  ASSERT_EQ(pull("j1", file("x", "the whole content")).state, JobState::succeeded);
  store("the wh");
  std::ofstream(task_file("imgcopy", ".status")) << "unexpected status";
  cut_off("j1");
  restart_agent();
  const JobRow row = await("j1");
  EXPECT_EQ(row.state, JobState::succeeded) << row.result;
  EXPECT_EQ(content(), "the whole content");
}

TEST_F(PullTemplateTest, ACancelEndsTheTaskAndLeavesNothing) {
  const fakes::Listener silent;
  submit(pull_job("j1", "http" + silent.url().substr(5) + "/x", sum_of("content")));
  while (task_file("download", ".log").empty()) {
    loop_->turn(std::chrono::milliseconds(10));
  }
  submit(job("j2", "job.cancel", "j1"));
  EXPECT_EQ(await("j1").state, JobState::cancelled);
  EXPECT_EQ(content(), "nothing");
  EXPECT_TRUE(tasks_.running(system::Stop()).value().empty());
  const std::vector<StepRow> steps = journal_->steps("j1").value();
  for (const StepRow& step : steps) {
    EXPECT_TRUE(step.name != "image.fetch" || step.state == StepState::undone);
  }
}

TEST_F(PullTemplateTest, WhatIsTakenBackIsWhatTheJobHasMade) {
  ASSERT_EQ(pull("j1", file("x", "content")).state, JobState::succeeded);
  cut_off("j1");
  // A job that was cancelled, and an agent that ended before it had taken it back.
  sim_.set_fault("denied", 100, "POST /nodes/pve1/storage/local/upload");
  std::filesystem::remove(stored());
  restart_agent();
  EXPECT_EQ(await("j1").state, JobState::failed);
  store("an admin's");
  sim_.set_fault("denied", 100, "POST /nodes/pve1/storage/local/download-url");
  EXPECT_EQ(pull("j2", "https://example.org/x").state, JobState::succeeded);
  EXPECT_EQ(content(), "an admin's");
}

TEST_F(PullTemplateTest, ARemovalTakesTheFileAndTheName) {
  ASSERT_EQ(pull("j1", file("x", "content")).state, JobState::succeeded);
  // By its digest go images that are unpacked here.
  EXPECT_THAT(run(job("j2", "image.remove", sum_of("content"))).result, HasSubstr("not_found"));
  const JobRow row = run(job("j3", "image.remove", kImage));
  ASSERT_EQ(row.state, JobState::succeeded) << row.result;
  EXPECT_EQ(content(), "nothing");
  EXPECT_THAT(told("image", kImage), ElementsAre("pulled", "removed"));
  EXPECT_FALSE(journal_->image(kImage).value());
  ASSERT_EQ(pull("j4", file("x", "content")).state, JobState::succeeded);
  // An admin has been quicker.
  std::filesystem::remove(stored());
  EXPECT_EQ(run(job("j5", "image.remove", kImage)).state, JobState::succeeded);
}

TEST_F(PullTemplateTest, ATemplateIsTheRootOfOtherContainersThanGuestsToo) {
  file("motd", "hello");
  const Result<std::string> packed =
      system::run_ok({"tar", "-C", folder_.path(), "-czf", stored(), "motd"}, system::Stop());
  ASSERT_TRUE(packed) << packed.error().message;
  // It lies on a storage, and not where jobs may take files from.
  config_.container.image_folders = {"/srv/images"};
  json::Object request = run_job("j1", "web-1");
  request.set("spec", json::Object{{"runtime", "runc"}, {"image", kImage}});
  const JobRow ran = run(request);
  ASSERT_EQ(ran.state, JobState::succeeded) << ran.result;
  EXPECT_EQ(system::read_file(layout_.rootfs(*ContainerName::parse("web-1")) / "motd").value(),
            "hello");
  // The template itself is as it was: not this node's own.
  EXPECT_FALSE(journal_->image(kImage).value());
  const std::string name = "template:" + stored().native();
  EXPECT_TRUE(journal_->image(name).value());
  EXPECT_THAT(told("image", name), ElementsAre("pulled"));
  EXPECT_THAT(run(job("j2", "image.remove", name)).result, HasSubstr("in use by web-1"));
  run(job("j3", "container.delete", "web-1", {{"force", true}}));
  EXPECT_EQ(run(job("j4", "image.remove", name)).state, JobState::succeeded);
  // Nobody who may write to a storage has another file of the node read.
  std::filesystem::rename(stored(), folder_ / "secret.tar.gz");
  std::filesystem::create_symlink(folder_ / "secret.tar.gz", stored());
  request.set("id", "j5");
  EXPECT_EQ(run(request).state, JobState::failed);
  std::filesystem::remove(stored());
  request.set("id", "j6");
  const JobRow missing = run(request);
  EXPECT_EQ(missing.state, JobState::failed);
  EXPECT_THAT(missing.result, HasSubstr("drover image pull local:vztmpl/app.tar.gz --from"));
}

TEST_F(PullTemplateTest, ARemovalLeavesWhatAnAdminHasPutInItsPlace) {
  ASSERT_EQ(pull("j1", file("x", "content")).state, JobState::succeeded);
  int count = 1;
  for (const char* const text : {"an admin's, of another size", "CONTENT"}) {
    store(text);
    const JobRow row = run(job("j" + std::to_string(++count), "image.remove", kImage));
    EXPECT_EQ(row.state, JobState::failed);
    EXPECT_THAT(row.result, HasSubstr("\"conflict\""));
    EXPECT_THAT(row.result, HasSubstr("pvesm free"));
    EXPECT_EQ(content(), text);
    EXPECT_TRUE(journal_->image(kImage).value());
  }
  // Once he has taken it away, the name goes.
  std::filesystem::remove(stored());
  EXPECT_EQ(run(job("j4", "image.remove", kImage)).state, JobState::succeeded);
  EXPECT_FALSE(journal_->image(kImage).value());
}

TEST_F(PullTemplateTest, ARemovalThatWasDoneLeavesWhatCameAfterIt) {
  ASSERT_EQ(pull("j1", file("x", "content")).state, JobState::succeeded);
  ASSERT_EQ(run(job("j2", "image.remove", kImage)).state, JobState::succeeded);
  // An agent that ended before it had journalled that the step was done.
  StepRow step = std::vector<StepRow>(journal_->steps("j2").value()).back();
  ASSERT_EQ(step.name, "image.remove");
  step.state = StepState::intent;
  ASSERT_TRUE(journal_->put_step(step));
  ASSERT_TRUE(journal_->set_job("j2", JobState::running, "null", 0));
  ASSERT_TRUE(journal_->commit());
  store("an admin's");
  restart_agent();
  EXPECT_EQ(await("j2").state, JobState::succeeded);
  EXPECT_EQ(content(), "an admin's");
}

}  // namespace
}  // namespace drover::jobs
