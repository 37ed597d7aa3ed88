#include "agent/core/program_fields.h"

namespace drover {
namespace {

constexpr std::size_t kMostArguments = 1024;

bool is_normal_absolute(std::string_view path) {
  if (path.empty() || path.front() != '/' || path.size() > 4095 ||
      path.find('\0') != std::string_view::npos) {
    return false;
  }
  // ".." would make the checked text and the opened file two different things.
  std::string segments(path);
  segments += '/';
  return segments.find("/../") == std::string::npos;
}

bool is_environment_name(std::string_view name) {
  return !name.empty() && name.find('=') == std::string_view::npos &&
         name.find('\0') == std::string_view::npos;
}

}  // namespace

std::string read_path(Fields& fields, std::string_view key) {
  std::string path = fields.string(key);
  if (!path.empty() && !is_normal_absolute(path)) {
    fields.fault(key, "must be an absolute path without \"..\"");
  }
  return path;
}

std::string read_place(Fields& fields, std::string_view key) {
  fields.require(key);
  const json::Value* given = fields.any(key);
  std::string path = read_path(fields, key);
  if (given != nullptr && given->string() != nullptr && given->string()->empty()) {
    fields.fault(key, "must be an absolute path, and is empty");
  } else if (!path.empty() && path.find_first_not_of("/.") == std::string::npos) {
    fields.fault(key, "must not be the root itself");
  }
  return path;
}

void refuse_nul(Fields& fields, std::string_view key, std::string_view text) {
  if (text.find('\0') != std::string_view::npos) {
    fields.fault(key, "must not hold a NUL character");
  }
}

std::vector<std::string> read_arguments(Fields& fields, std::string_view key) {
  std::vector<std::string> arguments = fields.strings(key);
  if (arguments.size() > kMostArguments) {
    fields.fault(key, fmt::format("must have at most {} elements", kMostArguments));
  }
  for (const std::string& argument : arguments) {
    refuse_nul(fields, key, argument);
  }
  return arguments;
}

std::vector<std::string> read_command(Fields& fields) {
  std::vector<std::string> command = read_arguments(fields, "command");
  if (!command.empty() && command.front().empty()) {
    fields.fault("command", "must name a program first, not an empty string");
  }
  return command;
}

std::map<std::string, std::string> read_environment(Fields& fields) {
  std::map<std::string, std::string> environment = fields.strings_by_key("env");
  for (const auto& [name, value] : environment) {
    if (!is_environment_name(name)) {
      fields.fault("env", "must have names that are not empty and hold no '='");
    }
    refuse_nul(fields, "env", value);
  }
  return environment;
}

}  // namespace drover
