#include "agent/jobs/journal/told_labels.h"

namespace drover::jobs {
namespace {

constexpr std::size_t kMostBytesTold = 4096;

}  // namespace

void tell_labels(const std::string& record, json::Object& data) {
  // Most containers have none, and this is asked on the loop's thread for each event.
  if (record.find("\"labels\"") == std::string::npos) {
    return;
  }
  const Result<json::Value> value = json::parse(record);
  const json::Value labels = value ? value->at("spec").at("labels") : json::Value();
  if (labels.object() == nullptr || labels.object()->empty()) {
    return;
  }
  if (json::write(labels).size() <= kMostBytesTold) {
    data.set("labels", labels);
  } else {
    data.set("labels_left_out", true);
  }
}

}  // namespace drover::jobs
