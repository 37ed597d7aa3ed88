#include "agent/doctor/examine_images.h"

#include "agent/doctor/examine_programs.h"
#include "runtimes/images/skopeo.h"

namespace drover::doctor {
namespace {

constexpr const char* kAboutImages = "images";

}  // namespace

std::vector<Finding> examine_images(const Config& config) {
  const path skopeo = "/usr/bin/skopeo";
  if (!is_program(skopeo) && !is_program("/usr/local/bin/skopeo")) {
    return {{kAboutImages,
             true,
             "skopeo is not there, without which images come from layouts and templates of this "
             "node only",
             {"apt install skopeo"}}};
  }
  std::vector<Finding> findings;
  const Result<> policy = runtimes::check_policy_file(config.images.policy_file);
  findings.push_back(
      {kAboutImages,
       policy.has_value(),
       policy ? "signature policy " + config.images.policy_file.native() : policy.error().message,
       {}});
  if (!config.images.auth_file.empty()) {
    const auto logins = runtimes::open_auth_file(config.images.auth_file);
    findings.push_back(
        {kAboutImages,
         logins.has_value(),
         logins ? "logins " + config.images.auth_file.native() : logins.error().message,
         {}});
  }
  return findings;
}

}  // namespace drover::doctor
