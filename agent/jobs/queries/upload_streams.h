// UploadStreams: archives of images that clients send, each written to a file of the node.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "agent/core/json.h"
#include "agent/jobs/queries/answerers.h"
#include "agent/jobs/queries/log_streams.h"
#include "agent/system/clock.h"
#include "agent/system/loop.h"
#include "agent/system/unique_fd.h"
#include "runtimes/layout.h"

namespace drover::jobs {

/// Belongs to the loop's thread; files are written by others, so that a slow disk holds up nobody.
/// What was sent is a file named for its checksum and its sender (pushed_archive.h): who comes
/// again, by another connection or to another agent, goes on where the file ends. Whether it is
/// what its checksum says, and what is in it, the job that pulls it finds out. One that gets no
/// byte for kKept is removed, and so is one that is whole and that no job has taken.
class UploadStreams {
 public:
  using Address = LogStreams::Address;
  using Send =
      std::function<void(const Address& to, std::string_view kind, const json::Value& body)>;

  static constexpr std::size_t kWindow = std::size_t{1} << 20;
  static constexpr std::uint64_t kMostBytes = std::uint64_t{32} << 30;  ///< of one
  static constexpr std::uint64_t kMostOfAll = std::uint64_t{64} << 30;  ///< as they will be
  static constexpr std::size_t kMost = 16;
  static constexpr std::chrono::hours kKept{1};

  /// Takes up what an earlier agent has left.
  UploadStreams(system::Loop& loop, runtimes::Layout layout, system::Clock& clock, Send send);
  ~UploadStreams();
  UploadStreams(const UploadStreams&) = delete;
  UploadStreams& operator=(const UploadStreams&) = delete;

  /// Begins an upload of `sender`'s, or goes on with it, as `body` of "upload.open" says:
  /// {"sha256", "bytes", "offset"}. `broken` when bytes before `offset` are not here any more;
  /// `refused` for one that is too large; `conflict` when too many, or too large ones, are here;
  /// `unavailable` while the disk has no room to spare.
  Result<> open(const Address& address, std::string_view sender, const json::Value& body);
  /// `data` begins at `offset` of the upload. `unavailable` when it is not open, `invalid` when it
  /// is more than was allowed.
  Result<> take(const Address& address, std::uint64_t offset, std::string_view data);
  /// The client has sent everything, up to the offset that `body` of "upload.finish" says.
  Result<> finish(const Address& address, const json::Value& body);
  /// The client sends no more for now. What has come is kept.
  void close(const Address& address);
  /// This client hears nothing more. It may come again, as another one.
  void close_of(std::uint64_t peer);
  /// All clients are gone: the front was started anew. They may come again.
  void close_all();

 private:
  struct Upload {
    std::uint64_t bytes = 0;    ///< as it will be; as it is while nobody has said that
    std::uint64_t written = 0;  ///< are in the file
    std::uint64_t writing = 0;  ///< are on their way there
    std::string waiting{};      ///< behind them
    system::Instant heard{};    ///< when the last byte came
    std::optional<Address> address{};
    std::shared_ptr<const system::UniqueFd> file{};  ///< while it is open, or written to
    bool finishing = false;
    std::uint64_t received() const { return written + writing + waiting.size(); }
  };
  using Uploads = std::map<std::string, Upload>;

  void take_up();
  Result<Uploads::iterator> find_open(const Address& address);
  Result<Uploads::iterator> place(const std::string& name, std::uint64_t bytes);
  Result<> open_file(Uploads::iterator upload);
  /// Has the next bytes written, unless some are being, and tells the client once it has all.
  void pump(Uploads::iterator upload);
  void written(const std::string& name, const Result<json::Value>& outcome);
  void tell(const Uploads::iterator& upload, std::string_view kind,
            const std::optional<std::uint64_t>& from = std::nullopt);
  void fail_open(Uploads::iterator upload, const Error& error);
  static void shut(Upload& upload);
  /// Of those that nobody sends, whatever has been silent for too long, or has gone.
  void remove_old();
  void look_again();

  system::Loop& loop_;
  runtimes::Layout layout_;
  system::Clock& clock_;
  Send send_;
  Uploads uploads_;
  system::Loop::TimerId timer_ = 0;
  Answerers writers_;  // the last: whoever writes is waited for first
};

}  // namespace drover::jobs
