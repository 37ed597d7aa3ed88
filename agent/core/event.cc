#include "agent/core/event.h"

#include "agent/core/rfc3339.h"

namespace drover {

json::Value to_cloud_event(const Event& event, std::string_view node) {
  json::Object object{
      {"specversion", "1.0"},
      {"id", fmt::format("{}-{}", event.epoch, event.seq)},
      {"source", fmt::format("/drover/{}", node)},
      {"type", fmt::format("drover.{}.{}", event.kind, event.what)},
      {"subject", event.object},
      {"time", to_rfc3339(event.at_unix_ms)},
      {"datacontenttype", "application/json"},
      {"droverepoch", event.epoch},
      {"seq", event.seq},
      {"kseq", event.kseq},
      {"oseq", event.oseq},
      {"at", event.at_unix_ms},
  };
  if (!event.job.empty()) {
    object.set("job", event.job);
  }
  object.set("data", event.data);
  return object;
}

Result<Event> event_from_cloud(const json::Value& value) {
  constexpr std::string_view kPrefix = "drover.";
  const std::string_view type = value.at("type").string_or("");
  const std::size_t dot = type.find('.', kPrefix.size());
  const std::int64_t seq = value.at("seq").integer_or(0);
  if (!type.starts_with(kPrefix) || dot == std::string_view::npos || seq < 1) {
    return fail(Code::invalid, "no event of Drover: type \"{}\", seq {}", type.substr(0, 80), seq);
  }
  const json::Object* data = value.at("data").object();
  return Event{
      .epoch = std::string(value.at("droverepoch").string_or("")),
      .seq = static_cast<std::uint64_t>(seq),
      .kseq = static_cast<std::uint64_t>(value.at("kseq").integer_or(0)),
      .oseq = static_cast<std::uint64_t>(value.at("oseq").integer_or(0)),
      .at_unix_ms = value.at("at").integer_or(0),
      .kind = std::string(type.substr(kPrefix.size(), dot - kPrefix.size())),
      .object = std::string(value.at("subject").string_or("")),
      .what = std::string(type.substr(dot + 1)),
      .job = std::string(value.at("job").string_or("")),
      .data = data == nullptr ? json::Object() : *data,
  };
}

std::string topic_of(const Event& event, std::string_view node) {
  return fmt::format("{}.{}.{}.", node, event.kind, event.object);
}

}  // namespace drover
