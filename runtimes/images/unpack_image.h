// UnpackImage: the root of an image, made of its layers by umoci.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "agent/core/json.h"
#include "agent/system/stop.h"
#include "runtimes/images/oci_layout.h"

namespace drover::runtimes {

/// Unpacks the image that `manifest` is of, which was read from `image`, into `unfinished`/rootfs,
/// and renames `unfinished` to `folder` once it is whole and on the disk. What `unfinished` held is
/// removed before. umoci holds each layer against its digest.
Result<> unpack_image(const LayoutImage& image, const ImageManifest& manifest,
                      const Path& unfinished, const Path& folder, const system::Stop& stop);

/// The same of one layer of it, onto those that are `below` it, folders beside `folder`, the lowest
/// first: `folder` then has what this layer changes, as an overlay has it in its upper folder.
/// `unfinished` stands beside the folder that `folder` is in.
///
/// The kernel makes of what umoci does what an overlay needs (whiteouts, opaque folders, copies of
/// files that get another hard link), and keeps layers from making such marks themselves. The
/// overlay is seen by umoci alone, and ends with it.
Result<> unpack_layer(const LayoutImage& image, const ImageLayer& layer,
                      const std::vector<std::string>& below, const Path& unfinished,
                      const Path& folder, const system::Stop& stop);

}  // namespace drover::runtimes
