// Templates: what Proxmox makes guests from, fetched to its storages.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "proxmox/storage.h"
#include "proxmox/template_volume.h"

namespace drover::proxmox {

/// Each way of fetching one blocks until it is there, and takes the task back, with what it had
/// begun, on `stop`. `conflict` when there is one of that name by then: none is written over.
/// `invalid` when its content has not the checksum.
class Templates {
 public:
  Templates(Client& client, Tasks& tasks) : client_(client), tasks_(tasks) {}

  /// `refused` unless the storage takes templates, saying what makes it; `unavailable` while it is
  /// not active.
  Result<> check_storage(const std::string& storage, const Stop& stop);
  /// None when there is none.
  Result<std::optional<VolumeInfo>> find(const TemplateVolume& volume, const Stop& stop);

  /// By the node's daemon, which checks the server's certificate; `sha256` of 64 digits, or "".
  Result<> download(const TemplateVolume& volume, const std::string& url, const std::string& sha256,
                    const Stop& stop);
  /// The image HOST/REPOSITORY:TAG by the node's daemon, as an OCI archive.
  Result<> pull(const TemplateVolume& volume, const std::string& reference, const Stop& stop);
  /// The content of an open file, as large and with the checksum as given.
  Result<> upload(const TemplateVolume& volume, int file, std::uint64_t size_bytes,
                  const std::string& sha256, const Stop& stop);

  /// Seconds since 1970 by this host's clock, which its tasks are dated by.
  static std::int64_t now_s();
  /// How much of what is there a task of ours has made.
  enum class Made { nothing, a_part, all };
  enum class Running { awaited, ended };
  /// What has come of it since (seconds since 1970), when nobody knows any more. Tasks of ours that
  /// are at it are awaited, or ended before they are done. While they run, nothing tells files of
  /// one name on two storages apart: the caller sees to it that it has the only one under way.
  Result<Made> look_up(const TemplateVolume& volume, std::int64_t since, Running running,
                       const Stop& stop);

  /// Absent is success.
  Result<> remove(const TemplateVolume& volume, const Stop& stop);

 private:
  std::string path(const TemplateVolume& volume, const std::string& method) const;
  /// `conflict` when there is one: an upload is written over it without a question, and a download
  /// takes one with its checksum for its own.
  Result<> require_none(const TemplateVolume& volume, const Stop& stop);
  Result<> begin(const TemplateVolume& volume, const std::string& method, const Form& form,
                 const Stop& stop);
  /// Waits for what `answer` began; looks for it when the answer was lost.
  Result<> finish(const Result<json::Value>& answer, const TemplateVolume& volume,
                  std::int64_t since, const Stop& stop);
  Result<Made> made_by(const json::Value& task, const TemplateVolume& volume, std::int64_t since,
                       Running running, const Stop& stop);
  /// The beginning of its lines, objects with the text as `t`.
  Result<json::Array> log_of(const Upid& upid, const Stop& stop);
  /// Whether a task that ended well has made nothing, because the right file was there before it.
  Result<bool> found_it_there(const Upid& upid, const Stop& stop);
  /// Whether a copy or download that has ended was about this file, which its name does not tell or
  /// not of which storage; its log does.
  Result<bool> writes_to(const Upid& upid, const TemplateVolume& volume, const Stop& stop);

  Client& client_;
  Tasks& tasks_;
};

}  // namespace drover::proxmox
