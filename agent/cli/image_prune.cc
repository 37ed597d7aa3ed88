// drover image prune: removes what no container uses.
#include "agent/cli/image_prune.h"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <memory>
#include <set>

#include "agent/cli/exit_code.h"
#include "agent/cli/job_run.h"

namespace drover::cli {
namespace {

/// Of images that no container has. A template of Proxmox is no root: guests have copies, and who
/// pulled it wants it for the next.
std::vector<std::string> unused_images(const json::Value& images) {
  std::vector<std::string> names;
  if (const json::Array* rows = images.array()) {
    for (const json::Value& row : *rows) {
      const json::Array* containers = row.at("containers").array();
      const std::string name(row.at("name").string_or(""));
      if ((containers == nullptr || containers->empty()) &&
          name.find(":vztmpl/") == std::string::npos) {
        names.push_back(name);
      }
    }
  }
  return names;
}

Result<int> prune(Session& session, const JobFlags& flags) {
  messaging::Client client = TRY(session.connect());
  const json::Value answer = TRY(client.all("images", session.interrupt.first()));
  const std::vector<std::string> names = unused_images(answer.at("images"));
  return names.empty() ? Result<int>(kDone)
                       : run_for_each(session, Verb::image_remove, names, {}, flags);
}

}  // namespace

void add_image_prune(CLI::App& group, Action& action) {
  CLI::App* command =
      group.add_subcommand("prune", "Remove all images that no container uses, but no templates");
  const auto flags = std::make_shared<JobFlags>();
  add_job_flags(*command, *flags);
  command->footer(kExitStatus);
  command->callback(
      [&action, flags] { action = [flags](Session& session) { return prune(session, *flags); }; });
}

}  // namespace drover::cli
