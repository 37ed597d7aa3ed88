#include "proxmox/cluster.h"

#include "proxmox/answer.h"

namespace drover::proxmox {

Result<std::string> Cluster::version(const Stop& stop) {
  const json::Value answer = TRY(client_.get("/version", {}, stop));
  std::string version(answer.at("version").string_or(""));
  if (version.empty()) {
    return fail(Code::broken, "ask for the API's version: the answer has none");
  }
  return version;
}

Result<ClusterState> Cluster::state(const Stop& stop) {
  Result<json::Array> list =
      list_of(client_.get("/cluster/status", {}, stop), "ask for the cluster's state");
  const bool is_whole = list.has_value();
  if (!list && list.error().code == Code::refused) {
    list = list_of(client_.get("/nodes", {}, stop), "ask for the cluster's nodes");
  }
  const json::Array entries = TRY(std::move(list));
  ClusterState state;
  if (is_whole) {
    state.quorate = true;
  }
  for (const json::Value& value : entries) {
    const std::string_view type = value.at("type").string_or("");
    if (type == "cluster") {
      state.name = value.at("name").string_or("");
      state.quorate = value.at("quorate").boolean_or(false);
    } else if (is_whole) {
      state.nodes.push_back({std::string(value.at("name").string_or("")),
                             value.at("online").boolean_or(false),
                             value.at("local").boolean_or(false)});
    } else {
      state.nodes.push_back({std::string(value.at("node").string_or("")),
                             value.at("status").string_or("") == "online", false});
    }
  }
  return state;
}

}  // namespace drover::proxmox
