#include <gmock/gmock.h>

#include "agent/core/config.h"

namespace drover {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

TEST(ConfigDispatch, ServersAreReadAndWrittenAlike) {
  EXPECT_THAT(parse_config("{}").value().dispatch.servers, IsEmpty());
  const DispatchConfig read =
      parse_config(R"({"dispatch":{"servers":[{"address":"10.0.0.9","key":"d1"},
                      {"address":"2001:db8::9","port":7200,"key":"d2"}]}})")
          .value()
          .dispatch;
  EXPECT_EQ(read.servers,
            (std::vector<DispatchServer>{{"10.0.0.9", 7130, "d1"}, {"2001:db8::9", 7200, "d2"}}));
  const json::Value text = json::Object{{"servers", to_json(read.servers)}};
  Faults faults;
  EXPECT_EQ(read_dispatch_section(text, "", faults).servers, read.servers);
  EXPECT_TRUE(faults.empty());
}

TEST(ConfigDispatch, EachFaultIsToldWithItsPlace) {
  for (const auto& [server, place] : std::vector<std::pair<std::string, std::string>>{
           {R"({"key":"d1"})", "/dispatch/servers/0/address"},
           {R"({"address":"dispatcher","key":"d1"})", "/dispatch/servers/0/address"},
           {R"({"address":"10.0.0.9"})", "/dispatch/servers/0/key"},
           {R"({"address":"10.0.0.9","key":"d 1"})", "/dispatch/servers/0/key"},
           {R"({"address":"10.0.0.9","key":"d1","port":0})", "/dispatch/servers/0/port"},
           {R"({"address":"10.0.0.9","key":"d1","ports":1})", "/dispatch/servers/0/ports"},
           {R"({"address":"10.0.0.9","key":"d1"},{"address":"10.0.0.9","key":"d2"})",
            "/dispatch/servers"}}) {
    const Result<Config> read = parse_config(R"({"dispatch":{"servers":[)" + server + "]}}");
    ASSERT_FALSE(read) << server;
    EXPECT_THAT(to_text(read.error()), HasSubstr(place)) << server;
  }
}

}  // namespace
}  // namespace drover
