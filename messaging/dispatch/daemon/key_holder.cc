#include "messaging/dispatch/daemon/key_holder.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "agent/core/wipe.h"
#include "agent/system/log.h"
#include "agent/system/notify.h"
#include "messaging/dispatch/daemon/server.h"
#include "messaging/front_keys.h"

namespace drover::dispatch {

Result<std::unique_ptr<KeyHolder>> KeyHolder::start(system::Loop& loop, DispatchConfig config,
                                                    const system::Path& program) {
  std::unique_ptr<KeyHolder> holder(new KeyHolder(loop, std::move(config)));
  KeyHolder* const own = holder.get();
  if (!own->config_.tcp.address.empty()) {
    Result<std::unique_ptr<daemon::KeyWatch>> watch = daemon::KeyWatch::start(
        loop, own->config_.keys, [own](std::string_view what, const json::Object& data) {
          if (what == "keys_refused") {
            system::log_error("{}: not accepted; what was read of it before stays in force: {}",
                              data.find("file")->string_or(""),
                              data.find("message")->string_or(""));
            return;
          }
          system::log_info("keys were read anew: {} are allowed",
                           data.find("allowed")->integer_or(0));
          own->hand_keys();
        });
    if (!watch) {
      Error error = std::move(watch).error();
      if (error.code == Code::not_found) {
        error.message += fmt::format(
            "; make one with `drover keys new {}`, or leave tcp.address out of the configuration",
            (own->config_.keys / system::kServerKey).native());
      }
      return Failure(std::move(error).context(
          fmt::format("tcp.address is {}, where only keys are served", own->config_.tcp.address)));
    }
    own->watch_ = *std::move(watch);
  }
  own->server_.emplace(loop,
                       daemon::FrontProcess::Options{.program = program,
                                                     .directory = own->config_.folder,
                                                     .user = own->config_.user,
                                                     .name = "drover-dispatch",
                                                     .user_member = "user"},
                       daemon::FrontProcess::Handlers{.record = [](const messaging::Record&) {},
                                                      .ready = [] { system::notify_ready(); },
                                                      .started = [own] { own->hand_over(); },
                                                      .lost = [] {}});
  loop.at_turn_end([own] { own->server_->flush(); });
  TRY(own->server_->start());
  TRY(own->give_state_folder());
  own->server_->flush();
  return holder;
}

/// To the user whom the sockets' folder was given to, before anybody is told of it.
Result<> KeyHolder::give_state_folder() {
  const system::Path& folder = config_.state_folder;
  TRY(system::make_folders(folder, 0700));
  struct stat user {};
  if (stat(config_.folder.c_str(), &user) != 0 ||
      chown(folder.c_str(), user.st_uid, user.st_gid) != 0 || chmod(folder.c_str(), 0700) != 0) {
    return fail(Code::broken, "give {} to user {}: {}", folder.native(), config_.user,
                std::strerror(errno));
  }
  return {};
}

void KeyHolder::hand_over() {
  const EtcdConfig& etcd = config_.etcd;
  json::Array endpoints;
  for (const std::string& endpoint : etcd.endpoints) {
    endpoints.emplace_back(endpoint);
  }
  json::Object settings{{"endpoints", std::move(endpoints)},
                        {"prefix", etcd.prefix},
                        {"ttl_s", etcd.ttl_s},
                        {"grace_s", etcd.grace_s}};
  for (const auto& [member, file] :
       {std::pair("ca", &etcd.ca), std::pair("cert", &etcd.cert), std::pair("key", &etcd.key)}) {
    if (!file->empty()) {
      settings.set(member, file->native());
    }
  }
  server_->send_surely(messaging::Record{{{"kind", kSettings},
                                          {"name", config_.name},
                                          {"state_folder", config_.state_folder.native()}},
                                         json::write(settings),
                                         {}});
  hand_keys();
}

void KeyHolder::hand_keys() {
  if (watch_ == nullptr) {
    return;
  }
  const daemon::KeyWatch::Keys& keys = watch_->keys();
  messaging::Record record = messaging::write_front_keys(
      {config_.tcp.address, static_cast<std::uint16_t>(config_.tcp.port),
       static_cast<std::uint16_t>(config_.tcp.next_port), keys.server, keys.next, keys.allowed},
      true);
  if (record.body.size() > messaging::kMostBody) {
    system::log_error(
        "{}: the names of the agents' keys are too many: {} KiB, of which {} may be; nothing of it "
        "is in force",
        (config_.keys / system::kAllowList).native(), record.body.size() >> 10,
        messaging::kMostBody >> 10);
  } else {
    server_->send_surely(record);
  }
  wipe(record.body);
}

void KeyHolder::reload() {
  if (watch_ != nullptr) {
    watch_->reload();
  }
}

}  // namespace drover::dispatch
