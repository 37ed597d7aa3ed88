#include "runtimes/lxc/lxc_tools.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

#include "agent/system/child.h"
#include "runtimes/oci/bundle.h"

namespace drover::runtimes {
namespace {

/// The text behind "LABEL:" at a line's start.
std::string_view labelled(std::string_view text, std::string_view label) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.starts_with(label)) {
      line.remove_prefix(label.size());
      line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
      return line;
    }
  }
  return {};
}

Status status_named(std::string_view state) {
  if (state == "RUNNING" || state == "STARTING" || state == "THAWED") {
    return Status::running;
  }
  if (state == "FROZEN" || state == "FREEZING") {
    return Status::paused;
  }
  if (state == "STOPPING" || state == "ABORTING") {
    return Status::stopping;
  }
  return state == "STOPPED" ? Status::stopped : Status::unknown;
}

std::vector<std::string> tool(const char* program, const system::Path& lxc_path,
                              const std::string& name) {
  return {program, "-P", lxc_path.native(), "-n", name};
}

Result<> run_tool(const char* program, const system::Path& lxc_path, const std::string& name,
                  const Stop& stop) {
  TRY(system::run_ok(tool(program, lxc_path, name), stop));
  return {};
}

}  // namespace

ExecRequest with_usual_terminal(ExecRequest request) {
  if (request.terminal) {
    const std::size_t equals = kUsualTerminal.find('=');
    request.env.try_emplace(std::string(kUsualTerminal.substr(0, equals)),
                            kUsualTerminal.substr(equals + 1));
  }
  return request;
}

Result<LxcLife> lxc_life(const system::Path& lxc_path, const std::string& name, const Stop& stop) {
  std::vector<std::string> argv = tool("lxc-info", lxc_path, name);
  argv.insert(argv.end(), {"-s", "-p"});
  const system::Output output = TRY(system::run(argv, stop));
  const std::string_view state = labelled(output.out, "State:");
  if (output.ending.code != 0 || state.empty()) {
    return fail(Code::not_found, "lxc-info of {}: {}", name, output.last_line());
  }
  LxcLife life{status_named(state), 0};
  const std::string_view pid = labelled(output.out, "PID:");
  std::from_chars(pid.data(), pid.data() + pid.size(), life.init);
  return life;
}

Result<> lxc_freeze(const system::Path& lxc_path, const std::string& name, const Stop& stop) {
  return run_tool("lxc-freeze", lxc_path, name, stop);
}

Result<> lxc_thaw(const system::Path& lxc_path, const std::string& name, const Stop& stop) {
  return run_tool("lxc-unfreeze", lxc_path, name, stop);
}

}  // namespace drover::runtimes
