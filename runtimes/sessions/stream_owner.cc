#include "runtimes/sessions/stream_owner.h"

#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <sstream>

#include "agent/system/file.h"

namespace drover::runtimes {
namespace {

/// By /proc/PID/uid_map or gid_map (user_namespaces(7)).
std::optional<std::uint32_t> id_on_node(pid_t process, const char* map, std::uint32_t inside) {
  const std::string text = system::read_file(fmt::format("/proc/{}/{}", process, map)).value_or("");
  std::istringstream lines(text);
  std::uint64_t first = 0;
  std::uint64_t outside = 0;
  std::uint64_t count = 0;
  while (lines >> first >> outside >> count) {
    if (inside >= first && inside - first < count) {
      return static_cast<std::uint32_t>(outside + inside - first);
    }
  }
  return std::nullopt;
}

std::uint32_t number_in(std::string_view text) {
  std::uint32_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

std::optional<StreamOwner> stream_owner(pid_t first, std::uint32_t uid, std::uint32_t gid) {
  if (first <= 0) {
    return std::nullopt;
  }
  const auto user = id_on_node(first, "uid_map", uid);
  const auto group = id_on_node(first, "gid_map", gid);
  if (!user || !group || (*user == uid && *group == gid)) {
    return std::nullopt;
  }
  return StreamOwner{*user, *group};
}

std::optional<StreamOwner> stream_owner(pid_t first, std::string_view user) {
  const std::size_t colon = user.find(':');
  return stream_owner(first, number_in(user.substr(0, colon)),
                      colon == std::string_view::npos ? 0 : number_in(user.substr(colon + 1)));
}

Result<> give_stream(int stream, const std::optional<StreamOwner>& owner) {
  return !owner || fchown(stream, owner->uid, owner->gid) == 0
             ? Result<>()
             : fail(Code::broken, "give its streams to the program: {}", std::strerror(errno));
}

json::Value to_json(const StreamOwner& owner) {
  return json::Array{owner.uid, owner.gid};
}

std::optional<StreamOwner> read_stream_owner(const json::Value& value) {
  const json::Array* const ids = value.array();
  if (ids == nullptr || ids->size() != 2) {
    return std::nullopt;
  }
  return StreamOwner{static_cast<uid_t>(ids->front().integer_or(0)),
                     static_cast<gid_t>(ids->back().integer_or(0))};
}

}  // namespace drover::runtimes
