// Api: every method of the simulated node, without HTTP.
#pragma once

#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tests/pve-sim/answer.h"
#include "tests/pve-sim/contract.h"
#include "tests/pve-sim/faults.h"
#include "tests/pve-sim/permissions.h"
#include "tests/pve-sim/place.h"
#include "tests/pve-sim/tasks.h"
#include "tests/pve-sim/users.h"

namespace drover::pve_sim {

/// Thread-safe.
class Api {
 public:
  Api(const Place& place, Users& users)
      : place_(place), users_(users), faults_(place), tasks_(place, faults_) {}

  /// `target` is the decoded path below /api2/json, `user` who asks: "USER@REALM" or with "!TOKEN".
  Answer handle(const std::string& method, const std::string& target, const Form& form,
                const std::string& user);

 private:
  /// What the method wants granted and `user` has not; "" when it may begin.
  std::string refusal(const std::string& method, const std::string& target, const Form& form,
                      const std::string& user) const;
  Has granted_to(const std::string& user) const;
  Answer answer(const std::string& method, const std::string& target, const Form& form,
                const std::string& user);
  Answer access(const std::string& method, const std::vector<std::string>& parts, const Form& form,
                const std::string& user);
  Answer permissions(const Parameters& parameters, const std::string& user) const;
  Answer token(const std::string& method, const Parameters& parameters);
  Answer grant(const Parameters& parameters);
  Answer node(const std::string& method, const std::vector<std::string>& parts, const Form& form,
              const std::string& user);
  Answer storage(const std::string& method, const std::vector<std::string>& parts, const Form& form,
                 const std::string& user);
  Answer storage_config(const std::string& method, const std::vector<std::string>& parts,
                        const Form& form);
  Answer create_storage(const Parameters& given);
  Answer network(const std::string& method, const std::vector<std::string>& parts, const Form& form,
                 const std::string& user);
  Answer sdn(const std::string& method, const std::vector<std::string>& parts, const Form& form,
             const std::string& user);
  Answer sdn_zones(const std::string& method, const std::vector<std::string>& parts,
                   const Form& form);
  Answer sdn_vnets(const std::string& method, const std::vector<std::string>& parts,
                   const Form& form);
  Answer sdn_subnets(const std::string& method, const std::vector<std::string>& parts,
                     const Form& form);
  Answer sdn_ips(const std::string& method, const std::vector<std::string>& parts,
                 const Form& form);
  Answer sdn_ipams(const std::string& method, const std::vector<std::string>& parts,
                   const Form& form);
  Answer list_tasks(const Parameters& parameters, const std::string& user) const;
  Answer list_newest_tasks(const std::string& user);
  Answer tasks(const std::string& method, const std::vector<std::string>& parts, const Form& form,
               const std::string& user);
  Answer guests(const std::string& method, const std::vector<std::string>& parts, const Form& form,
                const std::string& user);
  Answer firewall_switch() const;
  Answer guest_firewall(const std::string& method, const std::vector<std::string>& parts,
                        const Form& form);
  Answer back_up(const Parameters& given, const std::string& user);
  Answer restore_guest(const Parameters& given, const std::string& user);
  /// Those of one guest, or of all with "".
  json::Array backups(const std::string& storage, const std::string& vmid) const;
  Answer snapshots(const std::string& method, const std::vector<std::string>& parts,
                   const Form& form, const std::string& user);
  Answer create_guest(const Parameters& parameters, const std::string& user);
  Answer configure_guest(const std::string& vmid, const Parameters& parameters,
                         const std::string& user);
  Answer clone_guest(const std::string& vmid, const Form& form, const std::string& user);
  /// Takes the number for a guest that is to be made.
  Result<> reserve_guest(const std::string& vmid) const;
  Answer resize_guest(const std::string& vmid, const Form& form, const std::string& user);
  Answer migrate_guest(const std::string& vmid, const Form& form, const std::string& user);
  /// Whether the HA manager has the guest in its hands.
  bool is_managed(const std::string& vmid) const;
  Answer make_template(const std::string& vmid, json::Object config);
  Answer guest_interfaces(const std::string& vmid) const;
  static json::Object guest_status(const Place& place, const std::string& vmid);
  /// As GET /cluster/resources gives it.
  static json::Object resource_of_guest(const Place& place, const std::string& vmid);
  /// `method` is "download-url" or "oci-registry-pull".
  Answer fetch_template(const std::string& method, const Form& form, const std::string& user);
  Answer download_url(const Parameters& parameters, const std::string& user);
  Answer pull_oci(const Parameters& parameters, const std::string& user);
  Answer oci_tags(const Parameters& parameters) const;
  Answer upload(const Parameters& parameters, const std::string& user);
  Answer cluster_status() const;
  Answer resources(const Parameters& parameters, const std::string& user) const;
  Answer manager_status() const;
  Answer start_task(const TaskRequest& request, const std::string& user);

  const Place& place_;
  Users& users_;
  Contract contract_;
  Permissions permissions_;
  Faults faults_;
  Tasks tasks_;
  std::mutex mutex_;
  std::set<std::string> saved_;  // tasks whose end was in a list of all nodes' tasks before
};

}  // namespace drover::pve_sim
