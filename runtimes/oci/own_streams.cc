#include "runtimes/oci/own_streams.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>

namespace drover::runtimes {
namespace {

/// The node's id of what is `inside` by a member linux.uidMappings or gidMappings.
std::optional<std::uint32_t> id_on_node(const Spec& spec, const char* mappings,
                                        std::int64_t inside) {
  const json::Array* maps = spec.document().at("linux").at(mappings).array();
  if (maps == nullptr || maps->empty()) {
    return std::nullopt;
  }
  return static_cast<std::uint32_t>(maps->front().at("hostID").integer_or(0) + inside);
}

}  // namespace

Result<> give_stream(const Spec& spec, const system::Path& stream) {
  const json::Value& user = spec.document().at("process").at("user");
  const auto uid = id_on_node(spec, "uidMappings", user.at("uid").integer_or(0));
  const auto gid = id_on_node(spec, "gidMappings", user.at("gid").integer_or(0));
  struct stat facts {};
  if (!uid || !gid || stat(stream.c_str(), &facts) != 0 || !S_ISFIFO(facts.st_mode)) {
    return {};
  }
  return ::chown(stream.c_str(), *uid, *gid) == 0 ? Result<>()
                                                  : fail(Code::broken, "give {} to the program: {}",
                                                         stream.native(), std::strerror(errno));
}

Result<> give_streams(const Spec& spec, pid_t pid) {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    TRY(give_stream(spec, fmt::format("/proc/{}/fd/{}", pid, stream)));
  }
  return {};
}

}  // namespace drover::runtimes
