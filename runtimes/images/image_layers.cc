#include "runtimes/images/image_layers.h"

#include <fmt/ranges.h>

#include <algorithm>

namespace drover::runtimes {
namespace {

/// Their names and the overlay's other options are one string of at most a page (mount(2)).
constexpr std::size_t kMostLayers = 64;
/// Of a digest's 64: so that more of them fit into a page, and nobody finds two that are the same.
constexpr std::size_t kDigits = 32;

bool is_layer_name(const std::string& name) {
  return name.size() == kDigits && name.find_first_not_of("0123456789abcdef") == std::string::npos;
}

}  // namespace

std::vector<std::string> layer_names(const ImageManifest& manifest) {
  std::vector<std::string> names;
  std::string chain;
  for (const ImageLayer& layer : manifest.layers) {
    if (layer.diff_id.empty() || manifest.layers.size() > kMostLayers) {
      return {};
    }
    chain = chain.empty() ? layer.diff_id : sha256_digest(chain + " " + layer.diff_id);
    names.push_back(chain.substr(chain.find(':') + 1, kDigits));
  }
  return names;
}

Result<std::vector<std::string>> layers_of(const Path& image) {
  const Result<std::string> text = system::read_file(image / kLayerList);
  std::vector<std::string> names;
  if (!text) {
    return text.error().code == Code::not_found ? Result<std::vector<std::string>>(names)
                                                : Failure(text.error());
  }
  for (std::size_t at = 0; at < text->size();) {
    const std::size_t end = std::min(text->find('\n', at), text->size());
    names.push_back(text->substr(at, end - at));
    at = end + 1;
  }
  if (names.empty() || !std::all_of(names.begin(), names.end(), is_layer_name)) {
    return fail(Code::invalid, "{} is no list of layers", (image / kLayerList).native());
  }
  return names;
}

Result<> write_layers(const Path& image, const std::vector<std::string>& names) {
  return system::write_atomically(image / kLayerList, fmt::format("{}\n", fmt::join(names, "\n")));
}

}  // namespace drover::runtimes
