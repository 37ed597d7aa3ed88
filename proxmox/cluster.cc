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
  const json::Array list =
      TRY(list_of(client_.get("/cluster/status", {}, stop), "ask for the cluster's state"));
  ClusterState state;
  for (const json::Value& value : list) {
    const std::string name(value.at("name").string_or(""));
    if (value.at("type").string_or("") == "cluster") {
      state.name = name;
      state.quorate = value.at("quorate").boolean_or(false);
    } else {
      state.nodes.push_back(
          {name, value.at("online").boolean_or(false), value.at("local").boolean_or(false)});
    }
  }
  return state;
}

}  // namespace drover::proxmox
