#include "agent/core/annotations.h"

#include <algorithm>

#include "agent/core/ascii.h"

namespace drover {
namespace {
constexpr std::size_t kMostAnnotations = 64;
constexpr std::size_t kMostAnnotationName = 256;
constexpr std::size_t kMostAnnotationValue = 4096;
}  // namespace

std::map<std::string, std::string> read_annotations(Fields& spec) {
  std::map<std::string, std::string> annotations = spec.strings_by_key("annotations");
  if (annotations.size() > kMostAnnotations) {
    spec.fault("annotations", fmt::format("must have at most {} members", kMostAnnotations));
  }
  for (const auto& [name, value] : annotations) {
    if (name.empty() || name.size() > kMostAnnotationName ||
        std::any_of(name.begin(), name.end(), is_control)) {
      spec.fault("annotations", fmt::format("must have names of 1 to {} characters in one line",
                                            kMostAnnotationName));
    } else if (name.starts_with(kOwnAnnotations)) {
      spec.fault("annotations", fmt::format("must not have names of Drover's own, {}*: \"{}\"",
                                            kOwnAnnotations, name));
    }
    if (value.size() > kMostAnnotationValue || value.find('\0') != std::string::npos) {
      spec.fault("annotations",
                 fmt::format("must have values of at most {} bytes without NUL; "
                             "that of \"{}\" has not",
                             kMostAnnotationValue, name.substr(0, kMostAnnotationName)));
    }
  }
  return annotations;
}

}  // namespace drover
