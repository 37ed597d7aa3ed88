// Rebuild: a node that loses its journal, with what droverd does at its start then.
#pragma once

#include <fstream>
#include <memory>
#include <string>

#include "agent/core/ids.h"
#include "agent/jobs/journal/journal_rescue.h"
#include "agent/jobs/journal/record_keeper.h"
#include "agent/jobs/reconcile/rebuild.h"
#include "node_fixture.h"

namespace drover::jobs {

class Rebuild : public NodeFixture {
 protected:
  void SetUp() override {
    ASSERT_EQ(unshare(CLONE_NEWNET), 0);
    NodeFixture::SetUp();
    react_ = [this](const Event& event) {
      if (records_) {
        records_->hear(event);
      }
    };
    keep_records();
  }
  void TearDown() override {
    records_.reset();
    NodeFixture::TearDown();
  }
  void keep_records() {
    records_ = std::make_unique<RecordKeeper>(*journal_, layout_);
    books_->on_containers([this](const std::set<std::string>& names) { records_->changed(names); });
    ASSERT_TRUE(records_->start(boot_));
  }
  /// The agent ends, the journal's file is lost, and the next agent starts.
  void lose_journal() {
    records_.reset();  // writes what is left
    end_agent();
    epoch_before_ = epoch_;
    std::ofstream(layout_.journal()) << "not a journal any more";
    published_.clear();
    start_again();
  }
  /// As droverd does (agent/daemon/agent.cc).
  void start_again() {
    const OpenedJournal opened = open_or_set_aside(layout_.journal(), clock_).value();
    file_ = opened.set_aside;
    start_agent();
    clock_.advance(std::chrono::milliseconds(1));
    const Result<> rebuilt =
        rebuild_containers(*books_, *node_, clock_, {opened.set_aside, opened.why, boot_}, never_);
    ASSERT_TRUE(rebuilt) << to_text(rebuilt.error());
    books_->commit();
    keep_records();
  }
  json::Object run_with_volume(const std::string& id, const std::string& name) {
    json::Object request = run_job(id, name);
    request.find("spec")->object()->set(
        "volumes", json::Array{json::Object{{"name", "data"}, {"target", "/data"}}});
    return request;
  }
  void damage_record_of(const std::string& name) {
    records_.reset();
    const auto path = layout_.record(*ContainerName::parse(name));
    ASSERT_TRUE(system::write_atomically(path, "{}", 0600));
  }
  Result<> remove_by_hand(const std::string& name, const std::string& id) {
    const runtimes::Container container{
        *ContainerName::parse(name), *JobId::parse(id), RuntimeKind::runc, {}, {}, {}, {}, {}, {}};
    return runtime_.remove(container, true, never_);
  }
  json::Value told_of_the_node() {
    for (const Event& event : published_) {
      if (event.kind == "node" && event.what == "journal_rebuilt") {
        return event.data;
      }
    }
    return {};
  }

  std::unique_ptr<RecordKeeper> records_;
  std::string boot_ = "boot-1";
  std::filesystem::path file_;
  std::string epoch_;
  std::string epoch_before_;
  system::Stop never_;
};

}  // namespace drover::jobs
