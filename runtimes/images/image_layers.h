// The layers that roots of images are made of, each unpacked once for all that have it.
//
// A layer is what it changes of those below it, so that its name stands for all of them together,
// as the ChainID of the OCI image spec does. An image in layers has, in place of a root, a list of
// their names; an older agent's has its root in one piece, and no list.
#pragma once

#include <string>
#include <vector>

#include "runtimes/images/oci_layout.h"

namespace drover::runtimes {

/// In an image's folder.
inline constexpr const char* kLayerList = "layers";

/// The names of its layers' folders in Layout::image_layers, the lowest first. None of one whose
/// root is made in one piece: that has no layers, more than can be mounted at once, or does not say
/// what their tars are.
std::vector<std::string> layer_names(const ImageManifest& manifest);

/// The same of an image that is here, in `image` (Layout::image). None of one in one piece.
/// `invalid` when its list is none; any other error when it could not be read now, which must not
/// be taken for an image without layers: those would go, or an empty folder be a container's root.
Result<std::vector<std::string>> layers_of(const Path& image);
/// Writes them there.
Result<> write_layers(const Path& image, const std::vector<std::string>& names);

}  // namespace drover::runtimes
