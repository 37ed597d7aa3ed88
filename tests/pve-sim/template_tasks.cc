#include "tests/pve-sim/template_tasks.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <functional>

#include "agent/system/child.h"
#include "agent/system/file.h"

namespace drover::pve_sim {
namespace {

std::string detail(const TaskRequest& request, const char* key) {
  return std::string(request.details.find(key)->string_or(""));
}

/// As PVE::Tools::run_command words it.
Result<> run_command(const std::vector<std::string>& argv, const TaskLog& log,
                     const system::Stop& stop) {
  system::RunOptions options;
  options.timeout = std::chrono::hours(1);
  const system::Output output = TRY(system::run(argv, stop, options));
  if (!output.last_line().empty()) {
    log.line(output.last_line());
  }
  if (output.ending.code != 0) {
    return fail(Code::broken, "command '{}' failed: exit code {}", fmt::join(argv, " "),
                output.ending.code);
  }
  return {};
}

Result<> verify(const std::string& file, const TaskRequest& request, const system::Stop& stop) {
  const std::string expected = detail(request, "checksum");
  if (expected.empty()) {
    return {};
  }
  const std::string said = TRY(system::run_ok({detail(request, "algorithm") + "sum", file}, stop));
  const std::string got = said.substr(0, said.find(' '));
  return got == expected
             ? Result<>()
             : fail(Code::broken, "checksum mismatch: got '{}' != expect '{}'", got, expected);
}

/// Made beside it first, so that what stands there is whole.
Result<> make_whole(const path& to, const std::function<Result<>(const std::string&)>& make) {
  const std::string beside = fmt::format("{}.tmp.{}", to.string(), getpid());
  Result<> made = make(beside);
  std::error_code error;
  if (made) {
    std::filesystem::rename(beside, to, error);
    return error ? fail(Code::broken, "unable to rename temporary file: {}", error.message())
                 : Result<>();
  }
  std::filesystem::remove(beside, error);
  return made;
}

}  // namespace

std::string kept_name(const std::string& wish) {
  std::string name = wish.substr(wish.find_last_of("/\\") + 1);
  std::replace_if(
      name.begin(), name.end(),
      [](unsigned char c) { return std::isalnum(c) == 0 && c != '_' && c != '.' && c != '-'; },
      '_');
  return name;
}

bool is_template_name(const std::string& name) {
  constexpr std::array kEndings{".tar", ".tar.gz", ".tar.xz", ".tar.zst", ".tar.bz2"};
  return std::any_of(kEndings.begin(), kEndings.end(), [&name](std::string_view ending) {
    return name.size() > ending.size() && name.ends_with(ending);
  });
}

std::string template_format(const std::string& name) {
  return name.ends_with(".tar") ? "tar" : "t" + name.substr(name.rfind('.') + 1);
}

Result<> download_template(const TaskRequest& request, const TaskLog& log,
                           const system::Stop& stop) {
  const path to = detail(request, "to");
  log.line(fmt::format("downloading {} to {}", detail(request, "url"), to.string()));
  if (std::filesystem::exists(to)) {
    if (detail(request, "checksum").empty()) {
      return fail(Code::broken, "refusing to override existing file '{}'", to.string());
    }
    const Result<> verified = verify(to, request, stop);
    if (!verified) {
      return fail(Code::broken, "{}, aborting", verified.error().message);
    }
    log.line(
        "calculating checksum of existing file...OK, got correct file already, no need to "
        "download");
    return {};
  }
  return make_whole(to, [&](const std::string& beside) -> Result<> {
    std::vector<std::string> argv{"curl",         "--fail",     "--silent",
                                  "--show-error", "--location", "--proto",
                                  "=http,https",  "--output",   beside};
    if (request.details.find("insecure")->boolean_or(false)) {
      argv.emplace_back("--insecure");
    }
    argv.push_back(detail(request, "url"));
    TRY(run_command(argv, log, stop));
    return verify(beside, request, stop);
  });
}

Result<> pull_template(const TaskRequest& request, const TaskLog& log, const system::Stop& stop) {
  return make_whole(detail(request, "to"), [&](const std::string& beside) {
    return run_command(
        {"skopeo", "copy", "docker://" + detail(request, "reference"), "oci-archive:" + beside},
        log, stop);
  });
}

}  // namespace drover::pve_sim
