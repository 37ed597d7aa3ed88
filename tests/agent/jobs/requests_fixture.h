// RequestsTest: what the front hands on, and what it is given to answer.
#pragma once

#include <gmock/gmock.h>

#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "agent/jobs/queries/requests.h"
#include "messaging/message.h"
#include "node_fixture.h"

namespace drover::jobs {

using messaging::Record;

class RequestsTest : public NodeFixture {
 protected:
  void SetUp() override {
    NodeFixture::SetUp();
    queries_ = std::make_unique<Queries>(*journal_, *supervisor_, *node_, *disk_);
    streams_ = std::make_unique<LogStreams>(
        *loop_, *journal_, layout_,
        [this](const LogStreams::Address& to, std::string_view kind, json::Object more,
               std::string body, std::string data) {
          more.set("kind", kind);
          more.set("peer", to.first);
          more.set("rq", to.second);
          sent_.push_back({std::move(more), std::move(body), std::move(data)});
        });
    inputs_ = std::make_unique<InputStreams>(
        *loop_, *journal_, *node_, clock_,
        [this](const LogStreams::Address& to, std::string_view kind, const json::Value& body) {
          sent_.push_back(
              {{{"kind", kind}, {"peer", to.first}, {"rq", to.second}}, json::write(body), ""});
        });
    requests_ =
        std::make_unique<Requests>(*books_, *intake_, *queries_, *streams_, *inputs_,
                                   [this](const Record& record) { sent_.push_back(record); });
  }
  void TearDown() override {
    requests_.reset();
    inputs_.reset();
    streams_.reset();
    queries_.reset();
    NodeFixture::TearDown();
  }
  /// All that is answered at once.
  std::vector<Record> ask(const std::string& role, const std::string& kind, const std::string& body,
                          std::uint64_t rq = 1) {
    sent_.clear();
    requests_->handle(Record{{{"kind", kind}, {"role", role}, {"peer", 7}, {"rq", rq}}, body, ""});
    books_->commit();
    return sent_;
  }
  json::Value answer(const std::string& kind, const std::string& body) {
    const auto answers = ask("admin", kind, body);
    EXPECT_EQ(answers.size(), 1U);
    EXPECT_EQ(kind_of(answers.at(0)), "answer") << answers.at(0).body;
    return json::parse(answers.at(0).body).value();
  }
  std::string refusal(const std::string& role, const std::string& kind, const std::string& body) {
    const auto answers = ask(role, kind, body);
    EXPECT_EQ(answers.size(), 1U);
    EXPECT_EQ(kind_of(answers.at(0)), "error") << answers.at(0).body;
    return std::string(to_string(messaging::read_error(answers.at(0).body).code));
  }
  static std::string kind_of(const Record& record) {
    return std::string(json::Value(record.header).at("kind").string_or(""));
  }
  void write_log(const std::string& name, const std::string& text) {
    std::ofstream(layout_.log(*ContainerName::parse(name)), std::ios::app) << text;
  }

  std::unique_ptr<Queries> queries_;
  std::unique_ptr<LogStreams> streams_;
  std::unique_ptr<InputStreams> inputs_;
  std::unique_ptr<Requests> requests_;
  std::vector<Record> sent_;
};

}  // namespace drover::jobs
