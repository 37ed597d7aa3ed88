#include "agent/core/event.h"

#include <gtest/gtest.h>

#include "agent/core/event_position.h"

namespace drover {
namespace {

Event event() {
  return Event{.epoch = "e1",
               .seq = 17,
               .kseq = 5,
               .oseq = 2,
               .at_unix_ms = 1'700'000'000'123,
               .kind = "container",
               .object = "web-1",
               .what = "running",
               .job = "j1",
               .data = {{"a", json::Array{1, "b"}}}};
}

TEST(EventTest, IsACloudEvent) {
  const json::Value value = to_cloud_event(event(), "node-1");
  EXPECT_EQ(value.at("specversion").string_or(""), "1.0");
  EXPECT_EQ(value.at("id").string_or(""), "e1-17");
  EXPECT_EQ(value.at("source").string_or(""), "/drover/node-1");
  EXPECT_EQ(value.at("type").string_or(""), "drover.container.running");
  EXPECT_EQ(value.at("subject").string_or(""), "web-1");
  EXPECT_EQ(value.at("time").string_or(""), "2023-11-14T22:13:20.123Z");
  // Names of extensions have only lower-case letters and digits (CloudEvents 1.0).
  for (const auto& [key, member] : *value.object()) {
    EXPECT_EQ(key.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789"), std::string::npos)
        << key;
  }
}

TEST(EventTest, ComesBackFromItsOwnJson) {
  const Event before = event();
  const auto read = event_from_cloud(json::parse(json::write(to_cloud_event(before, "n"))).value());
  ASSERT_TRUE(read) << to_text(read.error());
  EXPECT_EQ(read->epoch, before.epoch);
  EXPECT_EQ(read->seq, before.seq);
  EXPECT_EQ(read->kseq, before.kseq);
  EXPECT_EQ(read->oseq, before.oseq);
  EXPECT_EQ(read->at_unix_ms, before.at_unix_ms);
  EXPECT_EQ(read->kind, before.kind);
  EXPECT_EQ(read->object, before.object);
  EXPECT_EQ(read->what, before.what);
  EXPECT_EQ(read->job, before.job);
  EXPECT_EQ(json::Value(read->data), json::Value(before.data));
}

TEST(EventTest, WithoutAJobHasNoJob) {
  Event lone = event();
  lone.job = "";
  EXPECT_EQ(to_cloud_event(lone, "n").find("job"), nullptr);
}

TEST(EventTest, OthersEventsAreRefused) {
  for (const char* text :
       {"null", "{}", "[]", R"({"type":"com.example.x","seq":1})",
        R"({"type":"drover.job","seq":1})", R"({"type":"drover.job.done","seq":0})",
        R"({"type":"drover.job.done","seq":-5})", R"({"type":"drover.","seq":1})",
        R"({"type":7,"seq":1})", R"({"type":"drov","seq":1})"}) {
    const auto read = event_from_cloud(json::parse(text).value());
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().code, Code::invalid);
  }
}

TEST(EventTest, TheTopicOfOneNameIsNoPrefixOfAnothers) {
  Event other = event();
  other.object = "web-10";
  const std::string topic = topic_of(event(), "n");
  EXPECT_EQ(topic, "n.container.web-1.");
  EXPECT_FALSE(topic_of(other, "n").starts_with(topic));
}

TEST(EventTest, APositionIsReadAsItIsWritten) {
  const EventPosition position{"0193f5a0-0000-7000-8000-000000000001", 42};
  EXPECT_EQ(parse_position(to_string(position)).value(), position);
  EXPECT_EQ(parse_position("0193f5a0-0000-7000-8000-000000000001-42").value(), position);
  EXPECT_EQ(parse_position("42").value(), (EventPosition{"", 42}));
  for (const char* text : {"", "soon", "-4", ":4", "e:", "e:x", "e:-1", "e:4 ", "a b:4", "4.5",
                           "e:18446744073709551615"}) {
    EXPECT_FALSE(parse_position(text)) << text;
  }
}

}  // namespace
}  // namespace drover
