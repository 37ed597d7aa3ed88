// What clients with keys may ask, and what becomes of those who are gone.
#include "requests_fixture.h"

namespace drover::jobs {
namespace {

TEST_F(RequestsTest, WhatComesWithAKeyIsHeldAgainstItsRolesHereToo) {
  AllowList allowed = AllowList::parse(R"({"keys":[
      {"name":"watches","key":"Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID","roles":["observe"]},
      {"name":"works","key":"rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7","roles":["submit"]},
      {"name":"rules","key":"JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6","roles":["admin"]}]})")
                          .value();
  const auto told = [&](const std::string& key, const std::string& role, const std::string& kind,
                        const std::string& body) {
    sent_.clear();
    requests_->handle(
        Record{{{"kind", kind}, {"role", role}, {"peer", 7}, {"rq", 1}, {"key", key}}, body, ""});
    books_->commit();
    EXPECT_EQ(sent_.size(), 1U);
    return kind_of(sent_.at(0)) == "error"
               ? std::string(to_string(messaging::read_error(sent_.at(0).body).code))
               : kind_of(sent_.at(0));
  };
  const std::string job = json::write(run_job("j1", "web-1"));
  const std::string drain = R"({"id":"d1","verb":"node.drain","target":")" + node_->name + "\"}";
  const std::string network = R"({"id":"n1","verb":"network.remove","target":"vmbr7"})";
  EXPECT_EQ(told("rules", "observe", "query.jobs", "{}"), "refused") << "nobody has keys here";
  requests_->take_keys_from([&](std::string_view name) { return allowed.find(name); });
  EXPECT_EQ(told("watches", "observe", "query.jobs", "{}"), "answer");
  EXPECT_EQ(told("watches", "admin", "job.submit", job), "refused");
  EXPECT_EQ(told("watches", "submit", "input.open", "{}"), "refused");
  EXPECT_EQ(told("works", "submit", "job.submit", drain), "refused");
  EXPECT_EQ(told("works", "admin", "job.submit", network), "refused");
  EXPECT_EQ(told("works", "submit", "job.submit", "no job"), "invalid");
  EXPECT_EQ(told("works", "submit", "job.submit", job), "job.accepted");
  EXPECT_EQ(told("rules", "admin", "job.submit", drain), "job.accepted");
  EXPECT_EQ(told("", "admin", "query.jobs", "{}"), "refused");
  ASSERT_TRUE(allowed.remove("rules"));
  EXPECT_EQ(told("rules", "admin", "query.jobs", "{}"), "refused");
  EXPECT_FALSE(journal_->job("n1").value());
}

TEST_F(RequestsTest, WhatComesByADispatcherIsHeldAgainstBothItsSenderAndTheRoleThere) {
  AllowList allowed = AllowList::parse(R"({"keys":[
      {"name":"d1","key":"Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID","roles":["dispatch"]},
      {"name":"works","key":"rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7","roles":["submit"]},
      {"name":"rules","key":"JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6","roles":["admin"]}]})")
                          .value();
  requests_->take_keys_from([&](std::string_view name) { return allowed.find(name); });
  const auto told = [&](const std::string& key, const std::string& via, const std::string& within,
                        const std::string& kind, const std::string& body) {
    sent_.clear();
    requests_->handle(Record{{{"kind", kind},
                              {"role", "admin"},
                              {"peer", 7},
                              {"rq", 1},
                              {"key", key},
                              {"via", via},
                              {"within", within}},
                             body,
                             ""});
    books_->commit();
    EXPECT_EQ(sent_.size(), 1U);
    return kind_of(sent_.at(0)) == "error"
               ? std::string(to_string(messaging::read_error(sent_.at(0).body).code))
               : kind_of(sent_.at(0));
  };
  const std::string job = json::write(run_job("j1", "web-1"));
  const std::string drain = R"({"id":"n1","verb":"node.drain","target":")" + node_->name + "\"}";
  EXPECT_EQ(told("works", "d1", "observe", "job.submit", job), "refused");
  EXPECT_EQ(told("works", "d1", "admin", "job.submit", drain), "refused");
  EXPECT_EQ(told("rules", "d1", "submit", "job.submit", drain), "refused");
  EXPECT_EQ(told("works", "d2", "admin", "job.submit", job), "refused") << "no such dispatcher";
  EXPECT_EQ(told("works", "rules", "admin", "job.submit", job), "refused") << "which is none";
  EXPECT_EQ(told("works", "d1", "", "job.submit", job), "refused");
  EXPECT_EQ(told("d1", "d1", "admin", "query.jobs", "{}"), "refused");
  EXPECT_EQ(told("", "d1", "admin", "query.jobs", "{}"), "refused");
  EXPECT_EQ(told("works", "d1", "observe", "query.jobs", "{}"), "answer");
  EXPECT_FALSE(journal_->job("j1").value() || journal_->job("n1").value());
  EXPECT_EQ(told("works", "d1", "submit", "job.submit", job), "job.accepted");
  EXPECT_EQ(journal_->job("j1").value()->sender, "works");
  EXPECT_EQ(journal_->job("j1").value()->via, "d1");
  EXPECT_EQ(told("rules", "d1", "admin", "job.submit", drain), "job.accepted");
  ASSERT_TRUE(allowed.remove("d1"));
  EXPECT_EQ(told("works", "d1", "submit", "query.jobs", "{}"), "refused");
}

TEST_F(RequestsTest, AClientThatHearsNothingMoreHasNoStreams) {
  run(run_job("j1", "web-1"));
  write_log("web-1", "a\nb\n");
  const std::string open = R"({"of":"container.log","name":"web-1","follow":true,"credit":2})";
  EXPECT_EQ(kind_of(ask("submit", "stream.open", open).at(0)), "stream.data");
  sent_.clear();
  requests_->handle(Record{{{"kind", "peer.gone"}, {"peer", 7}}, "", ""});
  EXPECT_TRUE(ask("submit", "stream.credit", R"({"bytes":100})").empty());
  EXPECT_EQ(kind_of(ask("submit", "stream.open", open).at(0)), "stream.data")
      << "its number is free";
}

}  // namespace
}  // namespace drover::jobs
