// drover-front: all of a node's messaging, unprivileged. droverd starts it.
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <exception>
#include <string>

#include "agent/system/log.h"
#include "agent/system/signals.h"
#include "messaging/front/confine.h"
#include "messaging/front/front.h"
#include "messaging/front/sockets.h"

namespace {

using namespace drover;

Result<> serve(const std::string& directory, int pair) {
  system::Signals signals({SIGTERM, SIGINT});
  system::SystemClock clock;
  system::Loop loop(clock);
  const std::unique_ptr<messaging::Front> front =
      TRY(messaging::Front::bind(directory, system::UniqueFd(pair)));
  // With the threads that libzmq has made by now.
  TRY(messaging::confine());
  loop.watch(signals.fd(), EPOLLIN, [&](std::uint32_t) {
    while (signals.next()) {
      front->quit();
    }
  });
  front->run(loop);
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("drover-front: the sockets of a node; started by droverd");
  std::string directory;
  int pair = -1;
  app.add_option("--directory", directory, "folder for the sockets")->required();
  app.add_option("--fd", pair, "our end of the socket pair with droverd")->required();
  CLI11_PARSE(app, argc, argv);
  if (fcntl(pair, F_GETFD) < 0) {
    std::fprintf(stderr, "drover-front: descriptor %d is not open: droverd starts this program\n",
                 pair);
    return 2;
  }
  umask(0077);
  messaging::seed_routing_ids();
  system::open_log("drover-front", system::LogLevel::info);
  try {
    const Result<> served = serve(directory, pair);
    if (!served) {
      system::log_error("{}", to_text(served.error()));
      return 1;
    }
  } catch (const std::exception& error) {
    system::log_error("{}", error.what());
    return 1;
  }
  return 0;
}
