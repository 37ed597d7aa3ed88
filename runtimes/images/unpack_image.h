// UnpackImage: the root of an image, made of its layers by umoci.
#pragma once

#include "agent/system/stop.h"
#include "runtimes/images/oci_layout.h"

namespace drover::runtimes {

/// Unpacks the image that `manifest` is of, which was read from `image`, into `unfinished`/rootfs,
/// and renames `unfinished` to `folder` once it is whole and on the disk. What `unfinished` held is
/// removed before. umoci holds each layer against its digest.
Result<> unpack_image(const LayoutImage& image, const ImageManifest& manifest,
                      const Path& unfinished, const Path& folder, const system::Stop& stop);

}  // namespace drover::runtimes
