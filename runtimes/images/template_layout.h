// TemplateLayout: makes an image of a template of Proxmox, which is all files of a root in a tar
// file, compressed or not.
//
// The tar as it is becomes the only layer, so that two files with the same content, however they
// are compressed, are one image.
#pragma once

#include <functional>
#include <string_view>

#include "agent/core/image_reference.h"
#include "agent/system/file.h"
#include "agent/system/stop.h"
#include "runtimes/images/skopeo.h"

namespace drover::runtimes {

/// Makes `file`, the template that `image` names, the image tagged "image" of the layout
/// `folder`/layout, whose folder of blobs is there. Its program is /sbin/init, its architecture the
/// one that is named, or this machine's. `line` is called with how far it is. `refused` where the
/// signature policy lets in only what is signed, which no template is, or what decompresses it is
/// not here; `invalid` for what is no tar, or damaged; `unavailable` when the disk is full.
Result<> make_template_layout(const ImageReference& image, const system::UniqueFd& file,
                              const system::Path& folder, const SkopeoOptions& options,
                              const system::Stop& stop,
                              const std::function<void(std::string_view)>& line);

}  // namespace drover::runtimes
