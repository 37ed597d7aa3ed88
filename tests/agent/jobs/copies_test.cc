// Containers that jobs make as copies of others.
#include <gmock/gmock.h>

#include "agent/jobs/container_record.h"
#include "agent/jobs/node_turns.h"
#include "guests_fixture.h"

namespace drover::jobs {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

class CopiesTest : public GuestsFixture {
 protected:
  json::Object create(const std::string& id, const std::string& name, json::Object spec) {
    json::Object request = run_job(id, name);
    request.set("verb", "container.create");
    spec.set("runtime", "pve-lxc");
    spec.set("networks", json::Array());
    request.set("spec", std::move(spec));
    return request;
  }
  /// With a volume.
  void have_source() {
    json::Object spec{{"image", "local:vztmpl/busybox.tar.gz"},
                      {"volumes", json::Array{json::Object{{"name", "data"},
                                                           {"target", "/data"},
                                                           {"storage", "local"},
                                                           {"size_mib", std::int64_t{8}}}}}};
    const JobRow row = run(create("j1", "web-1", std::move(spec)));
    ASSERT_EQ(row.state, JobState::succeeded) << row.result;
  }
  ContainerRecord record(const std::string& name) {
    return container_record_from(journal_->container(name).value()->container).value();
  }
};

TEST_F(CopiesTest, HaveTheVolumesOfTheirSourceAndItsNumberInTheBooks) {
  have_source();
  const JobRow row = run(create("j2", "web-2", {{"image", "container:web-1"}}));
  ASSERT_EQ(row.state, JobState::succeeded) << row.result;
  const ContainerRecord copy = record("web-2");
  EXPECT_EQ(copy.container.source, Vmid{5000});
  EXPECT_EQ(copy.container.vmid, Vmid{5001});
  ASSERT_EQ(copy.container.spec.volumes.size(), 1U);
  EXPECT_EQ(copy.container.spec.volumes.front().target, "/data");
  EXPECT_EQ(copy.volumes.size(), 1U);
  EXPECT_EQ(api_.guests.at(5001).config.find("tags")->string_or(""), "drover;job-j2");
  EXPECT_EQ(run(job("j3", "container.delete", "web-1")).state, JobState::succeeded);
  EXPECT_FALSE(api_.guests.contains(5000));
  EXPECT_TRUE(api_.guests.contains(5001));
}

TEST_F(CopiesTest, OfWhatCannotBeCopiedAreNotMade) {
  const JobRow missing = run(create("j2", "web-2", {{"image", "container:web-1"}}));
  EXPECT_THAT(missing.result, HasSubstr("not_found"));
  ASSERT_EQ(run(run_job("j3", "web-1")).state, JobState::succeeded);
  const JobRow other = run(create("j4", "web-2", {{"image", "container:web-1"}}));
  EXPECT_THAT(other.result, HasSubstr("runtime runc, and only guests of Proxmox"));
  json::Object spec{{"image", "container:web-1"},
                    {"volumes", json::Array{json::Object{{"name", "more"},
                                                         {"target", "/more"},
                                                         {"storage", "local"},
                                                         {"size_mib", std::int64_t{8}}}}}};
  const Answer answer = submit(create("j5", "web-2", std::move(spec)));
  EXPECT_THAT(json::write(answer.body), HasSubstr("has the volumes of that one"));
  EXPECT_THAT(json::write(submit(create("j6", "web-2", {{"image", "container:Web"}})).body),
              HasSubstr("refused"));
  EXPECT_FALSE(journal_->container("web-2").value());
  EXPECT_THAT(api_.guests, IsEmpty());
}

TEST_F(CopiesTest, OfOneSourceStandInLineBeforeTheyAreBegun) {
  const auto thing = [&](json::Object request) {
    return sole_use_of(read_job(json::Value(std::move(request))).value());
  };
  const std::string now = thing(create("j2", "web-2", {{"image", "container:web-1"}}));
  EXPECT_EQ(now, "copies of container web-1");
  EXPECT_EQ(thing(create("j3", "web-3", {{"image", "container:web-1@then"}})), now);
  EXPECT_NE(thing(create("j4", "web-4", {{"image", "container:web-5"}})), now);
  EXPECT_EQ(thing(create("j5", "web-6", {{"image", "local:vztmpl/busybox.tar.gz"}})), "");
  EXPECT_EQ(thing(job("j6", "container.start", "web-1")), "");
}

TEST_F(CopiesTest, AreNobodysLeakWhileTheyAreMade) {
  add_guest(5002, "web-2", "drover;job-j0");
  api_.guests[5002].config.set("lock", "create");
  look();
  EXPECT_THAT(told_of_leaks(), IsEmpty());
  api_.guests[5002].config.erase("lock");
  look();
  EXPECT_THAT(told_of_leaks(), testing::ElementsAre("leaked container 5002"));
}

TEST_F(CopiesTest, WhoseAnswerWasLostAreMadeOnceAndThoseThatCameToNothingAreTriedAgain) {
  have_source();
  const Error lost{Code::timed_out, "the connection was lost", {}};
  api_.fail_next("POST /nodes/pve1/lxc/5000/clone", lost, true);
  EXPECT_EQ(run(create("j2", "web-2", {{"image", "container:web-1"}})).state, JobState::succeeded);
  EXPECT_EQ(api_.guests.size(), 2U);
  api_.fail_next("POST /nodes/pve1/lxc/5000/clone", lost);
  json::Object request = create("j3", "web-3", {{"image", "container:web-1"}});
  request.set("attempts", std::int64_t{1});
  const JobRow row = run(request);
  EXPECT_EQ(row.state, JobState::failed);
  EXPECT_THAT(row.result, HasSubstr("unavailable"));
  EXPECT_EQ(api_.guests.size(), 2U);
}

TEST_F(CopiesTest, OfOneWithLimitsThatNoSpecCanSayItIsToldWhatToDo) {
  have_source();
  api_.guests.at(5000).config.set("cpulimit", "4000");
  const JobRow row = run(create("j2", "web-2", {{"image", "container:web-1"}}));
  EXPECT_EQ(row.state, JobState::failed);
  EXPECT_THAT(row.result, HasSubstr("\"refused\""));
  EXPECT_THAT(row.result, HasSubstr("/spec/resources/cpus must be"));
  EXPECT_THAT(row.result, HasSubstr("name other limits in its spec"));
  EXPECT_FALSE(journal_->container("web-2").value());
  EXPECT_EQ(api_.guests.size(), 1U);
  const JobRow named = run(create(
      "j3", "web-2", {{"image", "container:web-1"}, {"resources", json::Object{{"cpus", 2.0}}}}));
  ASSERT_EQ(named.state, JobState::succeeded) << named.result;
  EXPECT_EQ(record("web-2").container.spec.resources.cpus, 2.0);
}

TEST_F(CopiesTest, ACopyOfSomebodyElseIsNotWaitedFor) {
  have_source();
  bool awaited = false;
  // By the same user, as one who logs in with a password may be.
  api_.begin_task("vzclone", "5000", [&] { awaited = true; });
  api_.fail_next("POST /nodes/pve1/lxc/5000/clone",
                 Error{Code::timed_out, "the connection was lost", {}});
  json::Object request = create("j2", "web-2", {{"image", "container:web-1"}});
  request.set("attempts", std::int64_t{1});
  EXPECT_EQ(run(request).state, JobState::failed);
  EXPECT_FALSE(awaited);
}

}  // namespace
}  // namespace drover::jobs
