// The template that a job names, and where it comes from.
#include "proxmox/template_source.h"

#include "fuzz_target.h"

using namespace drover;  // NOLINT: a program of one function

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // "TEMPLATE\nCHECKSUM\nPLACE".
  const std::string_view text = fuzz::text_of(data, size);
  const std::string_view name = text.substr(0, text.find('\n'));
  const std::string_view rest = text.substr(std::min(name.size() + 1, text.size()));
  const std::string_view checksum = rest.substr(0, rest.find('\n'));
  const std::string place(rest.substr(std::min(checksum.size() + 1, rest.size())));
  const auto volume = proxmox::TemplateVolume::parse(name);
  if (!volume) {
    return 0;
  }
  fuzz::require(volume->id() == name, "a name is what it was read from");
  fuzz::require(volume->file.find('/') == std::string::npos, "a file is in no other folder");
  const auto source = proxmox::TemplateSource::read(*volume, place, checksum);
  if (source && source->kind == proxmox::TemplateSource::Kind::registry) {
    fuzz::require(source->place.find_first_of(" @\n") == std::string::npos, "no digest, no option");
    fuzz::require(volume->is_plain_tar(), "an archive is plain");
  }
  return 0;
}
