#include "messaging/envelope.h"

#include <utility>

#include "agent/core/allow_list.h"
#include "agent/core/json.h"
#include "messaging/message.h"

namespace drover::messaging {
namespace {

Result<KeyRole> read_envelope_role(const json::Value& value) {
  const std::string* name = value.string();
  const std::optional<KeyRole> role = name == nullptr ? std::nullopt : key_role_from(*name);
  if (!role || *role > KeyRole::admin) {
    return fail(Code::invalid, "the envelope's \"role\" must be observe, submit or admin");
  }
  return *role;
}

Result<std::string> read_envelope_sender(const json::Value& value) {
  const std::string* name = value.string();
  if (name == nullptr || !KeyName::parse(*name)) {
    return fail(Code::invalid, "the envelope's \"for\" must be the name of a key");
  }
  return *name;
}

}  // namespace

std::string write_envelope(const Envelope& envelope) {
  json::Object object{{"v", kProtocolVersion}};
  if (envelope.client) {
    object.set("client", *envelope.client);
  }
  if (!envelope.sender.empty()) {
    object.set("for", envelope.sender);
  }
  if (envelope.role) {
    object.set("role", to_string(*envelope.role));
  }
  return json::write(object);
}

Result<Envelope> read_envelope(std::string_view text) {
  const json::Value value = TRY(
      json::parse(text, {.max_depth = 4, .max_bytes = kMostEnvelope}).context("read the envelope"));
  if (value.object() == nullptr) {
    return fail(Code::invalid, "the envelope must be an object, not {}", value.type_name());
  }
  const std::int64_t* version = value.at("v").integer();
  if (version == nullptr || *version != kProtocolVersion) {
    return fail(Code::invalid, "the envelope's \"v\" must be {}", kProtocolVersion);
  }
  Envelope envelope;
  if (const json::Value* client = value.find("client")) {
    const std::int64_t* number = client->integer();
    if (number == nullptr || *number < 0) {
      return fail(Code::invalid, "the envelope's \"client\" must be a whole number from 0 on");
    }
    envelope.client = static_cast<std::uint64_t>(*number);
  }
  if (const json::Value* sender = value.find("for")) {
    envelope.sender = TRY(read_envelope_sender(*sender));
  }
  if (const json::Value* role = value.find("role")) {
    envelope.role = TRY(read_envelope_role(*role));
  }
  if (!envelope.client && (!envelope.sender.empty() || envelope.role)) {
    return fail(Code::invalid, "the envelope has a \"for\" or a \"role\" and no \"client\"");
  }
  return envelope;
}

}  // namespace drover::messaging
