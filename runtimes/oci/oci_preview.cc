#include "runtimes/oci/oci_runtime.h"

namespace drover::runtimes {

Result<Preview> OciRuntime::preview(const Container& container) const {
  Spec spec = TRY(make_spec(container, bundle_options()));
  spec.set({"root", "path"}, layout_.rootfs(container.name).native());
  return Preview{"config.json", spec.document()};
}

}  // namespace drover::runtimes
