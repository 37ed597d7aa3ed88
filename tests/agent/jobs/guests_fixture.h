// GuestsFixture: a node of Proxmox, whose API is a fake, with a reconciler.
#pragma once

#include <string>

#include "fakes/fake_proxmox.h"
#include "leaks_fixture.h"
#include "runtimes/guest/guest_runtime.h"
#include "runtimes/volumes/proxmox_volumes.h"

namespace drover::jobs {

class GuestsFixture : public LeaksFixture {
 protected:
  void SetUp() override {
    NodeFixture::SetUp();
    node_->proxmox_volumes = &on_proxmox_;
    node_->runtimes[RuntimeKind::pve_lxc] = &guests_;
    start_reconciler();
    look();
  }
  void add_guest(std::uint32_t vmid, const std::string& name, const std::string& tags) {
    api_.guests[vmid].config = {{"hostname", name}, {"tags", tags}};
  }

  fakes::FakeProxmox api_{folder_ / "pve"};
  runtimes::ProxmoxVolumes on_proxmox_{api_, clock_, Vmid{999'000'000}};
  runtimes::GuestRuntime guests_{
      api_, clock_, {"local", 512, Vmid{5000}, Vmid{5002}, folder_ / "lxc", "vmbr0", "local"}};
};

}  // namespace drover::jobs
