#include "agent/jobs/admit_image.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "agent/core/image_reference.h"
#include "agent/jobs/admit_policy.h"
#include "agent/jobs/allowed_folders.h"
#include "agent/jobs/pushed_archive.h"
#include "proxmox/template_source.h"

namespace drover::jobs {
namespace {

/// The path that an image or a rootfs names.
path local_path(const ContainerSpec& spec) {
  if (!spec.rootfs.empty()) {
    return spec.rootfs;
  }
  const Result<ImageReference> image = parse_image_reference(spec.image);
  return image && image->lies_on_node() ? path(image->place) : path();
}

Result<> check_folder(const Node& node, const path& wanted) {
  if (!wanted.empty()) {
    TRY(allowed_folder(node.config, wanted));
  }
  return {};
}

/// `refused` where a job may fetch no templates to the storage.
Result<> check_template_storage(const Node& node, const std::string& storage) {
  const std::vector<std::string>& allowed = node.config.storage.template_storages;
  TRY(node.all_templates());
  if (!allowed.empty() && std::find(allowed.begin(), allowed.end(), storage) == allowed.end()) {
    return fail(Code::refused, "storage {} is none of those this node allows templates on: {}",
                storage, fmt::format("{}", fmt::join(allowed, ", ")));
  }
  return {};
}

Result<> admit_template(const Node& node, const JobRequest& request) {
  const auto volume = TRY(proxmox::TemplateVolume::parse(request.target));
  const auto source =
      TRY(proxmox::TemplateSource::read(volume, request.options.from, request.options.checksum));
  TRY(check_template_storage(node, volume.storage));
  return source.kind == proxmox::TemplateSource::Kind::file ? check_folder(node, source.place)
                                                            : Result<>();
}

}  // namespace

Result<> admit_image(const Node& node, const JobRequest& request) {
  if (request.verb != Verb::image_pull) {
    return {};
  }
  TRY(admit_image_name(node.config.policy, request.target));
  if (proxmox::names_template(request.target)) {
    return admit_template(node, request);
  }
  const ImageReference image = TRY(parse_image_reference(request.target));
  if (image.kind == ImageReference::Kind::pushed) {
    TRY(PushedArchive::read(node.layout, request));
    return {};
  }
  if (!request.options.from.empty() || !request.options.checksum.empty()) {
    return fail(Code::invalid,
                "pull image {}: from and checksum are of templates of Proxmox "
                "(STORAGE:vztmpl/FILE) and of what was pushed; every other image is where its name "
                "says",
                request.target);
  }
  return image.lies_on_node() ? check_folder(node, image.place) : Result<>();
}

Result<> admit_root_image(const Node& node, const JobRequest& request) {
  const std::string& reference = request.options.image;
  TRY(admit_image_name(node.config.policy, reference));
  if (proxmox::names_template(reference)) {
    TRY(proxmox::TemplateVolume::parse(reference));
    TRY(node.all_templates());
    return {};
  }
  const ImageReference image = TRY(parse_image_reference(reference));
  return image.lies_on_node() ? check_folder(node, image.place) : Result<>();
}

Result<> admit_root_of(const Node& node, const ContainerSpec& spec,
                       const runtimes::Runtime& runtime) {
  // Where such a one is only the node's Proxmox knows.
  if (spec.rootfs.empty() && proxmox::names_template(spec.image) &&
      !runtime.capabilities().provisions_itself) {
    TRY(node.all_templates().context("image " + spec.image));
  }
  return check_folder(node, local_path(spec));
}

}  // namespace drover::jobs
