#include "runtimes/guest/guest_output.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>

#include "agent/system/crash_point.h"
#include "agent/system/service_units.h"
#include "runtimes/guest/guest_tags.h"
#include "runtimes/log_rotation.h"

namespace drover::runtimes {
namespace {

using system::Path;

constexpr std::string_view kUnit = "pve-container@";
constexpr std::string_view kFolderEnd = ".service.d";
constexpr const char* kFile = "drover.conf";
constexpr std::string_view kHeading = "# Drover: container ";
constexpr std::string_view kOfJob = " of job ";
/// Longer than any that `drop_in` writes.
constexpr std::size_t kMostDropInBytes = 16384;

std::string service_of(Vmid vmid) {
  return fmt::format("{}{}.service", kUnit, vmid.value);
}

/// Whether neither systemd nor a shell takes any of it for anything but a path.
bool is_plain(const Path& path) {
  const std::string& text = path.native();
  return std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || std::strchr("/._@-", c) != nullptr;
  });
}

/// That finds the text itself (regex(7)).
std::string pattern_of(std::string_view text) {
  std::string pattern;
  for (const char c : text) {
    pattern += c == '+' || c == '.' ? std::string{'[', c, ']'} : std::string(1, c);
  }
  return pattern;
}

/// What it is called until it is whole: systemd takes only names that end in .conf.
Path unnamed(const Path& file) {
  return file.native() + ".new";
}

/// Not synced: what a power cut leaves of it is all or nothing, and without it a guest starts too.
Result<> replace(const Path& file, std::string_view text) {
  const Path fresh = unnamed(file);
  const system::UniqueFd out(
      ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644));
  if (!out.valid()) {
    return fail(Code::broken, "make {}: {}", fresh.native(), std::strerror(errno));
  }
  system::crash_point("drop-in before its text");
  TRY(system::write_all(out.get(), text).context("write " + fresh.native()));
  system::crash_point("drop-in before its name");
  if (std::rename(fresh.c_str(), file.c_str()) != 0) {
    return fail(Code::broken, "rename to {}: {}", file.native(), std::strerror(errno));
  }
  return {};
}

/// One that has no text yet was left so by an end in its middle.
std::optional<FoundDropIn> read_drop_in(const Path& file) {
  Result<std::string> text = system::read_file(file, kMostDropInBytes);
  if (!text) {
    text = system::read_file(unnamed(file), kMostDropInBytes);
  }
  if (!text || text->empty()) {
    return text ? std::optional(FoundDropIn{file, "", ""}) : std::nullopt;
  }
  const std::string_view line = std::string_view(*text).substr(0, text->find('\n'));
  const std::size_t job = line.find(kOfJob);
  if (!line.starts_with(kHeading) || job == std::string_view::npos) {
    return std::nullopt;
  }
  return FoundDropIn{file, std::string(line.substr(kHeading.size(), job - kHeading.size())),
                     std::string(line.substr(job + kOfJob.size()))};
}

}  // namespace

std::vector<FoundDropIn> found_drop_ins(const Path& units) {
  std::vector<FoundDropIn> found;
  for (const Path& folder : system::children_of(units)) {
    const std::string name = folder.filename().native();
    if (!name.starts_with(kUnit) || !name.ends_with(kFolderEnd)) {
      continue;
    }
    if (std::optional<FoundDropIn> one = read_drop_in(folder / kFile)) {
      found.push_back(std::move(*one));
    }
  }
  return found;
}

Result<> remove_drop_in(const Path& file) {
  for (const Path& path : {file, unnamed(file)}) {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
      return fail(Code::broken, "remove {}: {}", path.native(), std::strerror(errno));
    }
  }
  // What an admin has put there stays.
  ::rmdir(file.parent_path().c_str());
  return {};
}

std::string start_program(std::string_view unit) {
  constexpr std::string_view kKey = "ExecStart=";
  constexpr std::string_view kWords = " -F -n %i";
  std::string program;
  while (!unit.empty()) {
    std::string_view line = unit.substr(0, unit.find('\n'));
    unit.remove_prefix(std::min(line.size() + 1, unit.size()));
    if (!line.starts_with(kKey)) {
      continue;
    }
    line.remove_prefix(kKey.size());
    if (!program.empty() || !line.ends_with(kWords)) {
      return "";
    }
    line.remove_suffix(kWords.size());
    if (!line.ends_with("/lxc-start") || !is_plain(line)) {
      return "";
    }
    program = line;
  }
  return program;
}

Result<std::string> GuestOutput::program() const {
  if (options_.units.empty()) {
    return fail(Code::refused, "the node has no folder for units");
  }
  if (!is_plain(options_.units) || !is_plain(options_.configs) ||
      !is_plain(options_.layout.state)) {
    return fail(Code::refused,
                "one of proxmox.unit_folder, proxmox.guest_folder and runtime.state_folder has "
                "characters that a unit cannot name");
  }
  const std::string name = fmt::format("{}.service", kUnit);
  std::string program;
  for (const Path& folder :
       {options_.units, Path("/usr/lib/systemd/system"), Path("/lib/systemd/system")}) {
    if (const Result<std::string> text = system::read_file(folder / name, kMostDropInBytes)) {
      program = start_program(*text);
      break;
    }
  }
  return program.empty() ? fail(Code::refused,
                                "the unit pve-container@.service is not there, or does not start "
                                "guests by lxc-start -F -n %i")
                         : Result<std::string>(std::move(program));
}

std::string GuestOutput::why_not() const {
  const Result<std::string> known = program();
  return known ? std::string() : known.error().message;
}

Path GuestOutput::drop_in_file(Vmid vmid) const {
  return options_.units / (service_of(vmid) + ".d") / kFile;
}

/// systemd takes it once nothing of the guest's unit is loaded, as of any that has ended. It shall
/// harm no guest: without Drover's folder, with the drop-in gone though it is loaded still, and of
/// a guest that somebody else has made with the same number, all is as Proxmox would have it.
std::string GuestOutput::drop_in(const Container& container, Vmid vmid,
                                 const std::string& program) const {
  const std::string start = fmt::format("{} -F -n {}", program, vmid.value);
  const std::string log = options_.layout.log(container.name).native();
  const std::string tag = pattern_of(tags_of(container).at(1));
  const std::string condition = fmt::format(
      R"(test -e {} && grep -qsxE "tags:(.*[;, ])?{}([;, ].*)?" {} && {{ true >>{}; }} 2>/dev/null)",
      drop_in_file(vmid).native(), tag,
      (options_.configs / fmt::format("{}.conf", vmid.value)).native(), log);
  return fmt::format(
      "{}{}{}{}\n"
      "# What the guest prints is kept in the container's log. It goes with the container.\n"
      "[Service]\n"
      "ExecStart=\n"
      "ExecStart=/bin/sh -c 'if {}; then exec {} -L {} -s lxc.console.size={} "
      "-s lxc.console.rotate=1; fi; exec {}'\n",
      kHeading, container.name.str(), kOfJob, container.job.str(), condition, start, log,
      options_.file_bytes, start);
}

Result<> GuestOutput::keep(const Container& container, Vmid vmid) const {
  TRY(keep_where_possible(container, vmid));
  return {};
}

Result<bool> GuestOutput::keep_where_possible(const Container& container, Vmid vmid) const {
  const std::string what = "keep the output of container " + container.name.str();
  const Result<std::string> known = program();
  if (!known) {
    const bool has_one = read_drop_in(drop_in_file(vmid)).has_value();
    TRY(forget(container).context(what));
    if (has_one) {
      system::forget_failed_unit(service_of(vmid));
    }
    return false;
  }
  const std::string text = drop_in(container, vmid, *known);
  const Path file = drop_in_file(vmid);
  TRY(system::make_folders(options_.layout.container(container.name), 0700).context(what));
  TRY(begin_rotated_log(options_.layout.log(container.name)).context(what));
  if (system::read_file(file, kMostDropInBytes).value_or("") == text) {
    return true;
  }
  TRY(system::make_folders(file.parent_path()).context(what));
  TRY(replace(file, text).context(what));
  system::forget_failed_unit(service_of(vmid));
  return true;
}

void GuestOutput::keep_for_start(const Container& container, Vmid vmid) const {
  const Result<bool> kept = keep_where_possible(container, vmid);
  if (!kept) {
    warn(kept.error().message);
    return;
  }
  const Result<> turned =
      *kept ? turn_rotated_log(options_.layout.log(container.name), {options_.file_bytes, 2})
            : Result<>();
  if (!turned) {
    warn(turned.error().message);
  }
}

Result<> GuestOutput::forget(const Container& container) const {
  Result<> first;
  for (const FoundDropIn& found : found_drop_ins(options_.units)) {
    if (found.job == container.job.str() && found.container == container.name.str()) {
      Result<> removed = remove_drop_in(found.file);
      first = first ? std::move(removed) : std::move(first);
    }
  }
  return first;
}

}  // namespace drover::runtimes
