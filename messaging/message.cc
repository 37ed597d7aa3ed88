#include "messaging/message.h"

#include <algorithm>
#include <array>

namespace drover::messaging {
namespace {

constexpr std::array<Code, 8> kCodes = {Code::cancelled, Code::timed_out, Code::unavailable,
                                        Code::not_found, Code::conflict,  Code::refused,
                                        Code::invalid,   Code::broken};

constexpr std::array<std::string_view, 18> kSubmit = {
    "job.submit",    "stream.open",  "stream.credit",  "stream.close", "input.open",
    "input.data",    "input.finish", "input.close",    "upload.open",  "upload.data",
    "upload.finish", "upload.close", "port.open",      "port.data",    "port.finish",
    "port.credit",   "port.close",   "terminal.resize"};
constexpr std::array<std::string_view, 14> kObserve = {
    "query.containers", "query.container", "query.images", "query.volumes", "query.networks",
    "query.links",      "query.storages",  "query.jobs",   "query.job",     "query.events",
    "query.explain",    "query.leaks",     "query.node",   "query.stats"};

template <class Names>
bool has(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

Result<Header> read_header(std::string_view text) {
  json::Value value =
      TRY(json::parse(text, {.max_depth = 4, .max_bytes = kMostHeader}).context("read the header"));
  if (value.object() == nullptr) {
    return fail(Code::invalid, "the header must be an object, not {}", value.type_name());
  }
  const std::int64_t* version = value.at("v").integer();
  if (version == nullptr || *version != kProtocolVersion) {
    return fail(Code::invalid, "the header's \"v\" must be {}", kProtocolVersion);
  }
  const std::string* kind = value.at("kind").string();
  if (kind == nullptr || kind->empty() || kind->size() > 64) {
    return fail(Code::invalid, "the header's \"kind\" must be a string of 1 to 64 bytes");
  }
  const std::int64_t* rq = value.at("rq").integer();
  if (rq == nullptr || *rq < 0) {
    return fail(Code::invalid, "the header's \"rq\" must be a whole number from 0 on");
  }
  Header header{*kind, static_cast<std::uint64_t>(*rq), {}};
  header.all = std::move(*value.object());
  return header;
}

std::string write_header(std::string_view kind, std::uint64_t rq, const json::Object& more) {
  json::Object object{{"v", kProtocolVersion}, {"kind", kind}, {"rq", rq}};
  for (const auto& [key, value] : more) {
    object.set(key, value);
  }
  return json::write(object);
}

Result<> check_kind(Role role, std::string_view kind) {
  const bool submits = has(kSubmit, kind);
  const bool observes = has(kObserve, kind);
  if (!submits && !observes) {
    return fail(Code::invalid, "there is no kind \"{}\"", kind);
  }
  if (role == Role::admin || (role == Role::submit && submits) ||
      (role == Role::observe && observes)) {
    return {};
  }
  return fail(Code::refused, "kind \"{}\" is not served on this socket", kind);
}

KeyRole key_role_for(std::string_view kind) {
  return has(kObserve, kind) || kind.starts_with("stream.") ? KeyRole::observe : KeyRole::submit;
}

Result<> check_form(const Header& header, std::size_t data_bytes) {
  if (!takes_data(header.kind)) {
    if (data_bytes > 0) {
      return fail(Code::invalid, "kind \"{}\" takes no data frame", header.kind);
    }
    return {};
  }
  const json::Value* offset = header.all.find("offset");
  if (offset == nullptr || offset->integer() == nullptr || *offset->integer() < 0) {
    return fail(Code::invalid,
                "kind \"{}\": the header's \"offset\" must be a whole number from 0 on",
                header.kind);
  }
  return {};
}

std::string write_error(const Error& error) {
  json::Array faults;
  for (const Fault& fault : error.faults) {
    json::Object object{{"pointer", fault.pointer}, {"message", fault.message}};
    if (fault.line != 0) {
      object.set("line", fault.line);
    }
    faults.push_back(std::move(object));
  }
  return json::write(json::Object{
      {"code", to_string(error.code)}, {"message", error.message}, {"faults", std::move(faults)}});
}

Error read_error(std::string_view body) {
  const Result<json::Value> value = json::parse(body);
  if (!value || value->at("message").string() == nullptr) {
    return Error{Code::broken,
                 fmt::format("an error answer that cannot be read: {}", body.substr(0, 200)),
                 {}};
  }
  Error error{Code::broken, std::string(value->at("message").string_or("")), {}};
  const std::string_view name = value->at("code").string_or("");
  for (const Code code : kCodes) {
    if (to_string(code) == name) {
      error.code = code;
    }
  }
  if (const json::Array* faults = value->at("faults").array()) {
    for (const json::Value& fault : *faults) {
      error.faults.push_back(Fault{std::string(fault.at("pointer").string_or("")),
                                   std::string(fault.at("message").string_or("")),
                                   static_cast<std::uint32_t>(fault.at("line").integer_or(0))});
    }
  }
  return error;
}

}  // namespace drover::messaging
