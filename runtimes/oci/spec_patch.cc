#include "runtimes/oci/spec_patch.h"

#include <algorithm>
#include <array>

#include "agent/core/annotations.h"
#include "runtimes/oci/chosen_confinement.h"
#include "runtimes/oci/member_names.h"

namespace drover::runtimes {
namespace {

struct OwnMember {
  std::array<std::string_view, 2> at;  ///< the second "" for a member of the whole
  std::string_view why;
};

constexpr std::array kOwnMembers = {
    OwnMember{{"ociVersion", ""}, "it is the version that Drover writes"},
    OwnMember{{"root", ""}, "the image or the rootfs becomes it"},
    OwnMember{{"hooks", ""}, "they run on the node, not in the container"},
    OwnMember{{"linux", "cgroupsPath"}, "its limits and its processes are found by it"},
    OwnMember{{"linux", "namespaces"}, "its network is in one of them; use networks"},
    OwnMember{{"linux", "uidMappings"}, "its users are given out by the node; use user_namespace"},
    OwnMember{{"linux", "gidMappings"}, "its users are given out by the node; use user_namespace"},
    OwnMember{{"process", "terminal"}, "its monitor keeps what it prints"},
};

/// Whether the patch changes the member `at`, or takes away or replaces what that stands in.
bool touches(const json::Object& patch, const std::array<std::string_view, 2>& at) {
  const json::Value* outer = patch.find(at[0]);
  return outer != nullptr &&
         (at[1].empty() || outer->object() == nullptr || outer->find(at[1]) != nullptr);
}

/// The name of an annotation that is not the job's to change; "" for none.
std::string own_annotation(const json::Object& patch) {
  const json::Value* annotations = patch.find("annotations");
  if (annotations == nullptr) {
    return "";
  }
  if (annotations->object() == nullptr) {
    return std::string(kOwnAnnotations) + "*";
  }
  const auto found = std::find_if(
      annotations->object()->begin(), annotations->object()->end(), [](const json::Member& one) {
        return one.first.starts_with(kOwnAnnotations) || steers_runtime(one.first);
      });
  return found == annotations->object()->end() ? "" : found->first;
}

}  // namespace

Result<> check_spec_patch(const json::Object& patch, RuntimeKind kind) {
  if (const std::optional<std::string> other = other_spelling(patch)) {
    return fail(Code::refused,
                "{}, oci: {} is a member of the specification in other letters, which runc would "
                "take for that and crun for none; write it as the specification does",
                to_string(kind), *other);
  }
  for (const OwnMember& own : kOwnMembers) {
    if (touches(patch, own.at)) {
      return fail(Code::refused, "{}, oci: {}{}{} is Drover's own: {}; leave it out",
                  to_string(kind), own.at[0], own.at[1].empty() ? "" : ".", own.at[1], own.why);
    }
  }
  if (const std::string name = own_annotation(patch); !name.empty()) {
    return fail(Code::refused,
                "{}, oci: annotations.{} is Drover's or its runtime's own; leave it out",
                to_string(kind), name);
  }
  // On the least of a configuration it can only be wrong by itself.
  Spec least;
  least.set_args({"program"});
  least.set_cwd("/");
  least.set_root("/", false);
  return apply_spec_patch(least, patch).context(to_string(kind));
}

Result<> apply_spec_patch(Spec& spec, const json::Object& patch) {
  if (patch.empty()) {
    return {};
  }
  spec.merge(patch);
  return spec.validate().context("oci");
}

}  // namespace drover::runtimes
