#include "runtimes/lxc/lxc_config.h"
#include "runtimes/lxc/lxc_runtime.h"

namespace drover::runtimes {

Result<Preview> LxcRuntime::preview(const Container& container) const {
  const Spec spec = TRY(make_spec(container, bundle_options()));
  std::string text =
      TRY(make_lxc_config(container, spec, options_.monitor_program, home(container.name)));
  // Made of the image's files as they lie there; the container has them somewhere else.
  const std::string& looked_at = container.rootfs.native();
  const std::string own = layout_.rootfs(container.name);
  for (std::size_t at = text.find(looked_at); looked_at != "/" && at != std::string::npos;
       at = text.find(looked_at, at + own.size())) {
    text.replace(at, looked_at.size(), own);
  }
  return Preview{"lxc.container.conf", std::move(text)};
}

}  // namespace drover::runtimes
