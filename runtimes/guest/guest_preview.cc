#include "runtimes/guest/guest_program.h"
#include "runtimes/guest/guest_request.h"
#include "runtimes/guest/guest_runtime.h"

namespace drover::runtimes {

Result<Preview> GuestRuntime::preview(const Container& container) const {
  proxmox::GuestRequest request = TRY(map_spec(container.spec, options_));
  request.hostname = hostname_of(container);
  request.tags = tags_of(container);
  proxmox::Form form = proxmox::creation_form(request, Vmid{0});
  const proxmox::Form program = TRY(program_form(container.spec, json::Value(json::Object())));
  form.insert(form.end(), program.begin(), program.end());
  json::Object content;
  for (const auto& [key, value] : form) {
    if (key != "vmid") {  // which is chosen when it is made
      content.set(key, value);
    }
  }
  return Preview{"POST /nodes/NODE/lxc", std::move(content)};
}

}  // namespace drover::runtimes
