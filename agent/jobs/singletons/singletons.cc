#include "agent/jobs/singletons/singletons.h"

#include <algorithm>
#include <filesystem>
#include <utility>
#include <variant>

#include "agent/system/boot_time.h"
#include "agent/system/log.h"
#include "runtimes/claim_file.h"
#include "runtimes/claim_guard.h"

namespace drover::jobs {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;

/// When a renewal has failed.
constexpr seconds kTryAgain{1};
/// Of one member: three of them are asked in the time from a renewal to the stop.
constexpr std::chrono::milliseconds kMemberTime{1000};

runtimes::ClaimFile file_for(const etcd::Claim& claim) {
  return {claim.name, claim.node, claim.attempt, claim.lease, claim.good_until};
}

}  // namespace

Singletons::Singletons(const EtcdConfig& config, Options options)
    : options_(std::move(options)),
      ttl_(config.ttl_s),
      time_to_stop_(std::max<std::int64_t>(1, (config.ttl_s - config.grace_s) / 3)) {}

Result<Singletons::Asker> Singletons::ask(const EtcdConfig& config) {
  etcd::Settings settings{config.endpoints, config.ca,   config.cert,
                          config.key,       config.user, config.password_file};
  settings.timeout = kMemberTime;
  Asker asker;
  asker.gateway = TRY(etcd::Gateway::make(std::move(settings)).context("etcd"));
  asker.client = std::make_unique<etcd::Client>(*asker.gateway);
  asker.claims = std::make_unique<etcd::Claims>(
      *asker.client, config.prefix,
      etcd::ClaimTimes{seconds(config.ttl_s), seconds(config.grace_s)});
  return asker;
}

Result<std::unique_ptr<Singletons>> Singletons::make(const EtcdConfig& config, Options options) {
  std::unique_ptr<Singletons> made(new Singletons(config, std::move(options)));
  made->for_jobs_ = TRY(ask(config));
  made->for_renewal_ = TRY(ask(config));
  TRY(system::make_folders(made->options_.layout.claims(), 0700));
  made->take_up();
  made->thread_ = std::thread([self = made.get()] { self->run(); });
  return made;
}

Singletons::~Singletons() {
  {
    const std::lock_guard lock(mutex_);
    stop_.request();
  }
  changed_.notify_one();
  if (thread_.joinable()) {
    thread_.join();
  }
}

void Singletons::take_up() {
  for (const system::Path& file : system::children_of(options_.layout.claims())) {
    if (!ContainerName::parse(file.filename().native())) {
      continue;  // half of one that was being written
    }
    const Result<runtimes::ClaimFile> read = runtimes::read_claim_file(file);
    if (!read) {
      system::log_warning("take up the claim of container {}: {}", file.filename().native(),
                          read.error().message);
      continue;
    }
    const etcd::Claim claim{read->claim, read->node, read->attempt, read->lease, read->good_until};
    kept_[file.filename().native()] = {{claim}, nanoseconds(0)};
  }
}

Result<std::int64_t> Singletons::held_by(const std::string& what, const std::string& claim,
                                         const etcd::Holder& holder) const {
  if (holder.node != options_.node) {
    return fail(
        Code::conflict,
        "{}: node {} holds claim \"{}\" (attempt {}), and it runs once in the cluster; stop "
        "it there first",
        what, holder.node, claim, holder.attempt);
  }
  const std::lock_guard lock(mutex_);
  for (const auto& [name, kept] : kept_) {
    if (kept.held.claim.name == claim) {
      return fail(Code::conflict,
                  "{}: container {} of this node holds claim \"{}\" (attempt {}); stop it first",
                  what, name, claim, holder.attempt);
    }
  }
  // What this node knew of its lease was lost, as by a reboot.
  return fail(Code::unavailable,
              "{}: claim \"{}\" is still held by an earlier attempt ({}) of this node, which ends "
              "within {} s",
              what, claim, holder.attempt, ttl_.count());
}

Result<std::int64_t> Singletons::take(const ContainerName& container, const std::string& claim,
                                      const system::Stop& stop) {
  const std::string what = fmt::format("start singleton {}", container.str());
  const std::lock_guard asking(asking_);
  {
    // Not renewed any more from here on.
    const std::lock_guard lock(mutex_);
    if (const auto found = kept_.find(container.str()); found != kept_.end()) {
      left_.push_back(found->second.held.claim);
      kept_.erase(found);
    }
  }
  release_left();
  const auto taken = TRY(for_jobs_.claims->take(claim, options_.node, stop).context(what));
  if (const auto* holder = std::get_if<etcd::Holder>(&taken)) {
    return held_by(what, claim, *holder);
  }
  const auto& mine = std::get<etcd::Claim>(taken);
  const system::Path file = file_of(container.str());
  Result<> ready = runtimes::write_claim_file(file, file_for(mine)).context(what);
  if (ready && !options_.exec_program.empty()) {
    ready = runtimes::start_guard(options_.exec_program,
                                  {file, mine.attempt, options_.layout.pid_file(container)}, stop)
                .context(what);
  }
  const std::lock_guard lock(mutex_);
  if (!ready) {
    std::error_code error;
    std::filesystem::remove(file, error);
    left_.push_back(mine);
    changed_.notify_one();
    return Failure(std::move(ready).error());
  }
  kept_[container.str()] = {{mine}, system::boot_time() + ttl_ / 3};
  changed_.notify_one();
  return mine.attempt;
}

std::optional<std::int64_t> Singletons::holds(const std::string& container) const {
  const std::lock_guard lock(mutex_);
  const auto found = kept_.find(container);
  return found != kept_.end() && !found->second.held.lost &&
                 system::boot_time() < found->second.held.claim.good_until
             ? std::optional(found->second.held.claim.attempt)
             : std::nullopt;
}

void Singletons::give_back(const std::string& container) {
  const std::lock_guard lock(mutex_);
  const auto found = kept_.find(container);
  if (found == kept_.end()) {
    return;
  }
  std::error_code error;
  std::filesystem::remove(file_of(container), error);
  left_.push_back(found->second.held.claim);
  kept_.erase(found);
  changed_.notify_one();
}

std::map<std::string, Singletons::Held> Singletons::held() const {
  const std::lock_guard lock(mutex_);
  std::map<std::string, Held> all;
  for (const auto& [name, kept] : kept_) {
    all.emplace(name, kept.held);
  }
  return all;
}

nanoseconds Singletons::stops_at(const Held& held) const {
  return held.lost ? nanoseconds(0) : held.claim.good_until - time_to_stop_;
}

void Singletons::run() {
  for (;;) {
    std::string due;
    bool leaves = false;
    {
      std::unique_lock lock(mutex_);
      if (stop_.requested()) {
        return;
      }
      const auto first = std::min_element(
          kept_.begin(), kept_.end(),
          [](const auto& a, const auto& b) { return a.second.next < b.second.next; });
      const nanoseconds now = system::boot_time();
      leaves = !left_.empty();
      if (first != kept_.end() && first->second.next <= now) {
        due = first->first;
      } else if (!leaves) {
        const nanoseconds wait = first == kept_.end() ? seconds(60) : first->second.next - now;
        // The steady clock stands still while the machine sleeps: it is looked again soon.
        changed_.wait_for(lock, std::min<nanoseconds>(wait, seconds(1)));
        continue;
      }
    }
    if (!due.empty()) {
      renew(due);
    } else {
      const std::unique_lock asking(asking_, std::try_to_lock);
      if (asking) {
        release_left();
      } else {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, std::chrono::milliseconds(50));
      }
    }
  }
}

void Singletons::renew(const std::string& container) {
  etcd::Claim claim;
  {
    const std::lock_guard lock(mutex_);
    const auto found = kept_.find(container);
    if (found == kept_.end()) {
      return;
    }
    claim = found->second.held.claim;
  }
  const Result<> renewed = for_renewal_.claims->renew(claim, stop_);
  const std::lock_guard lock(mutex_);
  const auto found = kept_.find(container);
  // It may have been given back, and taken anew, meanwhile.
  if (found == kept_.end() || found->second.held.claim.lease != claim.lease) {
    return;
  }
  Held& held = found->second.held;
  if (held.lost || stop_.requested()) {
    found->second.next = system::boot_time() + ttl_;
    return;
  }
  if (renewed) {
    held = {claim};
    found->second.next = system::boot_time() + ttl_ / 3;
    if (const Result<> written = runtimes::write_claim_file(file_of(container), file_for(claim));
        !written) {
      system::log_warning("tell the guard of container {} of its claim: {}", container,
                          written.error().message);
    }
    return;
  }
  held.message = renewed.error().message;
  held.lost = renewed.error().code == Code::not_found;
  const nanoseconds next = system::boot_time() + kTryAgain;
  if (held.lost) {
    found->second.next = next;
    return;
  }
  // What is due with it would wait for the same members in vain.
  for (auto& [name, kept] : kept_) {
    kept.next = std::max(kept.next, next);
  }
}

void Singletons::release_left() {
  std::vector<etcd::Claim> left;
  {
    const std::lock_guard lock(mutex_);
    left = std::exchange(left_, {});
  }
  for (const etcd::Claim& claim : left) {
    if (const Result<> released = for_jobs_.claims->release(claim, stop_); !released) {
      system::log_info("{}; it ends by itself within {} s", released.error().message, ttl_.count());
    }
  }
}

}  // namespace drover::jobs
