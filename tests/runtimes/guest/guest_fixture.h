// GuestFixture: the runtime of Proxmox's guests on a node of Proxmox in memory.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "fakes/fake_clock.h"
#include "fakes/fake_proxmox.h"
#include "fakes/temp_folder.h"
#include "runtimes/guest/guest_runtime.h"

namespace drover::runtimes {

/// Guests in memory; LXC on this node knows none of them.
class GuestFixture : public testing::Test {
 protected:
  static Container container(const std::string& name, const std::string& job) {
    Container made{ContainerName::parse(name).value(),
                   JobId::parse(job).value(),
                   RuntimeKind::pve_lxc,
                   {},
                   {},
                   {},
                   {},
                   {},
                   {}};
    made.spec.image = "local:vztmpl/busybox.tar.gz";
    return made;
  }
  void create() {
    const auto created = runtime_.create(web_, stop_);
    ASSERT_TRUE(created) << to_text(created.error());
  }
  Status status() { return runtime_.state(web_, stop_).value().status; }
  fakes::FakeProxmox::Guest& guest() { return api_.guests.at(5000); }

  fakes::TempFolder folder_;
  fakes::FakeProxmox api_{folder_.path()};
  fakes::FakeClock clock_;
  GuestRuntime runtime_{
      api_, clock_, {"local", 512, Vmid{5000}, Vmid{5002}, folder_ / "lxc", "vmbr0", "local"}};
  Stop stop_;
  const Container web_ = container("web-1", "Job-1");
};

}  // namespace drover::runtimes
