#include "proxmox/templates.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <ctime>
#include <utility>

#include "proxmox/answer.h"

namespace drover::proxmox {
namespace {

constexpr std::chrono::hours kFetchTimeout{2};
constexpr std::string_view kContent = "vztmpl";
constexpr std::string_view kCopy = "imgcopy";
constexpr std::string_view kDownload = "download";
constexpr std::string_view kPull = "ociregistrypull";

Failure was_there(const TemplateVolume& volume) {
  return fail(Code::conflict, "pull image {}: it is there by now, and not of this pull",
              volume.id());
}

}  // namespace

std::int64_t Templates::now_s() {
  return std::time(nullptr);
}

std::string Templates::path(const TemplateVolume& volume, const std::string& method) const {
  return "/nodes/" + path_segment(client_.node()) + "/storage/" + path_segment(volume.storage) +
         "/" + method;
}

Result<> Templates::check_storage(const std::string& storage, const Stop& stop) {
  const StorageInfo info = TRY(Storage(client_, tasks_).find(storage, stop));
  if (std::find(info.content.begin(), info.content.end(), kContent) == info.content.end()) {
    return fail(Code::refused,
                "storage {} takes no templates: choose another, or let it take them: pvesm set {} "
                "--content {}{}{}",
                storage, storage, fmt::join(info.content, ","), info.content.empty() ? "" : ",",
                kContent);
  }
  return info.active ? Result<>()
                     : fail(Code::unavailable, "storage {} is not active on node {}", storage,
                            client_.node());
}

Result<std::optional<VolumeInfo>> Templates::find(const TemplateVolume& volume, const Stop& stop) {
  Result<VolumeInfo> info = Storage(client_, tasks_).inspect(volume.id(), stop);
  if (!info && info.error().code == Code::not_found) {
    return std::optional<VolumeInfo>();
  }
  return info ? Result<std::optional<VolumeInfo>>(std::move(*info)) : Failure(info.error());
}

Result<> Templates::download(const TemplateVolume& volume, const std::string& url,
                             const std::string& sha256, const Stop& stop) {
  Form form{{"content", std::string(kContent)}, {"filename", volume.file}, {"url", url}};
  if (!sha256.empty()) {
    form.emplace_back("checksum", sha256);
    form.emplace_back("checksum-algorithm", "sha256");
  }
  return begin(volume, "download-url", form, stop);
}

Result<> Templates::pull(const TemplateVolume& volume, const std::string& reference,
                         const Stop& stop) {
  // Proxmox adds the ending itself, whatever it is given.
  constexpr std::string_view kEnding = ".tar";
  const std::string stem = volume.file.substr(0, volume.file.size() - kEnding.size());
  return begin(volume, "oci-registry-pull", {{"reference", reference}, {"filename", stem}}, stop);
}

Result<> Templates::require_none(const TemplateVolume& volume, const Stop& stop) {
  return TRY(find(volume, stop)) ? was_there(volume) : Result<>();
}

Result<> Templates::begin(const TemplateVolume& volume, const std::string& method, const Form& form,
                          const Stop& stop) {
  TRY(stop.check("pull image " + volume.id()));
  TRY(require_none(volume, stop));
  const std::int64_t since = now_s();
  // What is given up on in the middle may begin a task all the same, later than anybody looks.
  const Stop never;
  return finish(client_.post(path(volume, method), form, never), volume, since, stop);
}

Result<> Templates::upload(const TemplateVolume& volume, int file, std::uint64_t size_bytes,
                           const std::string& sha256, const Stop& stop) {
  TRY(require_none(volume, stop));
  // The API takes them in this order only, and the file last.
  const Form form{
      {"content", std::string(kContent)}, {"checksum-algorithm", "sha256"}, {"checksum", sha256}};
  const std::int64_t since = now_s();
  return finish(
      client_.upload(path(volume, "upload"), form, FilePart{volume.file, file, size_bytes}, stop),
      volume, since, stop);
}

Result<> Templates::finish(const Result<json::Value>& answer, const TemplateVolume& volume,
                           std::int64_t since, const Stop& stop) {
  if (answer) {
    TRY(tasks_.wait(*answer, kFetchTimeout, stop));
    const Upid upid = TRY(Upid::parse(answer->string_or("")));
    return TRY(found_it_there(upid, stop)) ? was_there(volume) : Result<>();
  }
  if (answer.error().code != Code::timed_out) {
    return Failure(answer.error());
  }
  if (TRY(look_up(volume, since, Running::awaited, stop)) == Made::all) {
    return {};
  }
  return fail(Code::unavailable, "{}; no task of ours has made {}", answer.error().message,
              volume.id());
}

Result<json::Array> Templates::log_of(const Upid& upid, const Stop& stop) {
  return list_of(client_.get("/nodes/" + path_segment(upid.node) + "/tasks/" +
                                 path_segment(upid.str()) + "/log",
                             {}, stop),
                 "read the log of task " + upid.type);
}

Result<bool> Templates::found_it_there(const Upid& upid, const Stop& stop) {
  if (upid.type != kDownload) {
    return false;
  }
  const json::Array lines = TRY(log_of(upid, stop));
  return std::any_of(lines.begin(), lines.end(), [](const json::Value& line) {
    return line.at("t").string_or("").find("got correct file already") != std::string_view::npos;
  });
}

Result<bool> Templates::writes_to(const Upid& upid, const TemplateVolume& volume,
                                  const Stop& stop) {
  const std::optional<VolumeInfo> info = TRY(find(volume, stop));
  if (!info) {
    return false;
  }
  const json::Array lines = TRY(log_of(upid, stop));
  const bool copies = upid.type == kCopy;
  const std::string begin = copies ? "target file: " : "downloading ";
  const std::string end = (copies ? begin : " to ") + info->path;
  return std::any_of(lines.begin(), lines.end(), [&](const json::Value& line) {
    const std::string_view text = line.at("t").string_or("");
    return text.starts_with(begin) && text.ends_with(end);
  });
}

Result<Templates::Made> Templates::made_by(const json::Value& task, const TemplateVolume& volume,
                                           std::int64_t since, Running running, const Stop& stop) {
  const Result<Upid> upid = Upid::parse(task.at("upid").string_or(""));
  if (!upid || upid->user != client_.user() ||
      static_cast<std::int64_t>(upid->start_time) < since) {
    return Made::nothing;
  }
  const bool copies = upid->type == kCopy;
  const bool fetches = upid->type == kDownload || upid->type == kPull;
  if (!copies && !(fetches && upid->id == volume.file)) {
    return Made::nothing;
  }
  const std::string_view status = task.at("status").string_or("RUNNING");
  bool whole = ended_well(status);
  if (status == "RUNNING") {
    // A copy may be another's, and soon ends; so may what a user has begun who is not ours alone.
    if (running == Running::ended && !copies && names_token(client_.user())) {
      TRY(tasks_.abort(*upid, stop));
    }
    const Result<> ended = tasks_.wait(*upid, kFetchTimeout, stop, Tasks::GivenUp::left);
    TRY(stop.check("wait for task " + upid->str()));
    whole = ended.has_value();
  }
  // A pull's log does not say where to.
  if (upid->type != kPull && !TRY(writes_to(*upid, volume, stop))) {
    return Made::nothing;
  }
  if (whole && TRY(found_it_there(*upid, stop))) {
    return Made::nothing;
  }
  // The others give it its name once it is whole.
  return whole ? Made::all : copies ? Made::a_part : Made::nothing;
}

Result<Templates::Made> Templates::look_up(const TemplateVolume& volume, std::int64_t since,
                                           Running running, const Stop& stop) {
  // The newest, running ones among them, of however many others there were meanwhile.
  constexpr const char* kMost = "2000";
  const json::Array list =
      TRY(list_of(client_.get("/nodes/" + path_segment(client_.node()) + "/tasks",
                              {{"source", "all"}, {"limit", kMost}}, stop),
                  "list tasks"));
  Made made = Made::nothing;
  for (const json::Value& task : list) {
    made = std::max(made, TRY(made_by(task, volume, since, running, stop)));
  }
  const bool is_there = made != Made::nothing && TRY(find(volume, stop)).has_value();
  return is_there ? made : Made::nothing;
}

Result<> Templates::remove(const TemplateVolume& volume, const Stop& stop) {
  return Storage(client_, tasks_).release(volume.id(), stop);
}

}  // namespace drover::proxmox
