#include "agent/daemon/key_watch.h"

#include <sys/epoll.h>
#include <sys/inotify.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "agent/system/inotify.h"

namespace drover::daemon {
namespace {

constexpr std::uint32_t kChanges = IN_MOVED_TO | IN_MOVED_FROM | IN_CLOSE_WRITE | IN_DELETE |
                                   IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
/// An event is no place for a thousand names.
constexpr std::size_t kMostTold = 100;

bool is_ours(std::string_view name) {
  return name == system::kServerKey || name == system::kNextServerKey || name == system::kAllowList;
}

void name_key(json::Array& names, const AllowedKey& key) {
  if (names.size() < kMostTold) {
    names.emplace_back(key.name.str());
  }
}

template <class T>
Result<> outcome_of(const Result<T>& read) {
  if (!read) {
    return Failure(read.error());
  }
  return {};
}

/// What has changed, without a secret.
json::Object difference(const KeyWatch::Keys& before, const KeyWatch::Keys& now) {
  json::Array added;
  json::Array changed;
  json::Array removed;
  for (const AllowedKey& key : now.allowed.keys()) {
    const AllowedKey* old = before.allowed.find(key.name.str());
    if (old == nullptr) {
      name_key(added, key);
    } else if (*old != key) {
      name_key(changed, key);
    }
  }
  for (const AllowedKey& key : before.allowed.keys()) {
    if (now.allowed.find(key.name.str()) == nullptr) {
      name_key(removed, key);
    }
  }
  return {{"server", now.server.public_key.str()},
          {"next", now.next ? json::Value(now.next->public_key.str()) : json::Value()},
          {"allowed", std::uint64_t{now.allowed.keys().size()}},
          {"added", std::move(added)},
          {"changed", std::move(changed)},
          {"removed", std::move(removed)}};
}

}  // namespace

Result<std::unique_ptr<KeyWatch>> KeyWatch::start(system::Loop& loop, const system::Path& folder,
                                                  Told told) {
  TRY(system::check_keys_folder(folder));
  system::UniqueFd inotify(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!inotify.valid()) {
    return fail(Code::broken, "watch {}: {}", folder.native(), std::strerror(errno));
  }
  // Watched first: what is changed while it is read is read again.
  const int watched = inotify_add_watch(inotify.get(), folder.c_str(), kChanges);
  if (watched < 0) {
    return fail(Code::broken, "watch {}: {}", folder.native(), std::strerror(errno));
  }
  KeyPair server = TRY(system::read_key_file(folder / system::kServerKey));
  std::optional<KeyPair> next = TRY(system::read_key_file_if_any(folder / system::kNextServerKey));
  AllowList allowed = TRY(system::read_allow_list(folder / system::kAllowList));
  return std::unique_ptr<KeyWatch>(
      new KeyWatch(loop, folder, std::move(inotify), watched,
                   Keys{std::move(server), std::move(next), std::move(allowed)}, std::move(told)));
}

KeyWatch::KeyWatch(system::Loop& loop, system::Path folder, system::UniqueFd inotify, int watched,
                   Keys keys, Told told)
    : loop_(loop),
      folder_(std::move(folder)),
      inotify_(std::move(inotify)),
      watched_(watched),
      keys_(std::move(keys)),
      told_(std::move(told)) {
  loop_.watch(inotify_.get(), EPOLLIN, [this](std::uint32_t) { changed(); });
}

KeyWatch::~KeyWatch() {
  loop_.unwatch(inotify_.get());
}

void KeyWatch::reload() {
  faults_.clear();
  watch_folder();
  read_anew();
}

void KeyWatch::watch_folder() {
  // Of a folder that is watched already it is the same number.
  const int number = inotify_add_watch(inotify_.get(), folder_.c_str(), kChanges);
  if (watched_ >= 0 && watched_ != number) {
    inotify_rm_watch(inotify_.get(), watched_);
  }
  watched_ = number;
}

void KeyWatch::changed() {
  bool ours = false;
  bool moved = false;
  system::take_changes(inotify_, [&](const system::FileChange& change) {
    const bool of_folder = change.name.empty() && change.watch == watched_;
    moved = moved || (of_folder && (change.mask & (IN_MOVE_SELF | IN_DELETE_SELF)) != 0);
    // The folder's own mode counts, too.
    ours = ours || of_folder || (change.mask & IN_Q_OVERFLOW) != 0 || is_ours(change.name);
  });
  if (moved) {
    watch_folder();
  }
  if (ours) {
    read_anew();
  }
}

void KeyWatch::read_anew() {
  if (!note("", system::check_keys_folder(folder_))) {
    return;
  }
  Keys now = keys_;
  Result<KeyPair> server = system::read_key_file(folder_ / system::kServerKey);
  if (note(system::kServerKey, outcome_of(server))) {
    now.server = *std::move(server);
  }
  Result<std::optional<KeyPair>> next =
      system::read_key_file_if_any(folder_ / system::kNextServerKey);
  if (note(system::kNextServerKey, outcome_of(next))) {
    now.next = *std::move(next);
  }
  Result<AllowList> allowed = system::read_allow_list(folder_ / system::kAllowList);
  if (note(system::kAllowList, outcome_of(allowed))) {
    now.allowed = *std::move(allowed);
  }
  if (now == keys_) {
    return;
  }
  json::Object data = difference(keys_, now);
  keys_ = std::move(now);
  told_("keys_reloaded", std::move(data));
}

bool KeyWatch::note(const char* file, const Result<>& read) {
  if (read) {
    faults_.erase(file);
    return true;
  }
  const std::string message = to_text(read.error());
  if (std::exchange(faults_[file], message) != message) {
    told_("keys_refused",
          {{"file", (folder_ / file).native()}, {"message", message.substr(0, 2048)}});
  }
  return false;
}

}  // namespace drover::daemon
