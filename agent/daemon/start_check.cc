#include "agent/daemon/start_check.h"

#include "agent/doctor/examine_proxmox.h"
#include "agent/system/log.h"

namespace drover::daemon {

StartCheck::StartCheck(const Config& config, system::Clock& clock)
    : thread_([this, &config, &clock] {
        for (const doctor::Finding& finding : doctor::examine_proxmox(config, clock, stop_)) {
          if (!finding.ok && !stop_.requested()) {
            system::log_warning("{}: {} (`drover doctor` tells more)", finding.about,
                                finding.message);
          }
        }
      }) {}

StartCheck::~StartCheck() {
  stop_.request();
  thread_.join();
}

}  // namespace drover::daemon
