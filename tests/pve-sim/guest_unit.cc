#include "tests/pve-sim/guest_unit.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <sstream>

#include "agent/system/child.h"
#include "agent/system/clock.h"
#include "agent/system/file.h"

namespace drover::pve_sim {
namespace {

constexpr std::chrono::milliseconds kPauseOfStart{20};

/// As systemd.service(5) tells, as far as units of guests have it.
std::vector<std::string> words_of(std::string_view line, std::string_view instance) {
  std::vector<std::string> words;
  bool inside = false;
  char quote = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quote == 0 && c == ' ') {
      inside = false;
      continue;
    }
    if (!inside) {
      words.emplace_back();
      inside = true;
    }
    if (c == quote) {
      quote = 0;
    } else if (quote == 0 && (c == '"' || c == '\'')) {
      quote = c;
    } else if (line.substr(i).starts_with("%i")) {
      words.back() += instance;
      ++i;
    } else {
      words.back() += c;
    }
  }
  return words;
}

std::string text_of(const json::Object& config, const char* key) {
  const json::Value* value = config.find(key);
  return std::string(value == nullptr ? "" : value->string_or(""));
}

/// The unit's own text and those of its drop-ins, in their order.
std::vector<std::string> texts_of_unit(const Place& place, const std::string& vmid) {
  std::vector<path> files =
      system::children_of(place.units() / fmt::format("pve-container@{}.service.d", vmid));
  std::erase_if(files, [](const path& file) { return file.extension() != ".conf"; });
  std::sort(files.begin(), files.end());
  files.insert(files.begin(), place.units() / "pve-container@.service");
  std::vector<std::string> texts;
  texts.reserve(files.size());
  for (const path& file : files) {
    texts.push_back(system::read_file(file).value_or(""));
  }
  return texts;
}

bool is_running(const Place& place, const std::string& vmid, const system::Stop& stop) {
  const Result<std::string> told =
      system::run_ok({"lxc-info", "-P", place.lxc_path.string(), "-n", vmid, "-s", "-H"}, stop);
  return told.value_or("") == "RUNNING\n";
}

}  // namespace

Result<> make_guest_units(const Place& place) {
  const path program = place.directory / "bin" / "lxc-start";
  for (const path& folder :
       {place.units(), program.parent_path(), place.ended(), place.guest_configs()}) {
    TRY(system::make_folders(folder));
  }
  // Behind -F -n, the third word is the guest.
  TRY(system::write_atomically(
      program,
      fmt::format("#!/bin/sh\n"
                  "guest={}/$3\n"
                  "set -- -P {} -f \"$guest/config\" -o \"$guest/log\" \"$@\" --\n"
                  "while IFS= read -r word; do set -- \"$@\" \"$word\"; done "
                  "<\"$guest/program\"\n"
                  "exec lxc-start \"$@\"\n",
                  place.lxc_path.string(), place.lxc_path.string()),
      0755));
  return system::write_atomically(
      place.units() / "pve-container@.service",
      fmt::format("[Service]\nType=simple\nExecStart={} -F -n %i\nStandardOutput=null\n",
                  program.string()));
}

std::vector<std::string> exec_start(const std::vector<std::string>& texts,
                                    std::string_view instance) {
  constexpr std::string_view kKey = "ExecStart=";
  std::string command;
  for (const std::string& text : texts) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with(kKey)) {
        command = line.substr(kKey.size());
      }
    }
  }
  return words_of(command, instance);
}

Result<> start_unit(const Place& place, const std::string& vmid, const json::Object& config,
                    const std::vector<std::string>& program, const system::Stop& stop) {
  std::string lines;
  for (const std::string& word : program) {
    lines += word + "\n";
  }
  TRY(system::write_atomically(place.lxc_path / vmid / "program", lines));
  // What /etc/pve/lxc has of it, as far as anybody on the node reads it.
  TRY(system::write_atomically(place.guest_configs() / (vmid + ".conf"),
                               fmt::format("hostname: {}\ntags: {}\n", text_of(config, "hostname"),
                                           text_of(config, "tags"))));
  const path ended = place.ended() / vmid;
  TRY(system::remove_tree(ended));
  std::vector<std::string> argv{
      "setsid",
      "--fork",
      "/bin/sh",
      "-c",
      R"(exec </dev/null >/dev/null 2>"$0.stderr"; "$@"; echo $? >"$0.new"; mv "$0.new" "$0")",
      ended.string()};
  const std::vector<std::string> command = exec_start(texts_of_unit(place, vmid), vmid);
  argv.insert(argv.end(), command.begin(), command.end());
  TRY(system::run_ok(argv, stop));
  system::SystemClock clock;
  while (!is_running(place, vmid, stop)) {
    if (const Result<std::string> code = system::read_file(ended)) {
      return *code == "0\n" ? Result<>() : fail(Code::broken, "exit code {}", *code);
    }
    TRY(clock.sleep_for(kPauseOfStart, stop));
  }
  return {};
}

}  // namespace drover::pve_sim
