// FakeProxmox: a Proxmox node in memory, its volumes real sparse files.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <mutex>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "fakes/request_path.h"
#include "proxmox/client.h"
#include "proxmox/upid.h"

namespace drover::fakes {

/// Answers as tests/pve-sim does over HTTPS, with the codes that proxmox::Client gives its errors.
/// Background tasks have ended when their call returns. Thread-safe.
class FakeProxmox : public proxmox::Client {
 public:
  static constexpr const char* kUser = "root@pam!agent";

  struct Guest {
    json::Object config;
    bool running = false;
  };
  struct Storage {
    std::string type = "dir";
    bool active = true;
    bool shared = false;
    std::map<std::string, std::filesystem::path> volumes{};  ///< by volume id
    std::map<std::string, std::uint64_t> quotas{};           ///< bytes, of those that are folders
    /// Where the volumes' devices are while they are active; "" where the files are all there is.
    std::filesystem::path devices{};
  };

  /// Volumes are made below `folder`.
  explicit FakeProxmox(std::filesystem::path folder);

  /// The next request whose "METHOD path" starts with `request` fails with `error`; `done` says
  /// whether the API has done it all the same (a lost answer).
  void fail_next(std::string request, Error error, bool done = false);
  /// The next task of this type ("vzstart") ends with this exit status.
  void fail_task(std::string type, std::string status);

  /// A task that `user` has begun before: it runs until it is asked for its status, does `deed` and
  /// has ended well.
  void begin_task(const std::string& type, const std::string& id, std::function<void()> deed,
                  const std::string& user = kUser);

  Result<json::Value> get(const std::string& path, const proxmox::Form& query,
                          const system::Stop& stop) override;
  /// Nothing stands beside "data".
  Result<json::Object> get_whole(const std::string& path, const proxmox::Form& query,
                                 const system::Stop& stop) override;
  Result<json::Value> post(const std::string& path, const proxmox::Form& form,
                           const system::Stop& stop) override;
  Result<json::Value> put(const std::string& path, const proxmox::Form& form,
                          const system::Stop& stop) override;
  Result<json::Value> del(const std::string& path, const proxmox::Form& query,
                          const system::Stop& stop) override;
  Result<json::Value> upload(const std::string& path, const proxmox::Form& form,
                             const proxmox::FilePart& file, const system::Stop& stop) override;
  const std::string& node() const override { return node_; }
  const std::string& user() const override { return user_; }

  // What the node has; a test reads and changes it between calls.
  std::map<std::string, Storage> storages;
  std::map<std::uint32_t, Guest> guests;
  std::vector<std::string> requests;  ///< "METHOD path", in order

 private:
  using Fields = std::map<std::string, std::string>;
  struct Planned {
    std::string request;
    Error error;
    bool done;
  };

  Result<json::Value> serve(const std::string& method, const std::string& path,
                            const proxmox::Form& form, const system::Stop& stop);

  Result<json::Value> answer(const std::string& method, const std::vector<std::string>& at,
                             const Fields& given);

  Result<json::Value> next_id(const Fields& given);

  json::Value ended_tasks(const Fields& given) const;
  json::Value running_tasks() const;

  Result<json::Value> task_status(const std::string& upid);

  /// The task has failed already when `outcome` is an error.
  json::Value task(const std::string& type, const std::string& id, const Result<>& outcome = {},
                   const std::string& user = kUser);
  Result<> planned_outcome(const std::string& type);

  Result<json::Value> storage_call(const std::string& method, const std::vector<std::string>& at,
                                   const Fields& given);

  /// 0 for a device that is not there.
  static std::uint64_t size_of(const std::filesystem::path& path);

  static json::Object described(const std::string& name, const Storage& storage);

  Result<json::Value> content(const Storage& storage, const Fields& given) const;

  Result<json::Value> allocate(const std::string& name, Storage& storage, const Fields& given);

  /// As the API names it, whether it is active or not.
  static std::string path_of(const Storage& storage, const std::filesystem::path& file);

  /// "local:100/vm-100-x.raw", "local-lvm:vm-100-x" and "tank:subvol-100-x" belong to 100.
  static std::string owner_of(const std::string& volid);

  Result<json::Value> guest_list() const;

  json::Object status_of(std::uint32_t vmid, const Guest& guest) const;

  Result<json::Value> guest_call(const std::string& method, const std::vector<std::string>& at,
                                 const Fields& given);

  Result<json::Value> create(const Fields& given);

  Result<json::Value> clone(const std::string& vmid, const Guest& source, const Fields& given);

  Result<json::Value> shown_config(const Guest& guest) const { return json::Value(guest.config); }

  Result<json::Value> configure(Guest& guest, const Fields& given);

  Result<json::Value> change(const std::string& verb, const std::string& vmid, Guest& guest);

  std::string next_digest() { return fmt::format("{:040x}", ++digest_); }

  std::string node_ = "pve1";
  std::string user_ = kUser;
  std::filesystem::path folder_;
  std::mutex mutex_;  // guards all below and the public state during a call
  std::deque<Planned> failures_;
  std::map<std::string, std::string> task_failures_;
  std::map<std::string, std::string> tasks_;              // exit status by UPID
  std::map<std::string, std::function<void()>> running_;  // by UPID
  unsigned task_number_ = 0;
  unsigned digest_ = 0;
};

}  // namespace drover::fakes
