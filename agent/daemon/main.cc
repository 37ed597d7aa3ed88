// droverd: the agent of one node.
#include <malloc.h>
#include <sys/epoll.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <exception>
#include <string>

#include "agent/core/config.h"
#include "agent/daemon/agent.h"
#include "agent/system/log.h"
#include "agent/system/notify.h"
#include "agent/system/signals.h"

namespace drover::daemon {
namespace {

system::LogLevel level_from(const std::string& name) {
  using enum system::LogLevel;
  return name == "debug" ? debug : name == "warning" ? warning : name == "error" ? error : info;
}

Result<Config> load(const path& file) {
  const std::string text = TRY(system::read_file(file));
  return parse_config(text).context(file.native());
}

/// Each arena keeps what it once held in pieces, and by itself the allocator makes one for nearly
/// every thread (mallopt(3)). Two are enough for threads that mostly wait; buffers are mapped for
/// themselves, however many of that size there were before.
void keep_memory_small() {
  constexpr int kMappedFrom = 128 << 10;
  mallopt(M_ARENA_MAX, 2);
  mallopt(M_MMAP_THRESHOLD, kMappedFrom);
  mallopt(M_TRIM_THRESHOLD, 1 << 20);
}

Result<> serve(const path& file) {
  const Config config = TRY(load(file));
  system::open_log("droverd", level_from(config.runtime.log_level));
  system::Signals signals({SIGTERM, SIGINT, SIGHUP});
  system::SystemClock clock;
  system::Loop loop(clock);
  std::unique_ptr<Agent> agent;
  loop.watch(signals.fd(), EPOLLIN, [&](std::uint32_t) {
    while (const std::optional<int> number = signals.next()) {
      if (*number == SIGHUP) {
        system::log_warning(
            "keys are read anew; the configuration is read at start only: restart droverd for it");
        if (agent) {
          agent->reload_keys();
        }
        continue;
      }
      system::notify_stopping();
      loop.quit();
    }
  });
  agent = TRY(Agent::start(config, loop, clock));
  loop.run();
  loop.unwatch(signals.fd());
  if (agent->failure()) {
    return Failure(*agent->failure());
  }
  system::log_info("droverd ends; containers run on");
  return {};
}

}  // namespace
}  // namespace drover::daemon

int main(int argc, char** argv) {
  CLI::App app("droverd: runs the containers of this node");
  std::string config = "/etc/drover/droverd.json";
  app.add_option("--config", config, "configuration file")->capture_default_str();
  app.set_version_flag("--version", DROVER_VERSION);
  CLI11_PARSE(app, argc, argv);
  drover::daemon::keep_memory_small();
  try {
    const drover::Result<> served = drover::daemon::serve(config);
    if (!served) {
      std::fprintf(stderr, "droverd: %s\n", drover::to_text(served.error()).c_str());
      return 1;
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "droverd: %s\n", error.what());
    return 1;
  }
  return 0;
}
