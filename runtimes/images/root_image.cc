#include "runtimes/images/root_image.h"

#include "agent/core/image_reference.h"

namespace drover::runtimes {

Result<> check_root_image(const ContainerSpec& spec, RuntimeKind kind) {
  if (!spec.rootfs.empty()) {
    return {};
  }
  const Result<ImageReference> image = parse_image_reference(spec.image);
  return image ? Result<>()
               : fail(Code::refused, "image: {} cannot run it: {}", to_string(kind),
                      image.error().message);
}

}  // namespace drover::runtimes
