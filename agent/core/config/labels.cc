#include "agent/core/config/labels.h"

#include <algorithm>

#include "agent/core/ascii.h"

namespace drover {
namespace {

constexpr std::size_t kMostNodeLabels = 64;
constexpr std::size_t kMostLabelName = 63;
constexpr std::size_t kMostLabelValue = 255;

bool is_line(std::string_view text) {
  return std::none_of(text.begin(), text.end(), is_control);
}

}  // namespace

std::map<std::string, std::string> read_node_labels(Fields& fields) {
  std::map<std::string, std::string> labels = fields.strings_by_key("labels");
  if (labels.size() > kMostNodeLabels) {
    fields.fault("labels", fmt::format("must have at most {} members", kMostNodeLabels));
  }
  for (const auto& [name, value] : labels) {
    if (name.empty() || name.size() > kMostLabelName || !is_line(name)) {
      fields.fault("labels",
                   fmt::format("must have names of 1 to {} bytes in one line", kMostLabelName));
    } else if (name == "name") {
      fields.fault("labels", "must not have \"name\", which is the node's name in expressions");
    }
    if (value.size() > kMostLabelValue || !is_line(value)) {
      fields.fault("labels", fmt::format("must have values of at most {} bytes in one line; that "
                                         "of \"{}\" is none",
                                         kMostLabelValue, name.substr(0, kMostLabelName)));
    }
  }
  return labels;
}

}  // namespace drover
