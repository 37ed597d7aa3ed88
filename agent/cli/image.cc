// drover image: what containers' roots are made from.
#include <CLI/App.hpp>
#include <memory>

#include "agent/cli/command.h"
#include "agent/cli/exit_code.h"
#include "agent/cli/job_run.h"
#include "agent/cli/text.h"
#include "agent/cli/thing_list.h"

namespace drover::cli {
namespace {

void add_image_job(CLI::App& group, Action& action, const char* name, const char* about,
                   Verb verb) {
  struct Options {
    std::vector<std::string> images;
    JobFlags flags;
  };
  CLI::App* command = group.add_subcommand(name, about);
  const auto options = std::make_shared<Options>();
  command->add_option("IMAGE", options->images, "Images, as oci:/LAYOUT:TAG")->required();
  add_job_flags(*command, options->flags);
  command->footer(kExitStatus);
  command->callback([&action, options, verb] {
    action = [options, verb](Session& session) {
      return run_for_each(session, verb, options->images, {}, options->flags);
    };
  });
}

std::vector<std::string> image_cells(const json::Value& image) {
  constexpr std::size_t kDigest = sizeof("sha256:") - 1 + 12;
  return {std::string(image.at("name").string_or("")),
          std::string(image.at("digest").string_or("").substr(0, kDigest)),
          size_text(static_cast<std::uint64_t>(image.at("bytes").integer_or(0))),
          short_time(image.at("since").integer_or(0), system::SystemClock().unix_ms()),
          joined(image.at("containers"))};
}

}  // namespace

void add_image(CLI::App& app, Action& action) {
  CLI::App* group = app.add_subcommand("image", "Unpack, list and remove images");
  group->require_subcommand(1);
  add_image_job(*group, action, "pull", "Unpack images, so that containers start at once",
                Verb::image_pull);
  add_image_job(*group, action, "rm", "Remove images, by name or digest, that no container uses",
                Verb::image_remove);
  add_list(*group, action, "List the node's images and the containers that use them",
           {"images", {"NAME", "DIGEST", "SIZE", "SINCE", "CONTAINERS"}, image_cells});
}

}  // namespace drover::cli
