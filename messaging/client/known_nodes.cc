#include "messaging/client/known_nodes.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "agent/core/fields.h"
#include "messaging/client/key_file.h"

namespace drover::messaging {
namespace {

constexpr std::size_t kMostBytes = std::size_t{1} << 20;

/// Whoever may write it says which key is the node's.
Result<> check_owner(const system::Path& file) {
  struct stat found {};
  if (stat(file.c_str(), &found) != 0) {
    return {};  // reading it tells why
  }
  if ((found.st_uid != 0 && found.st_uid != geteuid()) || (found.st_mode & 022) != 0) {
    return fail(Code::refused,
                "{}: must belong to root or to you, and nobody else may write it (chmod go-w)",
                file.native());
  }
  return {};
}

system::Path read_path(Fields& fields, std::string_view key, const system::Path& folder) {
  const std::string text = fields.string(key);
  return text.empty() ? system::Path() : folder / text;  // an absolute one stays as it is
}

std::optional<KnownNode> read_node(const json::Value& value, std::string at, Faults& faults,
                                   const system::Path& folder) {
  Fields fields(value, std::move(at), faults);
  fields.require("address");
  fields.require("server_key");
  const std::string text = fields.string("address");
  const Result<TcpAddress> address = TcpAddress::parse(text);
  if (!address && !text.empty()) {
    fields.fault("address", address.error().message);
  }
  const Result<PublicKey> server_key = read_public_key(fields, "server_key");
  const system::Path key = read_path(fields, "key", folder);
  fields.finish();
  if (!address || !server_key) {
    return std::nullopt;
  }
  return KnownNode{*address, *server_key, key};
}

/// Reads each member of `values` that has a name; none for one that is not accepted.
template <class Known, class Read>
void read_named(const json::Value& values, const std::string& at, Faults& faults, Known& known,
                const Read& read) {
  if (values.object() == nullptr) {
    return;
  }
  for (const auto& [name, value] : *values.object()) {
    const std::string pointer = at + "/" + name;
    if (const Result<NodeName> checked = NodeName::parse(name); !checked) {
      faults.add(pointer, checked.error().message, &value);
    } else if (auto one = read(value, pointer)) {
      known.insert_or_assign(name, std::move(*one));
    }
  }
}

template <class Known>
std::string names_of(const Known& known) {
  std::string text;
  for (const auto& [name, value] : known) {
    text += (text.empty() ? "" : ", ") + name;
  }
  return text.empty() ? "none" : text;
}

}  // namespace

Result<KnownNodes> KnownNodes::parse(std::string_view text, const system::Path& folder) {
  const json::Value document = TRY(json::parse(text, {.max_depth = 8, .max_bytes = kMostBytes}));
  Faults faults(text);
  Fields fields(document, "", faults);
  KnownNodes known;
  known.key_ = read_path(fields, "key", folder);
  fields.object("nodes", [&](const json::Value& nodes, const std::string& at) {
    read_named(nodes, at, faults, known.nodes_, [&](const json::Value& value, std::string pointer) {
      return read_node(value, std::move(pointer), faults, folder);
    });
  });
  fields.object("clusters", [&](const json::Value& clusters, const std::string& at) {
    read_named(clusters, at, faults, known.clusters_,
               [&](const json::Value& value, std::string pointer) {
                 return read_known_cluster(value, std::move(pointer), faults, folder);
               });
  });
  fields.finish();
  TRY(faults.result("the list of nodes is not accepted"));
  return known;
}

Result<KnownNodes> KnownNodes::read(const std::vector<system::Path>& files) {
  KnownNodes all;
  for (const system::Path& file : files) {
    TRY(check_owner(file));
    const Result<std::string> text = system::read_file(file, kMostBytes);
    if (!text && text.error().code == Code::not_found) {
      continue;
    }
    if (!text) {
      return Failure(text.error());
    }
    KnownNodes more = TRY(parse(*text, file.parent_path()).context(file.native()));
    all.key_ = more.key_.empty() ? all.key_ : more.key_;
    for (auto& [name, node] : more.nodes_) {
      if (node.key.empty()) {
        node.key = more.key_;
      }
      all.nodes_.insert_or_assign(name, std::move(node));
    }
    for (auto& [name, cluster] : more.clusters_) {
      if (cluster.key.empty()) {
        cluster.key = more.key_;
      }
      all.clusters_.insert_or_assign(name, std::move(cluster));
    }
  }
  return all;
}

std::vector<system::Path> KnownNodes::usual_files() {
  std::vector<system::Path> files = {"/etc/drover/client.json"};
  const char* folder = std::getenv("XDG_CONFIG_HOME");
  if (folder != nullptr && folder[0] == '/') {
    files.emplace_back(system::Path(folder) / "drover/client.json");
  } else if (const char* home = std::getenv("HOME"); home != nullptr && home[0] == '/') {
    files.emplace_back(system::Path(home) / ".config/drover/client.json");
  }
  return files;
}

const KnownNode* KnownNodes::find(std::string_view name) const {
  const auto found = nodes_.find(name);
  return found == nodes_.end() ? nullptr : &found->second;
}

std::string KnownNodes::names() const {
  return names_of(nodes_);
}

const KnownCluster* KnownNodes::find_cluster(std::string_view name) const {
  if (name.empty()) {
    return clusters_.size() == 1 ? &clusters_.begin()->second : nullptr;
  }
  const auto found = clusters_.find(name);
  return found == clusters_.end() ? nullptr : &found->second;
}

std::string KnownNodes::cluster_names() const {
  return names_of(clusters_);
}

Result<NodeEndpoint> endpoint_of(const NodeChoice& choice, const KnownNodes& known) {
  const bool is_address = choice.node.find("://") != std::string::npos;
  const KnownNode* node = is_address ? nullptr : known.find(choice.node);
  if (!is_address && node == nullptr) {
    return fail(Code::not_found,
                "node {}: it stands neither in /etc/drover/client.json nor in your own "
                "drover/client.json (known: {}), and is no tcp://HOST[:PORT]",
                choice.node, known.names());
  }
  TcpAddress address;
  if (node != nullptr) {
    address = node->address;
  } else {
    address = TRY(TcpAddress::parse(choice.node));
  }
  if (choice.server_key.empty() && node == nullptr) {
    return fail(Code::invalid,
                "node {}: its public key is needed to know it by (`drover keys show` on the node): "
                "--server-key",
                choice.node);
  }
  const Result<PublicKey> server_key =
      choice.server_key.empty()
          ? Result<PublicKey>(node->server_key)
          : PublicKey::parse(choice.server_key).context("node " + choice.node);
  if (!server_key) {
    return Failure(server_key.error());
  }
  system::Path key = choice.key;
  if (key.empty()) {
    key = node != nullptr && !node->key.empty() ? node->key : known.key();
  }
  if (key.empty()) {
    return fail(Code::invalid,
                "node {}: the file of your own key is needed (`drover keys new` makes one): --key",
                choice.node);
  }
  KeyPair own = TRY(read_key_file(key));
  return NodeEndpoint(TcpEndpoint{std::move(address), *server_key, std::move(own)});
}

}  // namespace drover::messaging
