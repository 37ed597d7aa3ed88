#include "proxmox/answer.h"

#include <gmock/gmock.h>

namespace drover::proxmox {
namespace {

using testing::HasSubstr;

Error error_of(int status, const std::string& reason, const std::string& body = "") {
  const auto answer = read_answer({status, reason, body}, "POST /nodes/pve1/lxc");
  EXPECT_FALSE(answer);
  return answer ? Error{} : answer.error();
}

TEST(AnswerTest, GivesTheData) {
  EXPECT_EQ(read_answer({200, "OK", R"({"data":{"a":1}})"}, "GET /x").value().at("a").integer_or(0),
            1);
  EXPECT_TRUE(read_answer({200, "OK", R"({"data":null})"}, "PUT /x").value().is_null());
  EXPECT_EQ(error_of(200, "OK", "{}").code, Code::broken);
  EXPECT_NE(read_answer({200, "OK", "<html>"}, "GET /x").error().message.find("GET /x"),
            std::string::npos);
}

struct Said {
  int status;
  const char* reason;
  Code meant;
};

/// Status lines that Proxmox VE gives and nobody has recorded; for all others see
/// recorded_answers_test.cc.
TEST(AnswerTest, TellsWhatTheApiMeantBehindItsStatus) {
  using enum Code;
  for (const Said& said : {
           Said{500, "unable to destroy CT 122 - container is running", conflict},
           Said{500, "snapshot name 'one' already used", conflict},
           Said{500, "can't rollback, 'one' is not most recent snapshot on 'subvol-100-disk-0'",
                conflict},
           Said{500, "unable to rollback to incomplete snapshot (snapstate = prepare)", conflict},
           Said{500, "can't use storage 'fast' for backups - wrong content type", refused},
           Said{500, "restoring 'mp0' to bind mount is only possible for root", refused},
           Said{500, "cluster not ready - no quorum?", unavailable},
           Said{500,
                "unable to open file '/etc/pve/nodes/pve1/lxc/100.conf.tmp.712' - Permission "
                "denied",
                unavailable},
           Said{595, "Connection refused", unavailable},
       }) {
    EXPECT_EQ(error_of(said.status, said.reason).code, said.meant) << said.reason;
  }
}

TEST(AnswerTest, NamesEveryParameterAtFault) {
  const Error error = error_of(400, "Parameter verification failed.",
                               R"({"data":null,"errors":{"vmid":"type check failed\n","rootfs":)"
                               R"("invalid format"}})");
  EXPECT_EQ(error.code, Code::invalid);
  ASSERT_EQ(error.faults.size(), 2U);
  EXPECT_EQ(error.faults.front().pointer, "/vmid");
  EXPECT_EQ(error.faults.front().message, "type check failed");
  EXPECT_THAT(error.message, HasSubstr("rootfs: invalid format"));
}

TEST(AnswerTest, TheBodyHasTheWholeTextAndItIsKeptOnOneLine) {
  const Error error =
      error_of(500, "first line", R"({"data":null,"message":"first line\nsecond line\n"})");
  EXPECT_THAT(error.message, HasSubstr("first line second line"));
  EXPECT_THAT(error.message, HasSubstr("POST /nodes/pve1/lxc"));
}

}  // namespace
}  // namespace drover::proxmox
