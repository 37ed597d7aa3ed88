// Ids that containers are given, and who else may have them.
#include "agent/doctor/examine_users.h"

#include <gmock/gmock.h>

#include <fstream>

#include "fakes/temp_folder.h"

namespace drover::doctor {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class ExamineUsersTest : public testing::Test {
 protected:
  std::vector<std::string> told(const std::string& config) {
    std::vector<std::string> lines;
    for (const Finding& finding :
         examine_users(parse_config(config).value(),
                       {folder_ / "most", folder_ / "subuid", folder_ / "subgid"})) {
      EXPECT_EQ(finding.about, "users");
      lines.push_back((finding.ok ? "" : "FAULT ") + finding.message);
    }
    return lines;
  }
  void write(const char* file, const std::string& text) { std::ofstream(folder_ / file) << text; }
  const fakes::TempFolder folder_;
};

TEST_F(ExamineUsersTest, TheirIdsAreToldAndWhetherEachHasThem) {
  EXPECT_THAT(told("{}"), ElementsAre("containers with users of their own have ids 2147483648 to "
                                      "4294901759 of this node; jobs ask for them by "
                                      "user_namespace"));
  EXPECT_THAT(told(R"({"container":{"first_user":1000000,"user_ranges":2},
                       "policy":{"user_namespace":"auto"}})"),
              ElementsAre("containers with users of their own have ids 1000000 to 1131071 of this "
                          "node; by policy.user_namespace each has them"));
}

TEST_F(ExamineUsersTest, IdsOfAnotherAreAFaultWhereEachContainerHasSome) {
  write("most", "0\n");
  write("subuid", "# none\nweb:100000:65536\ncontainers:2147483647:2147483648\n");
  write("subgid", "web:100000:65536\n");
  EXPECT_THAT(told("{}"), ElementsAre(HasSubstr("have ids"), "the kernel makes no user namespaces",
                                      HasSubstr("containers:2147483647:2147483648")));
  EXPECT_THAT(told(R"({"container":{"first_user":165536,"user_ranges":9},
                       "policy":{"user_namespace":"auto"}})"),
              ElementsAre(HasSubstr("have ids"), "FAULT the kernel makes no user namespaces"));
  EXPECT_THAT(told(R"({"container":{"first_user":165535,"user_ranges":9}})"),
              ElementsAre(HasSubstr("have ids"), HasSubstr("no user namespaces"),
                          HasSubstr("subuid gives some of those ids"),
                          HasSubstr("subgid gives some of those ids")));
}

}  // namespace
}  // namespace drover::doctor
