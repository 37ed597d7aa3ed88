#include "proxmox/storage.h"

#include <algorithm>
#include <utility>

#include "proxmox/answer.h"

namespace drover::proxmox {
namespace {

constexpr std::chrono::minutes kReleaseTimeout{5};

std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> found;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    if (comma > 0) {
      found.emplace_back(text.substr(0, comma));
    }
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return found;
}

std::uint64_t bytes_of(const json::Value& value) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, value.integer_or(0)));
}

StorageInfo read_storage(const json::Value& value) {
  return {std::string(value.at("storage").string_or("")),
          std::string(value.at("type").string_or("")),
          words(value.at("content").string_or("")),
          value.at("active").boolean_or(false),
          value.at("shared").boolean_or(false),
          bytes_of(value.at("avail")),
          bytes_of(value.at("total"))};
}

/// "local:9000/vm-9000-x.raw" is on "local".
Result<std::string> storage_of(const std::string& volid) {
  const std::size_t colon = volid.find(':');
  if (colon == 0 || colon == std::string::npos || colon + 1 == volid.size()) {
    return fail(Code::broken, "\"{}\" is no volume id of the form STORAGE:NAME", volid);
  }
  return volid.substr(0, colon);
}

std::string content_path(const Client& client, const std::string& storage) {
  return "/nodes/" + path_segment(client.node()) + "/storage/" + path_segment(storage) + "/content";
}

}  // namespace

Result<std::vector<StorageInfo>> Storage::list(const Stop& stop) {
  const json::Array list =
      TRY(list_of(client_.get("/nodes/" + path_segment(client_.node()) + "/storage", {}, stop),
                  "list storages"));
  std::vector<StorageInfo> storages;
  for (const json::Value& value : list) {
    storages.push_back(read_storage(value));
  }
  return storages;
}

Result<StorageInfo> Storage::find(const std::string& storage, const Stop& stop) {
  std::vector<StorageInfo> storages = TRY(list(stop));
  std::string known;
  for (StorageInfo& info : storages) {
    if (info.id == storage) {
      return std::move(info);
    }
    known += (known.empty() ? "" : ", ") + info.id;
  }
  return fail(Code::not_found, "node {} has no storage {}; it has {}", client_.node(), storage,
              known);
}

Result<std::string> Storage::allocate(const std::string& storage, Vmid owner,
                                      const std::string& filename, std::uint64_t size_mib,
                                      const std::string& format, const Stop& stop) {
  const json::Value answer = TRY(client_.post(content_path(client_, storage),
                                              {{"vmid", std::to_string(owner.value)},
                                               {"filename", filename},
                                               {"size", std::to_string(size_mib) + "M"},
                                               {"format", format}},
                                              stop));
  if (answer.string() == nullptr) {
    return fail(Code::broken, "allocate {} on {}: the API named no volume", filename, storage);
  }
  return *answer.string();
}

Result<VolumeInfo> Storage::inspect(const std::string& volid, const Stop& stop) {
  const std::string storage = TRY(storage_of(volid));
  const Result<json::Value> asked =
      client_.get(content_path(client_, storage) + "/" + path_segment(volid), {}, stop);
  if (!asked) {
    // Of a volume that is missing the API says "volume_size_info on ... failed - no format", and as
    // much of one that it cannot read: the list tells them apart.
    const bool unclear = asked.error().code == Code::broken;
    if (unclear && !TRY(is_listed(volid, storage, stop))) {
      return fail(Code::not_found, "storage {} has no volume {}", storage, volid);
    }
    return Failure(asked.error());
  }
  const json::Value& answer = *asked;
  VolumeInfo info{volid, std::string(answer.at("path").string_or("")),
                  std::string(answer.at("format").string_or("")), bytes_of(answer.at("size"))};
  if (info.path.empty()) {
    return fail(Code::broken, "inspect volume {}: the API named no path", volid);
  }
  return info;
}

Result<bool> Storage::is_listed(const std::string& volid, const std::string& storage,
                                const Stop& stop) {
  const json::Array list = TRY(list_of(client_.get(content_path(client_, storage), {}, stop),
                                       "list volumes of storage " + storage));
  return std::any_of(list.begin(), list.end(), [&volid](const json::Value& value) {
    return value.at("volid").string_or("") == volid;
  });
}

Result<std::vector<std::string>> Storage::owned_by(const std::string& storage, Vmid owner,
                                                   const Stop& stop) {
  const json::Array list = TRY(list_of(
      client_.get(content_path(client_, storage), {{"vmid", std::to_string(owner.value)}}, stop),
      "list volumes of storage " + storage));
  std::vector<std::string> volumes;
  for (const json::Value& value : list) {
    volumes.emplace_back(value.at("volid").string_or(""));
  }
  return volumes;
}

Result<bool> Storage::is_gone(const std::string& volid, const std::string& storage,
                              const Stop& stop) {
  // One that is not active lists nothing.
  const StorageInfo info = TRY(find(storage, stop));
  return info.active && !TRY(is_listed(volid, storage, stop));
}

Result<> Storage::release(const std::string& volid, const Stop& stop) {
  const std::string storage = TRY(storage_of(volid));
  const std::string path = content_path(client_, storage) + "/" + path_segment(volid);
  constexpr int kMostTries = 3;
  for (int tries = 1;; ++tries) {
    const Result<json::Value> answer = client_.del(path, {}, stop);
    const Result<> released =
        answer ? tasks_.wait(*answer, kReleaseTimeout, stop) : Result<>(Failure(answer.error()));
    if (released || (!answer && answer.error().code == Code::not_found)) {
      return {};
    }
    TRY(stop.check("release volume " + volid));
    const Code code = released.error().code;
    const bool may_be_gone =
        code == Code::broken || code == Code::not_found || code == Code::timed_out;
    // Plain LVM fails for a volume that is not there, as after an answer that was lost.
    if (may_be_gone && is_gone(volid, storage, stop).value_or(false)) {
      return {};
    }
    const bool lost = !answer && answer.error().code == Code::timed_out;
    if (!lost) {
      return Failure(released.error());
    }
    if (tries == kMostTries) {
      return fail(Code::unavailable, "release volume {}: {}", volid, released.error().message);
    }
  }
}

}  // namespace drover::proxmox
