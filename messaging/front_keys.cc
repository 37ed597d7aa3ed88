#include "messaging/front_keys.h"

#include <utility>

#include "agent/core/fields.h"
#include "agent/core/wipe.h"

namespace drover::messaging {
namespace {

AllowList for_front(const AllowList& list, bool agents_names) {
  AllowList shorter;
  for (const AllowedKey& key : list.keys()) {
    // Of a dispatcher's list: for which nodes it may speak.
    const bool has_names = agents_names && key.roles.contains(KeyRole::agent);
    // They stood in a list before, so neither a name nor a key is there twice.
    [[maybe_unused]] const Result<> added =
        shorter.add({key.name,
                     key.key,
                     key.roles,
                     {0, 0, key.limits.message_kib},
                     has_names ? key.names : std::vector<std::string>(),
                     {}});
  }
  return shorter;
}

/// A pair's own text, with the newline of a file cut off.
std::string pair_text(const KeyPair& pair) {
  std::string text = pair.text();
  text.pop_back();
  return text;
}

Result<KeyPair> read_pair(const json::Value& body, std::string_view member) {
  std::string text = json::write(body.at(member));
  Result<KeyPair> pair = KeyPair::parse(text);
  wipe(text);
  return std::move(pair).context(member);
}

}  // namespace

Record write_front_keys(const FrontKeys& keys, bool agents_names) {
  std::string body = R"({"server":)";
  // No growing: what is left behind by that is not wiped.
  body.reserve(kMostBody);
  std::string server = pair_text(keys.server);
  body += server;
  wipe(server);
  if (keys.next) {
    std::string next = pair_text(*keys.next);
    body += R"(,"next":)";
    body += next;
    wipe(next);
  }
  body += R"(,"allowed":)";
  body += json::write(for_front(keys.allowed, agents_names).to_json());
  body += R"(,"servers":)";
  body += json::write(to_json(keys.servers));
  body += '}';
  return Record{{{"kind", kFrontKeys},
                 {"address", keys.address},
                 {"port", std::int64_t{keys.port}},
                 {"next_port", std::int64_t{keys.next_port}}},
                std::move(body),
                {}};
}

Result<FrontKeys> read_front_keys(const Record& record) {
  const json::Value header(record.header);
  Faults faults;
  Fields fields(header, "", faults);
  const std::string kind = fields.string("kind");
  fields.require("address");
  const std::string address = fields.string("address");
  const auto port = static_cast<std::uint16_t>(fields.integer("port", 0, 1, 65535));
  const auto next_port = static_cast<std::uint16_t>(fields.integer("next_port", 0, 1, 65535));
  TRY(faults.result("front.keys"));
  if (kind != kFrontKeys || port == 0 || next_port == 0) {
    return fail(Code::invalid, "no record with keys and where to serve with them");
  }
  const json::Value body = TRY(json::parse(record.body).context("front.keys"));
  KeyPair server = TRY(read_pair(body, "server"));
  std::optional<KeyPair> next;
  if (body.find("next") != nullptr) {
    next = TRY(read_pair(body, "next"));
  }
  AllowList allowed = TRY(AllowList::read(body.at("allowed")));
  Faults server_faults;
  Fields members(body, "", server_faults);
  std::vector<DispatchServer> servers = read_dispatch_servers(members, server_faults);
  TRY(server_faults.result("front.keys"));
  return FrontKeys{
      address,           port, next_port, std::move(server), std::move(next), std::move(allowed),
      std::move(servers)};
}

}  // namespace drover::messaging
