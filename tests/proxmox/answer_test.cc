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

/// Status lines as a Proxmox VE 9.1.7 gave them: of each kind one.
TEST(AnswerTest, TellsWhatTheApiMeantBehindItsStatus) {
  using enum Code;
  for (const Said& said : {
           Said{301, "Moved Permanently", broken},
           Said{401, "Authentication failed!", refused},
           Said{401, "No ticket", refused},
           Said{401, "Permission denied - invalid csrf token", refused},
           Said{401, "authentication failure", refused},
           Said{403, "Permission check failed (/vms/100, VM.Audit)", refused},
           Said{403, "Permission check failed (mount point type bind is only allowed for root@pam)",
                refused},
           Said{500, "CT 100 already exists on node 'pve1'", conflict},
           Said{500, "CT 100 not running", conflict},
           Said{500, "CT is locked (create)", conflict},
           Said{500, "unable to destroy CT 122 - container is running", conflict},
           Said{500, "detected modified configuration - file changed by other user? Try again.",
                conflict},
           Said{500, "create storage failed: storage ID 'dir2' already defined", conflict},
           Said{500, "disk image '/var/lib/vz/images/100/vm-100-data.raw' already exists",
                conflict},
           Said{500, "refusing to override existing file 'app_1.0.tar'", conflict},
           Said{500, "Configuration file 'nodes/pve1/lxc/110.conf' does not exist", not_found},
           Said{500, "storage 'nope' does not exist", not_found},
           Said{500, "can't lock file '/run/lock/lxc/pve-config-125.lock' - got timeout",
                unavailable},
           Said{500, "cluster not ready - no quorum?", unavailable},
           Said{500, "storage 'dir2' is disabled", refused},
           Said{500, "unable to modify read-only option: 'unprivileged'", refused},
           Said{500, "Only root can pass arbitrary filesystem paths. at Storage.pm line 651.",
                refused},
           Said{500, "missing value for required option 'path'", invalid},
           Said{500, "unable to shrink disk size", invalid},
           Said{500, "volume_size_info on 'local:100/x.raw' failed - no format", broken},
           Said{501, "Method 'GET /foo' not implemented", broken},
           Said{501, "for data too large", broken},
           Said{595, "Connection refused", unavailable},
           Said{596, "Connection timed out", timed_out},
       }) {
    EXPECT_EQ(error_of(said.status, said.reason).code, said.meant) << said.reason;
  }
}

/// With this status it tells of things that are not there, or there already, in a parameter's text.
TEST(AnswerTest, AParameterAtFaultMayMeanAThing) {
  using enum Code;
  const auto code_of = [](const std::string& parameter, const std::string& text) {
    return error_of(400, "Parameter verification failed.",
                    fmt::format(R"({{"errors":{{"{}":"{}"}},"data":null}})", parameter, text))
        .code;
  };
  EXPECT_EQ(code_of("vmid", "VM 100 already exists"), conflict);
  EXPECT_EQ(code_of("iface", "interface already exists"), conflict);
  EXPECT_EQ(code_of("iface", "interface does not exist"), not_found);
  EXPECT_EQ(code_of("storage", "No such storage."), not_found);
  EXPECT_EQ(code_of("upid", "no such task"), not_found);
  EXPECT_EQ(code_of("onboot", "type check ('boolean') failed - got 'on'"), invalid);
  EXPECT_EQ(code_of("cores", "type check ('integer') failed - got ARRAY"), invalid);
  EXPECT_EQ(code_of("x",
                    "property is not defined in schema and the schema does not allow "
                    "additional properties"),
            invalid);
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
