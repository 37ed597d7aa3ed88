// ImageBlobs: manifests, configurations and layers that were fetched, by digest.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "agent/system/stop.h"
#include "runtimes/images/oci_layout.h"
#include "runtimes/layout.h"

namespace drover::runtimes {

/// Layers that images share are fetched once, and what a fetch that was broken off has got already
/// is there for the next. A file has its name only once it was whole; what has become of it since
/// is asked before it is used.
class ImageBlobs {
 public:
  explicit ImageBlobs(Layout layout) : layout_(std::move(layout)) {}

  /// The image of a manifest among them.
  LayoutImage image(const std::string& digest) const {
    return {.layout = layout_.images(), .tag = {}, .digest = digest};
  }
  /// Makes the folder.
  Result<> prepare() const;
  /// Holds all blobs of the image against their digests and removes those that are not what they
  /// were: their digests, and those of missing ones.
  Result<std::vector<std::string>> drop_damaged(const std::string& digest,
                                                const system::Stop& stop) const;
  /// Digests of the image's blobs; as far as they are known of one whose manifest is damaged.
  std::set<std::string> of_image(const std::string& digest) const;
  struct Look {
    std::uint64_t bytes = 0;
    std::int64_t made = 0;  ///< seconds since 1970
  };
  /// Nothing of one that is not there.
  Look look(const std::string& digest) const;
  /// All that lie there.
  std::vector<std::string> all() const;
  /// Absent is success.
  Result<> remove(const std::string& digest) const;
  /// Removes the folder when there is none.
  void tidy() const;

 private:
  Path file(const std::string& digest) const;

  Layout layout_;
};

}  // namespace drover::runtimes
