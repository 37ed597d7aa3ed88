#include "tests/pve-sim/oci_guest.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <sstream>

#include "agent/system/child.h"
#include "agent/system/file.h"

namespace drover::pve_sim {
namespace {

constexpr const char* kNoMatch = "value does not match the regex pattern";

std::vector<std::string> strings(const json::Value& list) {
  std::vector<std::string> all;
  if (list.array() != nullptr) {
    for (const json::Value& one : *list.array()) {
      all.emplace_back(one.string_or(""));
    }
  }
  return all;
}

/// As String::ShellQuote does it.
std::string shell_quoted(const std::string& word) {
  const bool plain = !word.empty() && std::all_of(word.begin(), word.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 ||
           std::string_view("_!%+,-./:=@^").find(static_cast<char>(c)) != std::string_view::npos;
  });
  if (plain) {
    return word;
  }
  std::string text = "'";
  for (const char c : word) {
    text += c == '\'' ? "'\\''" : std::string(1, c);
  }
  return text + "'";
}

/// The field `wanted` of the line whose field `key` is `value`; "" when there is none.
std::string field_of(const path& file, std::size_t key, const std::string& value,
                     std::size_t wanted) {
  std::istringstream lines(system::read_file(file).value_or(""));
  for (std::string line; std::getline(lines, line);) {
    std::vector<std::string> fields;
    std::istringstream rest(line);
    for (std::string field; std::getline(rest, field, ':');) {
      fields.push_back(field);
    }
    if (fields.size() > std::max(key, wanted) && fields[key] == value) {
      return fields[wanted];
    }
  }
  return "";
}

bool is_number(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

void add_user(const std::string& wish, const path& root, json::Array& keys) {
  const std::string user = wish.substr(0, wish.find(':'));
  const std::string group = wish.substr(std::min(user.size() + 1, wish.size()));
  const path passwd = root / "etc/passwd";
  const std::string uid = is_number(user) ? user : field_of(passwd, 0, user, 2);
  std::string gid = is_number(group) ? group : field_of(root / "etc/group", 0, group, 2);
  if (group.empty()) {
    gid = field_of(passwd, 2, uid, 3);
  }
  for (const auto& [key, value] :
       {std::pair("lxc.init.uid", uid), std::pair("lxc.init.gid", gid)}) {
    if (!value.empty()) {
      keys.emplace_back(json::Array{key, value});
    }
  }
}

void manage_networks(json::Object& config, const TaskLog& log) {
  for (auto& [key, value] : config) {
    const std::string net(value.string_or(""));
    if (key.starts_with("net") && net.find("host-managed=") == std::string::npos) {
      log.line(fmt::format("Auto-Enabling host-managed network for network device {}.", key));
      // Among the others by its name.
      value = net.substr(0, net.find(",hwaddr=")) + ",host-managed=1" +
              net.substr(std::min(net.find(",hwaddr="), net.size()));
    }
  }
}

/// From the image's own configuration, "config" in its config.json.
void map_config(const json::Value& image, const path& root, json::Object& config,
                const TaskLog& log) {
  std::vector<std::string> command = strings(image.at("Entrypoint"));
  const std::vector<std::string> more = strings(image.at("Cmd"));
  command.insert(command.end(), more.begin(), more.end());
  if (!command.empty() && command.front() != "/sbin/init") {
    std::string line;
    for (const std::string& word : command) {
      line += (line.empty() ? "" : " ") + shell_quoted(word);
    }
    config.set("entrypoint", line);
    config.set("cmode", "console");
    manage_networks(config, log);
  }
  json::Array keys;
  if (const std::string user(image.at("User").string_or("")); !user.empty()) {
    add_user(user, root, keys);
  }
  if (const std::string folder(image.at("WorkingDir").string_or("")); !folder.empty()) {
    keys.emplace_back(json::Array{"lxc.init.cwd", folder});
  }
  std::string env;
  for (const std::string& variable : strings(image.at("Env"))) {
    env += (env.empty() ? std::string() : std::string(1, '\0')) + variable;
  }
  if (!env.empty()) {
    config.set("env", env);
  }
  keys.emplace_back(
      json::Array{"lxc.signal.halt", std::string(image.at("StopSignal").string_or("SIGTERM"))});
  config.set("lxc", std::move(keys));
}

Result<json::Value> read_blob(const path& layout, const json::Value& descriptor) {
  const std::string digest(descriptor.at("digest").string_or(""));
  const std::string text =
      TRY(system::read_file(layout / "blobs/sha256" / digest.substr(digest.find(':') + 1)));
  return json::parse(text);
}

}  // namespace

bool is_oci_archive(const path& archive, const system::Stop& stop) {
  if (archive.extension() != ".tar") {
    return false;
  }
  const std::string list = system::run_ok({"tar", "-tf", archive.string()}, stop).value_or("");
  const std::string lines = "\n" + list;
  return lines.find("\noci-layout\n") != std::string::npos &&
         lines.find("\nindex.json\n") != std::string::npos &&
         lines.find("\nblobs/") != std::string::npos;
}

Result<> unpack_oci_archive(const path& archive, const path& scratch, const path& root,
                            json::Object& config, const TaskLog& log, const system::Stop& stop) {
  log.line("Detected OCI archive");
  TRY(system::remove_tree(scratch));
  TRY(system::make_folders(scratch / "layout"));
  const path layout = scratch / "layout";
  TRY(system::run_ok({"tar", "-xf", archive.string(), "-C", layout.string()}, stop));
  const std::string text = TRY(system::read_file(layout / "index.json"));
  json::Value index = TRY(json::parse(text));
  json::Array* manifests = index.object()->find("manifests")->array();
  // The first one, whatever it is called.
  manifests->resize(1);
  manifests->front().object()->set("annotations",
                                   json::Object{{"org.opencontainers.image.ref.name", "image"}});
  const json::Value manifest = TRY(read_blob(layout, manifests->front()));
  TRY(system::write_atomically(layout / "index.json", json::write(index)));
  TRY(system::run_ok({"umoci", "raw", "unpack", "--image", layout.string() + ":image",
                      (scratch / "rootfs").string()},
                     stop));
  TRY(system::run_ok({"cp", "-a", (scratch / "rootfs").string() + "/.", root.string()}, stop));
  const json::Value image = TRY(read_blob(layout, manifest.at("config")));
  map_config(image.at("config"), root, config, log);
  return system::remove_tree(scratch);
}

std::map<std::string, std::string> program_faults(const Parameters& given) {
  const auto has_control = [](std::string_view text) {
    return std::any_of(text.begin(), text.end(), [](unsigned char c) {
      return c <= 0x08 || (c >= 0x10 && c <= 0x1f) || c == 0x7f;
    });
  };
  std::map<std::string, std::string> faults;
  if (given.contains("entrypoint") &&
      (given.at("entrypoint").empty() || has_control(given.at("entrypoint")))) {
    faults["entrypoint"] = kNoMatch;
  }
  if (given.contains("env")) {
    std::istringstream variables(given.at("env"));
    bool any = false;
    for (std::string variable; std::getline(variables, variable, '\0'); any = true) {
      const std::size_t equals = variable.find('=');
      const bool named =
          equals != std::string::npos && equals > 0 &&
          std::all_of(variable.begin(), variable.begin() + static_cast<std::ptrdiff_t>(equals),
                      [](unsigned char c) { return std::isalnum(c) || c == '_'; });
      if (!named || has_control(variable)) {
        faults["env"] = kNoMatch;
      }
    }
    if (!any) {
      faults["env"] = kNoMatch;
    }
  }
  return faults;
}

std::vector<std::string> program_words(const json::Object& config) {
  const json::Value* entrypoint = config.find("entrypoint");
  std::string line(entrypoint == nullptr ? "" : entrypoint->string_or(""));
  const auto is_quote = [](char c) { return c == '"' || c == '\''; };
  // As any value of its configuration.
  if (line.size() > 1 && is_quote(line.front()) && line.back() == line.front()) {
    line = line.substr(1, line.size() - 2);
  }
  std::vector<std::string> words;
  for (std::size_t at = 0; at < line.size();) {
    if (line[at] == ' ') {
      ++at;
      continue;
    }
    const bool quoted = is_quote(line[at]);
    const std::size_t begin = quoted ? at + 1 : at;
    const std::size_t end = std::min(line.find(quoted ? line[at] : ' ', begin), line.size());
    words.push_back(line.substr(begin, end - begin));
    at = end + 1;
  }
  return words;
}

std::string lxc_program(const json::Object& config) {
  std::string lines;
  if (const json::Value* env = config.find("env")) {
    std::istringstream variables{std::string(env->string_or(""))};
    for (std::string variable; std::getline(variables, variable, '\0');) {
      lines += "lxc.environment = " + variable + "\n";
    }
  }
  const json::Value* keys = config.find("lxc");
  if (keys != nullptr && keys->array() != nullptr) {
    for (const json::Value& pair : *keys->array()) {
      const std::vector<std::string> words = strings(pair);
      lines += fmt::format("{} = {}\n", words.at(0), words.at(1));
    }
  }
  return lines;
}

}  // namespace drover::pve_sim
