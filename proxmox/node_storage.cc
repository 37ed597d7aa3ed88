#include "proxmox/node_storage.h"

#include <charconv>
#include <utility>

#include "agent/system/child.h"

namespace drover::proxmox {
namespace {

/// Proxmox gives up on a storage's lock after 10 s, and on what it does under it after 60 s.
constexpr std::chrono::minutes kNodeStorageTimeout{3};
constexpr std::size_t kMostSaid = 64 * 1024;

constexpr int kCannot = 1;
constexpr int kHasNoModule = 3;

}  // namespace

Result<std::string> NodeStorage::run(const std::string& verb, std::vector<std::string> arguments,
                                     const system::Stop& stop) const {
  std::string what = verb;
  std::vector<std::string> argv = {program_.native(), verb};
  for (std::string& argument : arguments) {
    what += " " + argument;
    argv.push_back(std::move(argument));
  }
  if (program_.empty()) {
    return fail(Code::refused, "{}: this node has no drover-storage", what);
  }
  system::RunOptions options;
  options.most_output = kMostSaid;
  options.timeout = kNodeStorageTimeout;
  const Result<system::Output> ran = system::run(argv, stop, options);
  if (!ran) {
    return ran.error().code == Code::not_found
               ? fail(Code::refused, "{}: this node has no {}", what, program_.native())
               : Failure(Error(ran.error()).context(what));
  }
  const int code = ran->ending.code;
  if (code == 0) {
    return ran->out.substr(0, ran->out.find('\n'));
  }
  const std::string_view why = ran->last_line();
  if (code == kHasNoModule) {
    return fail(Code::refused, "{}: {}", what, why);
  }
  if (code == kCannot) {
    return fail(why.ends_with("does not exist") ? Code::not_found : Code::unavailable, "{}: {}",
                what, why);
  }
  return fail(Code::broken, "{}: {} ended with {}: {}", what, program_.native(), code, why);
}

Result<> NodeStorage::check(const system::Stop& stop) const {
  TRY(run("check", {}, stop));
  return {};
}

Result<std::filesystem::path> NodeStorage::activate(const std::string& volid,
                                                    const system::Stop& stop) const {
  std::filesystem::path path = TRY(run("activate", {volid}, stop));
  if (!path.is_absolute()) {
    return fail(Code::broken, "activate {}: it is at \"{}\", which is no path on this node", volid,
                path.native());
  }
  return path;
}

Result<std::uint64_t> NodeStorage::grow(const std::string& volid, std::uint64_t bytes,
                                        const system::Stop& stop) const {
  const std::string said = TRY(run("resize", {volid, std::to_string(bytes)}, stop));
  std::uint64_t size = 0;
  const char* end = said.data() + said.size();
  if (std::from_chars(said.data(), end, size).ptr != end || size < bytes) {
    return fail(Code::broken, "grow {} to {} bytes: \"{}\" was answered", volid, bytes, said);
  }
  return size;
}

}  // namespace drover::proxmox
