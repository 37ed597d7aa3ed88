#include "agent/daemon/front_process.h"

#include <grp.h>
#include <pwd.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "agent/system/log.h"

namespace drover::daemon {
namespace {

using std::chrono::milliseconds;

/// One that has served for so long does not end at its start, again and again.
constexpr std::chrono::seconds kServed{1};
constexpr milliseconds kFirstPause{20};
constexpr milliseconds kLongestPause{5'000};
constexpr int kFrontFd = 3;

/// So that none can be had again. Where this process may not do so (CAP_SETPCAP), it is left at
/// PR_SET_NO_NEW_PRIVS.
void drop_capabilities() {
  for (unsigned long capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0;
       ++capability) {
    prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  }
}

/// At most `most` of it, and fewer where fewer may be had.
bool limit(__rlimit_resource resource, rlim_t most) {
  rlimit limits{};
  if (getrlimit(resource, &limits) != 0) {
    return false;
  }
  limits.rlim_max = std::min(limits.rlim_max, most);
  limits.rlim_cur = limits.rlim_max;
  return setrlimit(resource, &limits) == 0;
}

/// Between fork and exec. The death signal is asked for last: a change of user clears it
/// (prctl(2)).
bool become(uid_t uid, gid_t gid, const FrontProcess::Options& options) {
  const rlim_t memory = options.memory_mib == 0 ? RLIM_INFINITY : rlim_t{options.memory_mib} << 20;
  drop_capabilities();
  return limit(RLIMIT_AS, memory) && limit(RLIMIT_NOFILE, options.descriptors) &&
         limit(RLIMIT_CORE, 0) && setgroups(0, nullptr) == 0 && setresgid(gid, gid, gid) == 0 &&
         setresuid(uid, uid, uid) == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0;
}

}  // namespace

FrontProcess::FrontProcess(system::Loop& loop, Options options, Handlers handlers)
    : loop_(loop), options_(std::move(options)), handlers_(std::move(handlers)) {}

FrontProcess::~FrontProcess() {
  if (timer_ != 0) {
    loop_.cancel(timer_);
  }
  if (child_) {
    child_->signal(SIGTERM);
    const system::Stop never;
    [[maybe_unused]] const auto ended = child_->wait(never, milliseconds(1000));
  }
  close();
}

Result<> FrontProcess::start() {
  std::array<char, 16384> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  getpwnam_r(options_.user.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (found == nullptr) {
    return fail(Code::invalid,
                "{} shall run as user {}, which does not exist: make the user, or name another one "
                "in {}",
                options_.name, options_.user, options_.user_member);
  }
  uid_ = entry.pw_uid;
  gid_ = entry.pw_gid;
  TRY(prepare_directory());
  return spawn();
}

Result<> FrontProcess::prepare_directory() {
  TRY(system::make_folders(options_.directory, 0700));
  if (chown(options_.directory.c_str(), uid_, gid_) != 0 ||
      chmod(options_.directory.c_str(), 0700) != 0) {
    return fail(Code::broken, "give {} to user {}: {}", options_.directory.native(), options_.user,
                std::strerror(errno));
  }
  return {};
}

Result<> FrontProcess::spawn() {
  auto [ours, theirs] = TRY(messaging::Pair::make());
  system::ChildOptions options;
  options.descriptors = {{theirs.get(), kFrontFd}, {STDERR_FILENO, STDERR_FILENO}};
  options.before_exec = [this] { return become(uid_, gid_, options_); };
  child_ = TRY(system::Child::start({options_.program.native(), "--directory",
                                     options_.directory.native(), "--fd", std::to_string(kFrontFd)},
                                    options));
  pair_.emplace(std::move(ours));
  watched_ = pair_->events();
  loop_.watch(pair_->fd(), watched_, [this](std::uint32_t events) { readable(events); });
  loop_.watch(child_->pidfd(), EPOLLIN, [this](std::uint32_t) { ended(); });
  handlers_.started();
  return {};
}

void FrontProcess::readable(std::uint32_t) {
  Result<std::vector<messaging::Record>> records = pair_->receive();
  if (!records) {
    if (records.error().code != Code::unavailable) {
      system::log_error("{}: {}; it is started anew", options_.name, records.error().message);
    }
    // Its end is seen by its pidfd; one that merely talks nonsense is ended.
    loop_.unwatch(pair_->fd());
    watched_ = 0;
    child_->signal(SIGKILL);
    return;
  }
  for (const messaging::Record& record : *records) {
    if (json::Value(record.header).at("kind").string_or("") == "front.ready") {
      pause_ = milliseconds(0);
      ready_since_ = system::SystemClock().now();
      handlers_.ready();
    } else {
      handlers_.record(record);
    }
  }
}

void FrontProcess::ended() {
  const auto ending = child_->try_wait();
  if (!ending) {
    return;
  }
  system::log_warning("{} ended with {}; it is started anew", options_.name, ending->code);
  loop_.unwatch(child_->pidfd());
  child_.reset();
  close();
  handlers_.lost();
  spawn_later();
}

void FrontProcess::close() {
  if (child_) {
    loop_.unwatch(child_->pidfd());
    child_.reset();
  }
  if (pair_ && watched_ != 0) {
    loop_.unwatch(pair_->fd());
  }
  watched_ = 0;
  pair_.reset();
}

void FrontProcess::spawn_later() {
  const auto since = std::exchange(ready_since_, std::nullopt);
  const bool has_served = since && system::SystemClock().now() - *since >= kServed;
  pause_ = has_served ? milliseconds(0) : std::clamp(pause_ * 2, kFirstPause, kLongestPause);
  timer_ = loop_.after(pause_, [this] {
    timer_ = 0;
    if (const Result<> spawned = spawn(); !spawned) {
      system::log_error("start {}: {}", options_.name, spawned.error().message);
      spawn_later();
    }
  });
}

void FrontProcess::send(const messaging::Record& record) {
  if (!pair_) {
    return;
  }
  const Result<> sent = pair_->send(record);
  if (!sent && !dropping_) {
    system::log_warning("{}: {}; answers and events are dropped until it reads again",
                        options_.name, sent.error().message);
  }
  dropping_ = !sent;
}

void FrontProcess::send_surely(const messaging::Record& record) {
  if (!pair_) {
    return;
  }
  if (const Result<> sent = pair_->send(record); !sent) {
    system::log_error("{}: {}; it is started anew", options_.name, sent.error().message);
    child_->signal(SIGKILL);
  }
}

void FrontProcess::flush() {
  if (!pair_ || watched_ == 0) {
    return;
  }
  // A failure here is the front's end, which its pidfd tells.
  [[maybe_unused]] const Result<> flushed = pair_->flush();
  if (const std::uint32_t wanted = pair_->events(); wanted != watched_) {
    loop_.unwatch(pair_->fd());
    watched_ = wanted;
    loop_.watch(pair_->fd(), watched_, [this](std::uint32_t events) { readable(events); });
  }
}

}  // namespace drover::daemon
