// Api: every method of the simulated node, without HTTP.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tests/pve-sim/answer.h"
#include "tests/pve-sim/contract.h"
#include "tests/pve-sim/faults.h"
#include "tests/pve-sim/place.h"
#include "tests/pve-sim/tasks.h"

namespace drover::pve_sim {

/// Thread-safe.
class Api {
 public:
  explicit Api(const Place& place) : place_(place), faults_(place), tasks_(place, faults_) {}

  /// `target` is the decoded path below /api2/json.
  Answer handle(const std::string& method, const std::string& target, const Form& form);

 private:
  Answer answer(const std::string& method, const std::string& target, const Form& form);
  Answer node(const std::string& method, const std::vector<std::string>& parts, const Form& form);
  Answer storage(const std::string& method, const std::vector<std::string>& parts,
                 const Form& form);
  Answer network(const std::string& method, const std::vector<std::string>& parts,
                 const Form& form);
  Answer tasks(const std::string& method, const std::vector<std::string>& parts, const Form& form);
  Answer guests(const std::string& method, const std::vector<std::string>& parts, const Form& form);
  Answer create_guest(const Parameters& parameters);
  Answer configure_guest(const std::string& vmid, const Parameters& parameters);
  json::Object guest_status(const std::string& vmid) const;
  Answer start_task(const TaskRequest& request);

  const Place& place_;
  Contract contract_;
  Faults faults_;
  Tasks tasks_;
};

}  // namespace drover::pve_sim
