// PushedArchive: what a client has sent (queries/upload_streams.h), as a pull names it.
#pragma once

#include <string>
#include <string_view>

#include "agent/core/job.h"
#include "runtimes/layout.h"

namespace drover::jobs {

/// The name of an upload, and of its file: what its bytes add up to, and who sends them, so that
/// nobody is in the way of another who sends the same. `sender`: a key's name or "local".
std::string upload_name(std::string_view sha256, std::string_view sender);

struct PushedArchive {
  runtimes::Path file;    ///< where it lies once it was sent
  std::string reference;  ///< of the same, as of any archive of the node (image_reference.h)
  std::string sha256;     ///< 64 digits that its content must have

  /// Of an image.pull with the target pushed:..., the option `from`
  /// {oci-archive|docker-archive}:UPLOAD[:TAG] and the checksum. `invalid` says what is wrong.
  static Result<PushedArchive> read(const runtimes::Layout& layout, const JobRequest& request);
};

}  // namespace drover::jobs
