// FakeCluster: a Proxmox API that tells of nothing but quorum and maintenance.
#pragma once

#include <mutex>
#include <optional>
#include <string>

#include "proxmox/client.h"

namespace drover::fakes {

/// Thread-safe.
class FakeCluster : public proxmox::Client {
 public:
  void set_quorate(bool quorate) {
    const std::lock_guard lock(mutex_);
    quorate_ = quorate;
  }
  void set_maintenance(bool maintenance) {
    const std::lock_guard lock(mutex_);
    maintenance_ = maintenance;
  }
  /// Each question is answered so, until none is set.
  void set_error(std::optional<Error> error) {
    const std::lock_guard lock(mutex_);
    error_ = std::move(error);
  }
  int asked() const {
    const std::lock_guard lock(mutex_);
    return asked_;
  }

  Result<json::Value> get(const std::string& path, const proxmox::Form& /*query*/,
                          const system::Stop& stop) override {
    TRY(stop.check("GET " + path));
    const std::lock_guard lock(mutex_);
    ++asked_;
    if (error_) {
      return Failure(*error_);
    }
    if (path != "/cluster/ha/status/manager_status") {
      return unknown(path);
    }
    return json::Value(json::Object{
        {"quorum", json::Object{{"node", node_}, {"quorate", quorate_ ? 1 : 0}}},
        {"manager_status",
         json::Object{
             {"node_status", json::Object{{node_, maintenance_ ? "maintenance" : "online"}}}}}});
  }
  Result<json::Object> get_whole(const std::string& path, const proxmox::Form& query,
                                 const system::Stop& stop) override {
    return json::Object{{"data", TRY(get(path, query, stop))}};
  }
  Result<json::Value> post(const std::string& path, const proxmox::Form& /*form*/,
                           const system::Stop& /*stop*/) override {
    return unknown(path);
  }
  Result<json::Value> upload(const std::string& path, const proxmox::Form& /*form*/,
                             const proxmox::FilePart& /*file*/,
                             const system::Stop& /*stop*/) override {
    return unknown(path);
  }
  Result<json::Value> put(const std::string& path, const proxmox::Form& /*form*/,
                          const system::Stop& /*stop*/) override {
    return unknown(path);
  }
  Result<json::Value> del(const std::string& path, const proxmox::Form& /*query*/,
                          const system::Stop& /*stop*/) override {
    return unknown(path);
  }
  const std::string& node() const override { return node_; }
  const std::string& user() const override { return user_; }

 private:
  static Result<json::Value> unknown(const std::string& path) {
    return fail(Code::broken, "the fake has no {}", path);
  }

  const std::string node_ = "pve1";
  const std::string user_ = "root@pam!agent";
  mutable std::mutex mutex_;  // guards all below
  bool quorate_ = true;
  bool maintenance_ = false;
  int asked_ = 0;
  std::optional<Error> error_;
};

}  // namespace drover::fakes
