#include "runtimes/images/root_image.h"

#include "agent/core/image_reference.h"
#include "proxmox/template_volume.h"

namespace drover::runtimes {
namespace {

Result<> check_reference(const std::string& image) {
  if (proxmox::names_template(image)) {
    TRY(proxmox::TemplateVolume::parse(image));
    return {};
  }
  TRY(parse_image_reference(image));
  return {};
}

}  // namespace

Result<> check_root_image(const ContainerSpec& spec, RuntimeKind kind) {
  if (!spec.rootfs.empty()) {
    return {};
  }
  const Result<> known = check_reference(spec.image);
  return known ? Result<>()
               : fail(Code::refused, "image: {} cannot run it: {}", to_string(kind),
                      known.error().message);
}

}  // namespace drover::runtimes
