#include "agent/core/config/images.h"

#include <algorithm>
#include <utility>

#include "agent/core/config/paths.h"

namespace drover {

ImagesConfig read_images_section(const json::Value& value, std::string at, Faults& faults) {
  Fields fields(value, std::move(at), faults);
  ImagesConfig images;
  images.auth_file = read_absolute(fields, "auth_file", {});
  images.policy_file = read_absolute(fields, "policy_file", images.policy_file);
  if (images.policy_file.empty()) {
    fields.fault("policy_file", "must be given: without a policy no image is fetched");
  }
  images.certificate_folder = read_absolute(fields, "certificate_folder", {});
  images.timeout_s = fields.integer("timeout_s", images.timeout_s, 1, 86'400);
  images.full_percent = fields.integer("full_percent", images.full_percent, 1, 100);
  images.enough_percent = fields.integer(
      "enough_percent", std::min(images.enough_percent, images.full_percent), 0, 100);
  if (images.enough_percent > images.full_percent) {
    fields.fault("enough_percent", "must not be above full_percent");
  }
  fields.finish();
  return images;
}

}  // namespace drover
