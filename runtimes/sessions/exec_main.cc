// drover-exec: begins a program inside a container and stays with it until it has ended.
//
// Called by droverd with the folder of the session (session_files.h) and the session's socket as
// descriptor 3. It returns when the program has begun (0) or cannot be (1, with why on standard
// error), and leaves behind the monitor: nobody's child, in a session of its own. With --relay it
// is called with a container's bundle and hands on what its own program reads (input_relay.h). With
// --inside it stays until the program has ended, and ends as that has (run_inside.h). With --guard
// it is called with a claim's file, and ends the container whose claim has ended (claim_guard.h).
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <string>

#include "runtimes/claim_guard.h"
#include "runtimes/sessions/be_inside.h"
#include "runtimes/sessions/input_relay.h"
#include "runtimes/sessions/session_monitor.h"
#include "runtimes/sessions/session_socket.h"

int main(int argc, char** argv) {
  using namespace drover;
  CLI::App app("drover-exec: begins a program in a container and stays with it; called by droverd");
  std::string folder;
  app.add_option("FOLDER", folder, "what is kept of it")->required();
  bool is_relay = false;
  app.add_flag("--relay", is_relay, "hand on the input of the container of this bundle");
  bool is_inside = false;
  app.add_flag("--inside", is_inside, "run what this file says, and stay until it has ended");
  runtimes::GuardedClaim guarded;
  app.add_option("--guard", guarded.attempt, "end the container when this attempt's claim ends");
  app.add_option("--pid-file", guarded.pid_file, "of the container that is guarded");
  app.set_version_flag("--version", DROVER_VERSION);
  CLI11_PARSE(app, argc, argv);
  // Where it is run by a SealedProgram the kernel would call it by a number.
  prctl(PR_SET_NAME, "drover-exec");
  if (is_inside) {
    return exec::be_inside(folder);
  }
  umask(0077);
  if (guarded.attempt != 0) {
    guarded.claim_file = folder;
    return system::run_detached(
        [&guarded](const system::Started& started) { runtimes::guard_claim(guarded, started); });
  }
  fcntl(runtimes::kSessionListener, F_SETFD, FD_CLOEXEC);
  const auto monitor = [&](const system::Started& started) {
    system::UniqueFd listener(runtimes::kSessionListener);
    if (is_relay) {
      runtimes::relay_input(folder, std::move(listener), started);
    } else {
      exec::run_session(folder, std::move(listener), started);
    }
  };
  // Whoever finds somebody listening takes the session for one that has not ended.
  return system::run_detached(monitor, {runtimes::kSessionListener});
}
