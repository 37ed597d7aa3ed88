#include "runtimes/oci/command_line.h"

#include "agent/core/json.h"

namespace drover::runtimes {
namespace {

/// Calls `see` for each line from the last to the first, until it returns true.
template <class See>
void for_lines_backwards(std::string_view text, See see) {
  while (!text.empty()) {
    const std::size_t newline = text.rfind('\n');
    const std::size_t start = newline == std::string_view::npos ? 0 : newline + 1;
    if (see(text.substr(start))) {
      return;
    }
    text = text.substr(0, newline == std::string_view::npos ? 0 : newline);
  }
}

}  // namespace

std::string last_error_record(std::string_view text) {
  std::string message;
  for_lines_backwards(text, [&](std::string_view line) {
    const Result<json::Value> record = json::parse(line);
    if (!record) {
      return false;
    }
    const std::string_view level = record->at("level").string_or("");
    if (level != "error" && level != "fatal") {
      return false;
    }
    message = record->at("msg").string_or("");
    return !message.empty();
  });
  return message;
}

std::string last_error(std::string_view text) {
  std::string message = last_error_record(text);
  if (message.empty()) {
    for_lines_backwards(text, [&](std::string_view line) {
      const std::size_t start = line.find_first_not_of(" \t\r");
      if (start == std::string_view::npos) {
        return false;
      }
      message = line.substr(start, line.find_last_not_of(" \t\r") - start + 1);
      return true;
    });
  }
  return message;
}

CommandLine::CommandLine(Path program, Path root, bool systemd_cgroup)
    : program_(std::move(program)), root_(std::move(root)), systemd_cgroup_(systemd_cgroup) {}

std::vector<std::string> CommandLine::argv(const std::vector<std::string>& words,
                                           const Path& log) const {
  std::vector<std::string> all{program_.native(), "--root", root_.native(), "--log-format", "json"};
  if (!log.empty()) {
    all.insert(all.end(), {"--log", log.native()});
  }
  if (systemd_cgroup_) {
    all.emplace_back("--systemd-cgroup");
  }
  all.insert(all.end(), words.begin(), words.end());
  return all;
}

Result<std::string> CommandLine::run(const std::vector<std::string>& words,
                                     const system::Stop& stop) const {
  system::Output output = TRY(system::run(argv(words), stop));
  if (output.ending.code != 0) {
    std::string shown = program_.filename().native();
    for (const std::string& word : words) {
      shown += " " + word;
    }
    std::string said = last_error(output.err);
    if (said.empty()) {
      said = output.last_line();
    }
    return fail(Code::broken, "{}: ended with {}: {}", shown, output.ending.code, said);
  }
  return std::move(output.out);
}

}  // namespace drover::runtimes
