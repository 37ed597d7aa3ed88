#include "drover_program.h"

namespace drover::cli {

system::Output DroverProgram::drover_on(const std::string& bus,
                                        std::vector<std::string> arguments) {
  return drover_with({{"DROVER_BUS", bus}}, std::move(arguments));
}

system::Output DroverProgram::drover_with(std::map<std::string, std::string> environment,
                                          std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), DROVER_PROGRAM);
  system::RunOptions options;
  options.child.env = {{"TZ", "UTC"}};
  for (auto& [key, value] : environment) {
    options.child.env.insert_or_assign(key, value);
  }
  options.timeout = std::chrono::seconds(60);
  const Result<system::Output> output = system::run(arguments, stop_, options);
  EXPECT_TRUE(output) << output.error().message;
  return output.value_or(system::Output{});
}

system::Output DroverProgram::drover(std::vector<std::string> arguments) {
  return drover_on(node_.bus().native(), std::move(arguments));
}

void DroverProgram::have_container(const std::string& name, const std::string& script) {
  const system::Output output = drover({"run", "--quiet", "--name", name, "--image",
                                        "oci:/images/busybox:1", "--", "sh", "-c", script});
  ASSERT_EQ(output.ending.code, 0) << output.err;
}

}  // namespace drover::cli
