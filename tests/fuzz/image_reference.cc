// The image that a job names.
#include "fuzz_target.h"
#include "runtimes/copy_source.h"
#include "runtimes/images/oci_layout.h"

using namespace drover;  // NOLINT: a program of one function

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  const auto reference = runtimes::parse_image_reference(text);
  if (reference) {
    fuzz::require(reference->layout.is_absolute(), "a layout has an absolute path");
    fuzz::require(!reference->tag.empty(), "an image has a tag");
  }
  if (const auto source = runtimes::read_copy_source(text)) {
    fuzz::require(!source->container.str().empty(), "a copy names its source");
  }
  if (const auto configuration = json::parse(text)) {
    (void)runtimes::read_image_config(*configuration);
  }
  return 0;
}
