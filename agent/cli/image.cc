// drover image: what containers' roots are made from.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <memory>

#include "agent/cli/image_prune.h"
#include "agent/cli/image_push.h"
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

/// Nothing is written over: who wanted something else is told.
std::string was_there(const std::string& image, const json::Value& result) {
  return result.at("there").boolean_or(false)
             ? fmt::format("{} was there already, with the digest {}; it is left as it is", image,
                           result.at("digest").string_or(""))
             : "";
}

void add_pull(CLI::App& group, Action& action) {
  const auto arguments = std::make_shared<JobArguments>();
  CLI::App* command = add_job_command(
      group, action,
      {"pull",
       "Fetch and unpack images, so that containers start at once, or fetch a template of Proxmox",
       Verb::image_pull, was_there},
      arguments, "IMAGE",
      "Images, as docker://HOST/REPOSITORY:TAG, oci:/LAYOUT:TAG, oci-archive:/FILE, "
      "docker-archive:/FILE or template:/FILE, or a template of guests as STORAGE:vztmpl/FILE");
  command
      ->add_option("--from", arguments->options.from,
                   "Where the template is fetched: https://..., docker://HOST/REPOSITORY:TAG (an "
                   "OCI archive, FILE ending in .tar), or a file of the node")
      ->type_name("PLACE");
  command
      ->add_option("--checksum", arguments->options.checksum,
                   "What the template must have, as sha256:HEX")
      ->type_name("CHECKSUM");
}

}  // namespace

void add_image(CLI::App& app, Action& action) {
  CLI::App* group = app.add_subcommand("image", "Fetch, send, list and remove images");
  group->require_subcommand(1);
  add_pull(*group, action);
  add_job_command(
      *group, action,
      {"rm", "Remove images, by name or digest, that no container uses", Verb::image_remove},
      std::make_shared<JobArguments>(), "IMAGE",
      "Images, as they were pulled, or their digests; templates as STORAGE:vztmpl/FILE");
  add_list(*group, action, "List the node's images and the containers that use them",
           {"images", {"NAME", "DIGEST", "SIZE", "SINCE", "CONTAINERS"}, image_cells});
  add_image_push(*group, action);
  add_image_prune(*group, action);
}

}  // namespace drover::cli
