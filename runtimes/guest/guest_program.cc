#include "runtimes/guest/guest_program.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "agent/core/ascii.h"

namespace drover::runtimes {
namespace {

/// Both stand on a line of the guest's configuration.
bool fits_on_line(std::string_view text) {
  return std::none_of(text.begin(), text.end(), is_control);
}

/// Proxmox reads the configuration as Latin-1 here and as UTF-8 there, so that other letters change
/// each time it is written.
bool is_ascii(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return (static_cast<unsigned char>(c) & 0x80U) != 0; });
}

bool is_quote(char c) {
  return c == '"' || c == '\'';
}

Result<std::string> quoted(const std::string& word) {
  if (!fits_on_line(word)) {
    return fail(Code::refused,
                "pve-lxc, command: Proxmox takes no line breaks, tabs and other "
                "control characters; put them into a script of the image");
  }
  if (!is_ascii(word)) {
    return fail(Code::refused,
                "pve-lxc, command: Proxmox garbles letters that are not ASCII, as in {}; put them "
                "into a script of the image",
                word);
  }
  const bool is_plain =
      !word.empty() && !is_quote(word.front()) && word.find(' ') == std::string::npos;
  if (is_plain) {
    return word;
  }
  for (const char quote : {'\'', '"'}) {
    if (word.find(quote) == std::string::npos) {
      return quote + word + quote;
    }
  }
  return fail(Code::refused,
              "pve-lxc, command: LXC has no way to write a word with blanks and both kinds of "
              "quotes ({}); put it into a script of the image",
              word);
}

std::vector<std::string> split_variables(std::string_view text) {
  std::vector<std::string> variables;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\0'), text.size());
    variables.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return variables;
}

Result<> check_variable(std::string_view name, std::string_view value) {
  const bool is_word =
      std::all_of(name.begin(), name.end(), [](char c) { return is_alphanumeric(c) || c == '_'; });
  if (!is_word) {
    return fail(Code::refused,
                "Proxmox takes no variable called {}, but of letters, digits and '_' only", name);
  }
  if (!fits_on_line(value) || value.ends_with(' ')) {
    return fail(Code::refused,
                "Proxmox keeps a variable on one line and without blanks at its end, and {} has "
                "such",
                name);
  }
  if (!is_ascii(value)) {
    return fail(Code::refused,
                "Proxmox garbles letters that are not ASCII, and {} has such; put them into a file "
                "of the image",
                name);
  }
  return {};
}

/// Of those of the image that stay beside the job's: with one that it would not take, Proxmox
/// refuses the whole change.
Result<> check_image(std::string_view before, const std::map<std::string, std::string>& env) {
  for (const std::string& variable : split_variables(before)) {
    const std::size_t end = std::min(variable.find('='), variable.size());
    const std::string name = variable.substr(0, end);
    if (env.contains(name)) {
      continue;
    }
    const Result<> checked =
        check_variable(name, std::string_view(variable).substr(std::min(end + 1, variable.size())));
    if (!checked) {
      return fail(Code::refused,
                  "pve-lxc, env: none can be added to those of the image, of which one is in the "
                  "way: {}; make the image without it, or have the job name no variables",
                  checked.error().message);
    }
  }
  return {};
}

/// Parted by NULs, as the API has them.
std::string with_variables(std::string_view before, const std::map<std::string, std::string>& env) {
  std::string text;
  const auto add = [&text](std::string_view variable) {
    if (!text.empty()) {
      text.push_back('\0');
    }
    text += variable;
  };
  for (const std::string& variable : split_variables(before)) {
    if (!env.contains(variable.substr(0, variable.find('=')))) {
      add(variable);
    }
  }
  for (const auto& [name, value] : env) {
    add(name + "=" + value);
  }
  return text;
}

}  // namespace

bool is_archive(const std::string& image) {
  return image.find(":vztmpl/") != std::string::npos && image.ends_with(".tar");
}

Result<std::string> entrypoint_of(const std::vector<std::string>& command) {
  std::string line;
  for (const std::string& word : command) {
    const std::string next = TRY(quoted(word));
    line += (line.empty() ? "" : " ") + next;
  }
  // A value in quotes loses them before it is split.
  const bool is_in_quotes =
      line.size() > 1 && is_quote(line.front()) && line.back() == line.front();
  return is_in_quotes ? '"' + line + '"' : line;
}

Result<> check_environment(const std::map<std::string, std::string>& env) {
  for (const auto& [name, value] : env) {
    TRY(check_variable(name, value).context("pve-lxc, env"));
  }
  return {};
}

Result<proxmox::Form> program_form(const ContainerSpec& spec, const json::Value& config) {
  proxmox::Form form;
  const auto want = [&](const std::string& key, std::string value) {
    if (config.at(key).string_or("") != value) {
      form.emplace_back(key, std::move(value));
    }
  };
  if (!spec.command.empty()) {
    std::string entrypoint = TRY(entrypoint_of(spec.command));
    want("entrypoint", std::move(entrypoint));
    // What is no init opens no terminals.
    want("cmode", "console");
  }
  if (!spec.env.empty()) {
    const std::string before(config.at("env").string_or(""));
    std::string after = with_variables(before, spec.env);
    if (after != before) {
      TRY(check_image(before, spec.env));
    }
    want("env", std::move(after));
  }
  return form;
}

}  // namespace drover::runtimes
