#include "proxmox/template_volume.h"

#include <algorithm>
#include <array>

#include "agent/core/ascii.h"

namespace drover::proxmox {
namespace {

constexpr std::string_view kTemplateKind = ":vztmpl/";
constexpr std::string_view kPlainTar = ".tar";
constexpr std::array<std::string_view, 5> kEndings = {kPlainTar, ".tar.gz", ".tar.xz", ".tar.zst",
                                                      ".tar.bz2"};
constexpr std::size_t kMostFile = 255;

/// Of the characters that Proxmox leaves as they are in a file's name.
bool keeps_its_name(std::string_view text) {
  return !text.empty() && text.front() != '.' && text.front() != '-' &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return is_alphanumeric(c) || c == '_' || c == '-' || c == '.'; });
}

}  // namespace

bool names_template(std::string_view image) {
  return image.find(kTemplateKind) != std::string_view::npos;
}

bool TemplateVolume::is_plain_tar() const {
  return file.ends_with(kPlainTar);
}

Result<TemplateVolume> TemplateVolume::parse(std::string_view text) {
  const std::size_t kind = text.find(kTemplateKind);
  if (kind == std::string_view::npos || !keeps_its_name(text.substr(0, kind))) {
    return fail(Code::invalid, "\"{}\" is no template of Proxmox, STORAGE:vztmpl/FILE", text);
  }
  const std::string_view file = text.substr(kind + kTemplateKind.size());
  const bool ends_well = std::any_of(kEndings.begin(), kEndings.end(), [file](auto ending) {
    return file.size() > ending.size() && file.ends_with(ending);
  });
  if (!keeps_its_name(file) || file.size() > kMostFile || !ends_well) {
    return fail(Code::invalid,
                "\"{}\" is no template of Proxmox: its file must be called by at most {} letters, "
                "digits, '_', '-' and '.', and end in .tar (an OCI archive), .tar.gz, .tar.xz, "
                ".tar.zst or .tar.bz2",
                text, kMostFile);
  }
  return TemplateVolume{std::string(text.substr(0, kind)), std::string(file)};
}

}  // namespace drover::proxmox
