#include "runtimes/oci/live_state.h"

#include <filesystem>
#include <limits>

#include "agent/core/json.h"
#include "runtimes/oci/bundle.h"

namespace drover::runtimes {
namespace {

Result<Status> status_of(std::string_view word) {
  for (const Status status :
       {Status::creating, Status::created, Status::running, Status::paused, Status::stopped}) {
    if (to_string(status) == word) {
      return status;
    }
  }
  return fail(Code::broken, "it is in a state that nobody knows, \"{}\"", word.substr(0, 60));
}

bool has_folder(const CommandLine& runtime, const std::string& name) {
  std::error_code error;
  return std::filesystem::is_directory(runtime.root() / name, error);
}

}  // namespace

Result<LiveState> parse_live_state(std::string_view text) {
  const json::Value answer = TRY(json::parse(text).context("the state of the container"));
  LiveState state;
  state.status = TRY(status_of(answer.at("status").string_or("")));
  const std::int64_t pid = answer.at("pid").integer_or(0);
  if (pid < 0 || pid > std::numeric_limits<pid_t>::max()) {
    return fail(Code::broken, "its process has number {}", pid);
  }
  // A stopped one may still carry the number that its process had.
  state.pid = state.status == Status::stopped ? 0 : static_cast<pid_t>(pid);
  state.job = answer.at("annotations").at(kJobAnnotation).string_or("");
  return state;
}

Result<std::optional<LiveState>> ask_live_state(const CommandLine& runtime, const std::string& name,
                                                const system::Stop& stop) {
  if (!has_folder(runtime, name)) {
    return std::optional<LiveState>();
  }
  const Result<std::string> answer = runtime.run({"state", name}, stop);
  if (!answer) {
    if (answer.error().code == Code::broken && !has_folder(runtime, name)) {
      return std::optional<LiveState>();
    }
    return Failure(answer.error());
  }
  const LiveState state =
      TRY(parse_live_state(*answer).context(fmt::format("ask for container {}", name)));
  return std::optional(state);
}

}  // namespace drover::runtimes
