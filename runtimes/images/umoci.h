// Umoci: runs umoci on a layout that has one image, made for this call.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "agent/core/json.h"
#include "agent/system/stop.h"
#include "runtimes/images/oci_layout.h"

namespace drover::runtimes {

/// The number under which umoci has the layout that the image came from.
inline constexpr int kSourceOfUmoci = 3;

/// Writes into `blobs`, the folder blobs/sha256 of a layout, the configuration and the manifest of
/// an image with this one layer, which is for the caller to add. `config` says of its program what
/// read_image_config reads. The manifest's descriptor.
Result<json::Object> write_manifest(const Path& blobs, const ImageLayer& layer,
                                    std::string_view architecture, const json::Object& config);

/// index.json and oci-layout of a layout in `folder`, whose only image is `manifest`, a descriptor
/// (OCI image spec), tagged "image". Its blobs are for the caller to add.
Result<> write_layout(const Path& folder, json::Object manifest);

/// Has umoci unpack folder/layout into folder/`root`; `before` is ChildOptions::before_exec.
/// `unavailable` when others would have no room left on the disk (spare_disk.h): a layer of a few
/// MiB may stand for any number of zeros, or of files.
Result<> unpack_by_umoci(const LayoutImage& source, const Path& folder, const std::string& root,
                         const std::function<bool()>& before, const system::Stop& stop);

/// Everything below `folder` to the disk: after a power cut, a name that stands must not name a
/// root that is half there.
Result<> sync_folder(const Path& folder);

}  // namespace drover::runtimes
