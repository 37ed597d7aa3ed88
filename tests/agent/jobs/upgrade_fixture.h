// Upgrade: a container of a real image, others to upgrade it to, and what is below its root.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "agent/jobs/container_record.h"
#include "agent/jobs/verbs/images.h"
#include "agent/system/child.h"
#include "node_fixture.h"

namespace drover::jobs {

class UpgradeTest : public NodeFixture {
 protected:
  /// Images that all tests read, and none changes.
  static void SetUpTestSuite() {
    images_made() = std::make_unique<fakes::TempFolder>();
    umoci({"init", "--layout", layout()});
    for (const std::string tag : {"v1", "v2", "v3"}) {
      const std::filesystem::path tree = images_made()->path() / tag;
      std::filesystem::create_directories(tree / "etc");
      std::ofstream(tree / "etc/motd") << tag;
      umoci({"new", "--image", layout() + ":" + tag});
      umoci({"insert", "--image", layout() + ":" + tag, tree.native(), "/"});
      umoci({"config", "--image", layout() + ":" + tag, "--config.env", "VERSION=" + tag});
    }
    umoci({"tag", "--image", layout() + ":v1", "same"});
  }
  static void TearDownTestSuite() { images_made().reset(); }
  static std::unique_ptr<fakes::TempFolder>& images_made() {
    static std::unique_ptr<fakes::TempFolder> folder;
    return folder;
  }
  static std::string layout() { return (images_made()->path() / "image").native(); }
  static std::string image(const std::string& tag) { return "oci:" + layout() + ":" + tag; }
  static void umoci(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "umoci");
    const auto ran = system::run_ok(arguments, system::Stop());
    ASSERT_TRUE(ran) << ran.error().message;
  }
  json::Object making(const std::string& verb) {
    json::Object request = with_volume(run_job("j1", "web-1"));
    request.set("verb", verb);
    request.find("spec")->object()->erase("rootfs");
    request.find("spec")->object()->set("image", image("v1"));
    return request;
  }
  void make(const std::string& verb = "container.run", bool own_users = false) {
    json::Object request = making(verb);
    if (own_users) {
      request.find("spec")->object()->set("user_namespace", "auto");
    }
    const JobRow row = run(request);
    ASSERT_EQ(row.state, JobState::succeeded) << row.result;
    published_.clear();
  }
  json::Object to(const std::string& id, const std::string& tag) {
    return job(id, "container.upgrade", "web-1", {{"image", image(tag)}});
  }
  json::Object back(const std::string& id) {
    return job(id, "container.upgrade", "web-1", {{"rollback", true}});
  }
  ContainerRecord record() {
    return container_record_from(journal_->container("web-1").value()->container).value();
  }
  Status status() { return journal_->container("web-1").value()->status; }
  std::filesystem::path inside(const std::string& file) {
    return layout_.rootfs(ContainerName::parse("web-1").value()) / file;
  }
  std::string motd() {
    const Result<std::string> text = system::read_file(inside("etc/motd"));
    return text ? *text : text.error().message;
  }
  void write_inside(const std::string& file) { std::ofstream(inside(file)) << "written"; }
  bool is_inside(const std::string& file) { return std::filesystem::exists(inside(file)); }
  std::size_t users_of(const std::string& tag) {
    const auto users = image_users(*journal_, layout_).value();
    const auto row = journal_->image(image(tag)).value();
    return row && users.contains(row->digest) ? users.at(row->digest).size() : 0;
  }
  /// Folders of what was written to its roots, but for the one that it was made with.
  std::size_t other_roots() {
    return system::children_of(layout_.roots(ContainerName::parse("web-1").value())).size();
  }
  void expect_as_before(const std::string& job) {
    EXPECT_EQ(motd(), "v1") << job;
    EXPECT_TRUE(is_inside("mine")) << job;
    EXPECT_EQ(record().container.spec.image, image("v1")) << job;
    EXPECT_EQ(record().container.image.env.back(), "VERSION=v1") << job;
    EXPECT_FALSE(record().aside) << job;
    EXPECT_FALSE(record().former) << job;
    EXPECT_EQ(other_roots(), 0U) << job;
    EXPECT_EQ(status(), Status::running) << job;
    EXPECT_EQ(users_of("v2"), 0U) << job;
  }
};

}  // namespace drover::jobs
