#include "agent/jobs/queries/spec_query.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <optional>
#include <utility>

#include "agent/core/fields.h"
#include "agent/core/image_reference.h"
#include "agent/jobs/admission.h"
#include "agent/jobs/admit_policy.h"
#include "agent/jobs/allowed_folders.h"
#include "agent/jobs/queries/spec_refusals.h"
#include "agent/jobs/queries/views.h"
#include "agent/jobs/verbs/images.h"
#include "runtimes/bind_sources.h"
#include "runtimes/name_files.h"

namespace drover::jobs {
namespace {

constexpr std::array kEveryKind = {RuntimeKind::runc, RuntimeKind::crun, RuntimeKind::lxc,
                                   RuntimeKind::pve_lxc};

struct SpecQuestion {
  std::string name;
  ContainerSpec spec;
  std::optional<RuntimeKind> config_of;
  /// Of all images that this node has by the names that they have here.
  std::map<std::string, std::string> digests{};
};

Result<SpecQuestion> read_question(Journal& journal, const json::Value& value) {
  Faults faults;
  Fields fields(value, "", faults);
  fields.require("name");
  SpecQuestion question;
  question.name = fields.string("name");
  question.config_of =
      runtime_kind_from(fields.one_of("config_of", "", {"runc", "crun", "lxc", "pve-lxc"}));
  fields.object("spec", [&](const json::Value& spec, std::string at) {
    question.spec = read_container_spec(spec, std::move(at), faults);
  });
  fields.finish();
  TRY(faults.result("the query is not understood"));
  TRY(ContainerName::parse(question.name));
  if (question.config_of) {
    const std::vector<ImageRow> images = TRY(journal.images());
    for (const ImageRow& row : images) {
      question.digests.emplace(row.name, row.digest);
    }
  }
  return question;
}

void append_new(std::vector<SpecRefusal>& all, std::vector<SpecRefusal> more) {
  for (SpecRefusal& refusal : more) {
    const bool told = std::any_of(all.begin(), all.end(), [&refusal](const SpecRefusal& one) {
      return one.error.message == refusal.error.message;
    });
    if (!told) {
      all.push_back(std::move(refusal));
    }
  }
}

/// What the runtime has against it, what the policy has, and of what is left the node itself.
Result<std::vector<SpecRefusal>> refusals_of(const Node& node, const SpecQuestion& question,
                                             const runtimes::Runtime& runtime,
                                             const system::Stop& stop) {
  const RuntimeKind kind = runtime.kind();
  ContainerSpec spec = question.spec;
  spec.runtime = kind;
  const auto by_runtime = [&](const ContainerSpec& one) {
    return runtime.accepts(with_defaults(node, one, kind));
  };
  const auto by_policy = [&](const ContainerSpec& one) {
    return admit_policy(node.config, with_defaults(node, one, kind), kind);
  };
  const auto by_node = [&](const ContainerSpec& one) {
    return admit_container(node, question.name, one);
  };
  ContainerSpec left;
  ContainerSpec rest;
  std::vector<SpecRefusal> all = TRY(all_refusals(spec, by_runtime, stop, left));
  const bool is_cut = !all.empty();
  std::vector<SpecRefusal> of_policy = TRY(all_refusals(spec, by_policy, stop, rest));
  append_new(all, std::move(of_policy));
  if (is_cut) {
    TRY(all_refusals(left, by_policy, stop, rest));
  }
  rest.runtime = kind;
  std::vector<SpecRefusal> of_node = TRY(all_refusals(rest, by_node, stop, left));
  append_new(all, std::move(of_node));
  return all;
}

/// The image's files and what it says of its program, where they are unpacked on this node already.
/// Only a job unpacks one.
Result<runtimes::Image> look_at_image(const Node& node, const SpecQuestion& question,
                                      const std::string& reference, const system::Stop& stop) {
  const NamedHere wanted = TRY(name_here(node, reference, stop));
  const ImageReference image = TRY(parse_image_reference(wanted.name));
  // What a layout has by the name now is what a container would get.
  const auto known = image.kind == ImageReference::Kind::layout
                         ? question.digests.end()
                         : question.digests.find(wanted.name);
  const std::string digest = known == question.digests.end() ? "" : known->second;
  std::optional<runtimes::Image> found = TRY(node.images.look_at(wanted.name, digest, stop));
  if (found) {
    return std::move(*found);
  }
  return wanted.is_of_storage
             ? fail(Code::not_found,
                    "image {} is on this node, and not unpacked yet, and so its program and its "
                    "users are not known: the first container of it has it unpacked",
                    reference)
             : fail(Code::not_found,
                    "image {} is not on this node yet, and so its program and its users are not "
                    "known: pull it before (image.pull)",
                    reference);
}

/// The folder in which its users stand, as nothing is mounted for a look: of its layers the highest
/// one that names some.
runtimes::Path users_folder(const runtimes::Image& image) {
  const auto names_users = [](const runtimes::Path& part) {
    std::error_code error;
    return std::filesystem::exists(std::filesystem::symlink_status(part / "etc/passwd", error));
  };
  const auto found = std::find_if(image.parts.rbegin(), image.parts.rend(), names_users);
  return found == image.parts.rend() ? image.rootfs : *found;
}

/// As its job would find it provisioned (verbs/provision.h).
void place_mounts(const Node& node, runtimes::Container& container) {
  const runtimes::Layout& layout = node.layout;
  container.netns = runtimes::Layout::netns(container.name);
  for (const VolumeSpec& volume : container.spec.volumes) {
    container.mounts.push_back(
        {layout.volume_mount(container.name, volume.name), volume.target, volume.read_only});
  }
  for (const auto& [number, mount] : runtimes::binds_of(container.spec)) {
    container.mounts.push_back(
        {layout.bind_mount(container.name, number), mount.target, mount.read_only});
  }
  for (runtimes::BindMount& mount : runtimes::name_mounts(layout, container)) {
    container.mounts.push_back(std::move(mount));
  }
}

Result<runtimes::Container> asked_container(const Node& node, const SpecQuestion& question,
                                            RuntimeKind kind) {
  ContainerName name = TRY(ContainerName::parse(question.name));
  JobId job = TRY(JobId::parse("the-job-that-makes-it"));
  return runtimes::Container{std::move(name),
                             std::move(job),
                             kind,
                             with_defaults(node, question.spec, kind),
                             {},
                             {},
                             {},
                             {},
                             {}};
}

/// Why its processes could not be written to the disk; "" where they can.
Result<std::string> why_no_checkpoints(const Node& node, const SpecQuestion& question,
                                       runtimes::Runtime& runtime) {
  const runtimes::Checkpoints* const source = runtime.checkpoints();
  if (source == nullptr) {
    return std::string(runtime.capabilities().no_checkpoints);
  }
  runtimes::Container container = TRY(asked_container(node, question, runtime.kind()));
  // Any number stands for users that a job would give it.
  container.users = container.spec.security.user_namespace == "auto" ? 1 : 0;
  const Result<> checked = source->check_checkpoints(container);
  return checked ? std::string() : checked.error().message;
}

Result<json::Value> config_of(const Node& node, const SpecQuestion& question,
                              const runtimes::Runtime& runtime, const system::Stop& stop) {
  runtimes::Container container = TRY(asked_container(node, question, runtime.kind()));
  system::UniqueFd folder;
  runtimes::Image image;
  if (!runtime.capabilities().provisions_itself) {
    if (container.spec.rootfs.empty()) {
      image = TRY(look_at_image(node, question, container.spec.image, stop));
      container.rootfs = users_folder(image);
      container.image = image.config;
    } else {
      folder = TRY(open_allowed(node.config, container.spec.rootfs, O_PATH | O_DIRECTORY));
      container.rootfs = fmt::format("/proc/self/fd/{}", folder.get());
    }
    place_mounts(node, container);
  }
  runtimes::Preview preview = TRY(runtime.preview(container));
  return json::Value(json::Object{{"form", preview.form}, {"content", std::move(preview.content)}});
}

Result<json::Object> view_of_runtime(const Node& node, const SpecQuestion& question,
                                     RuntimeKind kind, const system::Stop& stop) {
  json::Object view{{"runtime", to_string(kind)}};
  const Result<runtimes::Runtime*> runtime = node.runtime(kind);
  std::vector<SpecRefusal> refusals;
  if (runtime) {
    refusals = TRY(refusals_of(node, question, **runtime, stop));
  } else {
    refusals.push_back({"/spec/runtime", runtime.error()});
  }
  view.set("accepted", refusals.empty());
  json::Array told;
  for (const SpecRefusal& refusal : refusals) {
    told.emplace_back(json::Object{{"pointer", refusal.pointer},
                                   {"code", to_string(refusal.error.code)},
                                   {"message", refusal.error.message}});
  }
  view.set("refusals", std::move(told));
  if (refusals.empty()) {
    std::string why = TRY(why_no_checkpoints(node, question, **runtime));
    if (!why.empty()) {
      view.set("no_checkpoints", std::move(why));
    }
  }
  if (refusals.empty() && question.config_of == kind) {
    Result<json::Value> config = config_of(node, question, **runtime, stop);
    if (config) {
      view.set("config", std::move(*config));
    } else {
      view.set("no_config", config.error().message);
    }
  }
  return view;
}

}  // namespace

Result<SpecReading> spec_reading(Journal& journal, const Node& node, const json::Value& question) {
  SpecQuestion asked = TRY(read_question(journal, question));
  return SpecReading(
      [&node, asked = std::move(asked)](const system::Stop& stop) -> Result<json::Value> {
        json::Object answer = routing_view(node, asked.name, asked.spec.runtime);
        json::Array all;
        for (const RuntimeKind kind : kEveryKind) {
          json::Object view = TRY(view_of_runtime(node, asked, kind, stop));
          all.emplace_back(std::move(view));
        }
        answer.set("runtimes", std::move(all));
        return json::Value(std::move(answer));
      });
}

}  // namespace drover::jobs
