#include "messaging/client/known_cluster.h"

#include "messaging/client/key_file.h"
#include "messaging/client/known_nodes.h"

namespace drover::messaging {
namespace {

constexpr std::size_t kMostDispatchers = 16;

std::optional<KnownDispatcher> read_dispatcher(const json::Value& value, std::string at,
                                               Faults& faults) {
  Fields fields(value, std::move(at), faults);
  fields.require("address");
  fields.require("server_key");
  const std::string text = fields.string("address");
  const Result<TcpAddress> address = TcpAddress::parse(text, kDispatcherPort);
  if (!address && !text.empty()) {
    fields.fault("address", address.error().message);
  }
  const Result<PublicKey> server_key = read_public_key(fields, "server_key");
  fields.finish();
  if (!address || !server_key) {
    return std::nullopt;
  }
  return KnownDispatcher{*address, *server_key};
}

Result<KeyPair> own_key(const system::Path& chosen, const system::Path& configured) {
  const system::Path& file = chosen.empty() ? configured : chosen;
  if (file.empty()) {
    return fail(Code::invalid,
                "the cluster: the file of your own key is needed (`drover keys new` makes one): "
                "--key");
  }
  return read_key_file(file);
}

Result<ClusterEndpoint> endpoint_of_known(const KnownCluster& cluster, const ClusterChoice& choice,
                                          const KnownNodes& known) {
  const KeyPair own = TRY(own_key(choice.key, cluster.key.empty() ? known.key() : cluster.key));
  ClusterEndpoint endpoint;
  for (const KnownDispatcher& dispatcher : cluster.dispatchers) {
    endpoint.dispatchers.emplace_back(TcpEndpoint{dispatcher.address, dispatcher.server_key, own});
  }
  return endpoint;
}

Result<ClusterEndpoint> endpoint_of_addresses(const ClusterChoice& choice,
                                              const KnownNodes& known) {
  ClusterEndpoint endpoint;
  std::optional<KeyPair> own;
  const std::vector<std::string>& keys = choice.server_keys;
  for (std::size_t i = 0; i < choice.dispatchers.size(); ++i) {
    const std::string& where = choice.dispatchers[i];
    if (where.starts_with('/')) {
      endpoint.dispatchers.emplace_back(system::Path(where));
      continue;
    }
    TcpAddress address = TRY(TcpAddress::parse(where, kDispatcherPort).context("--dispatcher"));
    if (keys.empty() || (keys.size() != 1 && i >= keys.size())) {
      return fail(
          Code::invalid,
          "dispatcher {}: its public key is needed to know it by (`drover keys show` on its "
          "machine): --server-key",
          where);
    }
    const PublicKey server_key =
        TRY(PublicKey::parse(keys.size() == 1 ? keys[0] : keys[i]).context("dispatcher " + where));
    if (!own) {
      own = TRY(own_key(choice.key, known.key()));
    }
    endpoint.dispatchers.emplace_back(TcpEndpoint{std::move(address), server_key, *own});
  }
  return endpoint;
}

}  // namespace

std::optional<KnownCluster> read_known_cluster(const json::Value& value, std::string at,
                                               Faults& faults, const system::Path& folder) {
  Fields fields(value, std::move(at), faults);
  KnownCluster cluster;
  bool whole = true;
  fields.require("dispatchers");
  fields.each("dispatchers", kMostDispatchers, [&](const json::Value& one, std::string pointer) {
    std::optional<KnownDispatcher> dispatcher = read_dispatcher(one, std::move(pointer), faults);
    whole = whole && dispatcher;
    if (dispatcher) {
      cluster.dispatchers.push_back(std::move(*dispatcher));
    }
  });
  if (whole && fields.has("dispatchers") && cluster.dispatchers.empty()) {
    fields.fault("dispatchers", "must name one dispatcher at least");
  }
  const std::string key = fields.string("key");
  cluster.key = key.empty() ? system::Path() : folder / key;
  fields.finish();
  if (!whole || cluster.dispatchers.empty()) {
    return std::nullopt;
  }
  return cluster;
}

Result<ClusterEndpoint> endpoint_of(const ClusterChoice& choice, const KnownNodes& known) {
  if (!choice.dispatchers.empty()) {
    return endpoint_of_addresses(choice, known);
  }
  if (const KnownCluster* cluster = known.find_cluster(choice.name)) {
    return endpoint_of_known(*cluster, choice, known);
  }
  if (!choice.name.empty()) {
    return fail(Code::not_found,
                "cluster {}: it stands neither in /etc/drover/client.json nor in your own "
                "drover/client.json (known: {}); --dispatcher names a dispatcher by its address",
                choice.name, known.cluster_names());
  }
  if (known.clusters() > 1) {
    return fail(Code::invalid, "several clusters are known: say which, --cluster=NAME, one of {}",
                known.cluster_names());
  }
  ClusterEndpoint own;
  own.dispatchers.emplace_back(system::Path(kDispatcherFolder));
  return own;
}

}  // namespace drover::messaging
