// drover image: what containers' roots are made from.
#include <CLI/App.hpp>
#include <memory>

#include "agent/cli/job_command.h"
#include "agent/cli/text.h"
#include "agent/cli/thing_list.h"

namespace drover::cli {
namespace {

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
  add_job_command(*group, action,
                  {"pull", "Unpack images, so that containers start at once", Verb::image_pull},
                  std::make_shared<JobArguments>(), "IMAGE", "Images, as oci:/LAYOUT:TAG");
  add_job_command(
      *group, action,
      {"rm", "Remove images, by name or digest, that no container uses", Verb::image_remove},
      std::make_shared<JobArguments>(), "IMAGE", "Images, as oci:/LAYOUT:TAG, or their digests");
  add_list(*group, action, "List the node's images and the containers that use them",
           {"images", {"NAME", "DIGEST", "SIZE", "SINCE", "CONTAINERS"}, image_cells});
}

}  // namespace drover::cli
