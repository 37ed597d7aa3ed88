#include "runtimes/network/cni.h"

#include <filesystem>

#include "agent/system/child.h"

namespace drover::runtimes {
namespace {

constexpr std::chrono::seconds kTimeout{60};

Result<system::Path> find_plugin(const std::string& type,
                                 const std::vector<system::Path>& folders) {
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

std::string joined(const std::vector<system::Path>& folders) {
  std::string text;
  for (const system::Path& folder : folders) {
    text += (text.empty() ? "" : ":") + folder.native();
  }
  return text;
}

/// The specification puts errors on standard output; plugins that die early only write to the
/// other.
std::string failure_of(const system::Output& output) {
  const Result<json::Value> answer = json::parse(output.out);
  if (!answer || answer->at("msg").string() == nullptr) {
    return std::string(output.last_line());
  }
  std::string text(answer->at("msg").string_or(""));
  if (const std::string_view details = answer->at("details").string_or(""); !details.empty()) {
    text += fmt::format(": {}", details);
  }
  return text;
}

}  // namespace

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
    return fail(Code::broken, "CNI plugin {} {} {} of {}: {}", type, call.command, call.interface,
                call.container, failure_of(output));
  }
  if (output.out.empty()) {
    return json::Value();
  }
  return json::parse(output.out).context(fmt::format("read the answer of CNI plugin {}", type));
}

Result<CniResult> read_cni_result(const json::Value& answer) {
  CniResult result;
  const json::Array* interfaces = answer.at("interfaces").array();
  const json::Value* inside = nullptr;
  if (interfaces != nullptr) {
    for (const json::Value& interface : *interfaces) {
      if (!interface.at("sandbox").string_or("").empty()) {
        inside = &interface;
      } else if (interface.at("name").string_or("").starts_with("veth")) {
        result.host_interface = interface.at("name").string_or("");
      }
    }
  }
  if (inside == nullptr || result.host_interface.empty()) {
    return fail(Code::broken, "a CNI plugin answered without the interfaces it made: {}",
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
