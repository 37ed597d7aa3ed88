// drover-dispatch: hands jobs and questions on to the nodes of a cluster.
//
// It runs as two processes of this one program: the first stays root and holds the keys
// (key_holder.h); the other, with --directory and --fd, is all the rest, as a user without
// privileges (server.h).
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <climits>
#include <csignal>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <string>

#include "agent/system/file.h"
#include "agent/system/log.h"
#include "agent/system/notify.h"
#include "agent/system/signals.h"
#include "messaging/dispatch/daemon/key_holder.h"
#include "messaging/dispatch/daemon/server.h"
#include "messaging/front/sockets.h"

namespace drover::dispatch {
namespace {

system::LogLevel level_from(const std::string& name) {
  using enum system::LogLevel;
  return name == "debug" ? debug : name == "warning" ? warning : name == "error" ? error : info;
}

Result<DispatchConfig> load(const std::string& file) {
  const std::string text = TRY(system::read_file(file));
  DispatchConfig config = TRY(parse_dispatch_config(text).context(file));
  if (config.name.empty()) {
    std::array<char, HOST_NAME_MAX + 1> name{};
    gethostname(name.data(), name.size() - 1);
    config.name = name.data();
  }
  return config;
}

Result<> hold_keys(const std::string& file) {
  DispatchConfig config = TRY(load(file));
  system::open_log("drover-dispatch", level_from(config.log_level));
  system::Signals signals({SIGTERM, SIGINT, SIGHUP});
  system::SystemClock clock;
  system::Loop loop(clock);
  std::unique_ptr<KeyHolder> holder;
  loop.watch(signals.fd(), EPOLLIN, [&](std::uint32_t) {
    while (const std::optional<int> number = signals.next()) {
      if (*number == SIGHUP && holder) {
        holder->reload();
      } else if (*number != SIGHUP) {
        system::notify_stopping();
        loop.quit();
      }
    }
  });
  holder = TRY(
      KeyHolder::start(loop, std::move(config), std::filesystem::read_symlink("/proc/self/exe")));
  loop.run();
  loop.unwatch(signals.fd());
  return {};
}

Result<> serve(const std::string& directory, int pair) {
  umask(0077);
  messaging::seed_routing_ids();
  system::open_log("drover-dispatch", system::LogLevel::info);
  system::Signals signals({SIGTERM, SIGINT});
  system::SystemClock clock;
  system::Loop loop(clock);
  const std::unique_ptr<Server> server =
      TRY(Server::bind(directory, system::UniqueFd(pair), clock));
  loop.watch(signals.fd(), EPOLLIN, [&](std::uint32_t) {
    while (signals.next()) {
      server->quit();
    }
  });
  server->run(loop);
  return {};
}

}  // namespace
}  // namespace drover::dispatch

int main(int argc, char** argv) {
  CLI::App app("drover-dispatch: hands jobs on to the nodes of a cluster");
  std::string config = "/etc/drover/dispatch.json";
  std::string directory;
  int pair = -1;
  app.add_option("--config", config, "configuration file")->capture_default_str();
  app.set_version_flag("--version", DROVER_VERSION);
  // What it starts itself with.
  auto* folder = app.add_option("--directory", directory)->group("");
  app.add_option("--fd", pair)->needs(folder)->group("");
  CLI11_PARSE(app, argc, argv);
  try {
    const drover::Result<> done = directory.empty() ? drover::dispatch::hold_keys(config)
                                                    : drover::dispatch::serve(directory, pair);
    if (!done) {
      std::fprintf(stderr, "drover-dispatch: %s\n", drover::to_text(done.error()).c_str());
      return 1;
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "drover-dispatch: %s\n", error.what());
    return 1;
  }
  return 0;
}
