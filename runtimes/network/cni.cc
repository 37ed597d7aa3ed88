#include "runtimes/network/cni.h"

#include <filesystem>

#include "agent/system/child.h"

namespace drover::runtimes {
namespace {

constexpr std::chrono::seconds kTimeout{60};

std::string joined(const std::vector<system::Path>& folders) {
  std::string text;
  for (const system::Path& folder : folders) {
    text += (text.empty() ? "" : ":") + folder.native();
  }
  return text;
}

/// Codes of the specification that say more than the message does.
std::string_view meaning_of(std::int64_t code) {
  switch (code) {
    case 1:
      return "it does not speak this version of CNI";
    case 2:
      return "it does not know a member of its configuration";
    case 3:
      return "it does not know the container";
    case 7:
      return "its configuration is wrong";
    default:
      return "";
  }
}

/// "try again later"
constexpr std::int64_t kLater = 11;

struct PluginError {
  Code code = Code::broken;
  std::string text;
};

/// The specification puts errors on standard output; plugins that die early only write to the
/// other.
PluginError error_of(const system::Output& output) {
  const Result<json::Value> answer = json::parse(output.out);
  if (!answer || answer->at("msg").string() == nullptr) {
    return {Code::broken, std::string(output.last_line())};
  }
  const std::int64_t code = answer->at("code").integer_or(0);
  PluginError error{code == kLater ? Code::unavailable : Code::broken,
                    std::string(answer->at("msg").string_or(""))};
  if (const std::string_view details = answer->at("details").string_or(""); !details.empty()) {
    error.text += fmt::format(": {}", details);
  }
  if (const std::string_view meaning = meaning_of(code); !meaning.empty()) {
    error.text += fmt::format(" ({})", meaning);
  }
  return error;
}

}  // namespace

Result<system::Path> find_plugin(std::string_view type, const std::vector<system::Path>& folders) {
  std::string tried;
  for (const system::Path& folder : folders) {
    std::error_code error;
    if (std::filesystem::is_regular_file(folder / type, error)) {
      return folder / type;
    }
    tried += (tried.empty() ? "" : ", ") + folder.native();
  }
  return fail(
      Code::not_found,
      "there is no CNI plugin {} in {}: install the package containernetworking-plugins, or "
      "name its folder in network.plugin_folders",
      type, tried);
}

Result<json::Value> call_cni(const CniCall& call, const std::vector<system::Path>& folders,
                             const system::Stop& stop) {
  const std::string type(call.config.at("type").string_or(""));
  const system::Path plugin = TRY(find_plugin(type, folders));
  system::RunOptions options;
  options.timeout = kTimeout;
  options.input = json::write(call.config);
  options.child.env = {{"CNI_COMMAND", call.command},
                       {"CNI_CONTAINERID", call.container},
                       {"CNI_NETNS", call.netns.native()},
                       {"CNI_IFNAME", call.interface},
                       {"CNI_PATH", joined(folders)}};
  const system::Output output = TRY(system::run({plugin.native()}, stop, options));
  if (output.ending.code != 0) {
    const PluginError error = error_of(output);
    return fail(error.code, "CNI plugin {} {} {} of {}: {}", type, call.command, call.interface,
                call.container, error.text);
  }
  if (output.out.empty()) {
    return json::Value();
  }
  return json::parse(output.out).context(fmt::format("read the answer of CNI plugin {}", type));
}

namespace {

/// An end on the node: plugins also tell the bridge that it is in.
bool is_host_end(const json::Value& interface) {
  return interface.at("sandbox").string_or("").empty() &&
         interface.at("name").string_or("").starts_with("veth");
}

}  // namespace

json::Value with_host_interface(json::Value answer, const std::string& name) {
  json::Object* const members = answer.object();
  json::Value* const interfaces = members == nullptr ? nullptr : members->find("interfaces");
  json::Array* const array = interfaces == nullptr ? nullptr : interfaces->array();
  if (array == nullptr) {
    return answer;
  }
  for (json::Value& interface : *array) {
    if (is_host_end(interface)) {  // so it is an object
      interface.object()->set("name", name);
    }
  }
  return answer;
}

Result<CniResult> read_cni_result(const json::Value& answer) {
  CniResult result;
  const json::Array* interfaces = answer.at("interfaces").array();
  const json::Value* inside = nullptr;
  if (interfaces != nullptr) {
    for (const json::Value& interface : *interfaces) {
      if (!interface.at("sandbox").string_or("").empty()) {
        inside = &interface;
      } else if (is_host_end(interface)) {
        result.host_interface = interface.at("name").string_or("");
      }
    }
  }
  if (inside == nullptr) {
    return fail(Code::broken, "a CNI plugin answered without the interface it made: {}",
                json::write(answer).substr(0, 300));
  }
  result.mac = inside->at("mac").string_or("");
  if (const json::Array* ips = answer.at("ips").array(); ips != nullptr && !ips->empty()) {
    result.address = ips->front().at("address").string_or("");
    result.gateway = ips->front().at("gateway").string_or("");
  }
  return result;
}

}  // namespace drover::runtimes
