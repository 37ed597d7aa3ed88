// ApiFixture: a simulated node, and a client of it that a test makes.
#pragma once

#include <gmock/gmock.h>

#include <memory>
#include <string>

#include "fakes/fake_clock.h"
#include "fakes/sim_node.h"

namespace drover::proxmox {

class ApiFixture : public testing::Test {
 protected:
  void make_client() { client_ = make_https_client(endpoint_, clock_).value(); }
  /// A read, and a write.
  Result<json::Value> version() { return client_->get("/version", {}, stop_); }
  Result<json::Value> allocate(const std::string& name) {
    return client_->post("/nodes/pve1/storage/local/content",
                         {{"vmid", "9000"}, {"filename", name}, {"size", "1M"}, {"format", "raw"}},
                         stop_);
  }

  fakes::SimNode node_;
  Endpoint endpoint_ = node_.endpoint();
  fakes::FakeClock clock_;
  std::unique_ptr<Client> client_;
  const system::Stop stop_;
};

}  // namespace drover::proxmox
