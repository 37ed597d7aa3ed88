// The image that a job names.
#include "agent/core/image_reference.h"

#include "fuzz_target.h"
#include "runtimes/copy_source.h"
#include "runtimes/images/oci_layout.h"

using namespace drover;  // NOLINT: a program of one function

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  const auto reference = parse_image_reference(text);
  if (reference) {
    const bool is_archive = reference->kind == ImageReference::Kind::oci_archive ||
                            reference->kind == ImageReference::Kind::docker_archive ||
                            reference->kind == ImageReference::Kind::root_archive;
    fuzz::require(!reference->place.empty(), "an image has a place");
    fuzz::require(!reference->lies_on_node() || reference->place.front() == '/',
                  "a path is absolute");
    fuzz::require(is_archive || reference->tag.empty() != reference->digest.empty(),
                  "an image has either a tag or a digest");
    fuzz::require(reference->digest.empty() || is_image_digest(reference->digest),
                  "a digest is one");
  }
  if (const auto source = runtimes::read_copy_source(text)) {
    fuzz::require(!source->container.str().empty(), "a copy names its source");
  }
  if (const auto configuration = json::parse(text)) {
    (void)runtimes::read_image_config(*configuration);
  }
  return 0;
}
