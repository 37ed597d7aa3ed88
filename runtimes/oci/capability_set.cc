#include "runtimes/oci/capability_set.h"

#include <algorithm>
#include <iterator>

#include "agent/core/capability.h"

namespace drover::runtimes {
namespace {

bool holds(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

json::Array to_names(const std::vector<std::string>& names) {
  return {names.begin(), names.end()};
}

}  // namespace

std::vector<std::string> bounding_capabilities(const SecuritySpec& security) {
  const std::vector<std::string>& added = security.capabilities_add;
  const std::vector<std::string>& dropped = security.capabilities_drop;
  std::vector<std::string> bounding;
  for (const std::string& name : every_capability()) {
    const bool usual = holds(added, kEveryCapability) ||
                       (is_usual_capability(name) && !holds(dropped, kEveryCapability));
    if ((usual && !holds(dropped, name)) || holds(added, name)) {
      bounding.push_back(name);
    }
  }
  return bounding;
}

void set_capabilities(Spec& spec, const ImageUser& user, const std::vector<std::string>& bounding,
                      const SecuritySpec& security) {
  std::vector<std::string> ambient;
  std::vector<std::string> held = bounding;
  if (user.uid != 0) {
    const std::vector<std::string>& added = security.capabilities_add;
    std::copy_if(bounding.begin(), bounding.end(), std::back_inserter(ambient),
                 [&](const std::string& name) {
                   return holds(added, kEveryCapability) || holds(added, name);
                 });
    held = ambient;
  }
  spec.set({"process", "capabilities"}, json::Object{{"bounding", to_names(bounding)},
                                                     {"effective", to_names(held)},
                                                     {"permitted", to_names(held)},
                                                     {"inheritable", to_names(ambient)},
                                                     {"ambient", to_names(ambient)}});
}

}  // namespace drover::runtimes
