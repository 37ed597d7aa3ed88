// The programs of a fake node that print what they read.
#include <algorithm>
#include <charconv>
#include <optional>

#include "fakes/fake_state.h"

namespace drover::fakes {
namespace {

/// Of a program with the word "cat": what an "exit N" behind it says, else 0.
std::optional<int> code_of_reader(const std::vector<std::string>& command) {
  const std::string script = command.empty() ? "" : command.back();
  if (script.find("cat") == std::string::npos) {
    return std::nullopt;
  }
  constexpr std::string_view kExit = "exit ";
  const std::size_t exit = script.rfind(kExit);
  int code = 0;
  if (exit != std::string::npos) {
    std::from_chars(script.data() + exit + kExit.size(), script.data() + script.size(), code);
  }
  return code;
}

}  // namespace

bool FakeState::has_ended(const json::Value& program) const {
  if (program.at("of").string_or("") == "job") {
    const auto job = jobs.find(std::string(program.at("id").string_or("")));
    return job == jobs.end() || is_final(job->second.state);
  }
  const auto container = containers.find(std::string(program.at("name").string_or("")));
  return container == containers.end() || container->second.status == Status::stopped;
}

Result<> FakeState::give(const json::Value& program, std::string_view bytes) {
  if (has_ended(program)) {
    return fail(Code::conflict, "it has ended");
  }
  const bool is_job = program.at("of").string_or("") == "job";
  const std::string object(program.at(is_job ? "id" : "name").string_or(""));
  inputs[object].text += bytes;
  std::string& log = is_job ? jobs.at(object).log : containers.at(object).log;
  while (!bytes.empty()) {
    const std::size_t size = std::min(bytes.find('\n'), bytes.size());
    log += fmt::format("2027-01-15T08:00:00.000000000Z stdout {} {}\n",
                       size < bytes.size() ? "F" : "P", bytes.substr(0, size));
    bytes.remove_prefix(std::min(size + 1, bytes.size()));
  }
  if (inputs[object].text.ends_with('\x04')) {
    end_reader(object);
  }
  return {};
}

Result<> FakeState::end_input(const json::Value& program) {
  if (has_ended(program)) {
    return fail(Code::conflict, "it has ended");
  }
  const std::string object(program.at("id").string_or(program.at("name").string_or("")));
  inputs[object].finished = true;
  end_reader(object);
  return {};
}

void FakeState::end_reader(const std::string& object) {
  if (const auto job = jobs.find(object); job != jobs.end()) {
    if (const auto code = code_of_reader(job->second.request.options.command)) {
      end_job(job->second, json::Value(json::Object{{"code", *code}}));
    }
    return;
  }
  std::vector<std::string> command;
  if (const json::Array* words = containers.at(object).spec.at("command").array()) {
    for (const json::Value& word : *words) {
      command.emplace_back(word.string_or(""));
    }
  }
  if (const auto code = code_of_reader(command)) {
    finish(object, *code);
  }
}

}  // namespace drover::fakes
