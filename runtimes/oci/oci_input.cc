// What a container's own program reads on runc and crun, and its terminal.
//
// conmon takes input on its socket "attach", and ends the program's when the first who wrote there
// goes: an agent's end would be the program's end of file. So drover-exec stays connected in
// between, from when somebody first writes until the input ends or conmon does.
#include <filesystem>

#include "agent/system/child.h"
#include "runtimes/oci/control_fifo.h"
#include "runtimes/oci/oci_runtime.h"
#include "runtimes/sessions/input_relay.h"
#include "runtimes/sessions/session_input.h"
#include "runtimes/sessions/session_socket.h"

namespace drover::runtimes {
namespace {

/// It answers within milliseconds; less than the watchdog's time.
constexpr std::chrono::seconds kRelayTime{5};

/// Of all messages that conmon reads at once it does the first each time, until conmon 2.2
/// (read_from_ctrl_buffer in src/ctrl.c). So each is as long as what it reads at once; and each is
/// sent twice, because it hands a size on to itself by a second FIFO, on which two may meet all the
/// same: the last one then meets its like.
std::string resize_message(const TerminalSize& size) {
  constexpr std::size_t kReadAtOnce = 199;
  std::string message = fmt::format("1 {} {}", size.rows, size.columns);
  message.resize(kReadAtOnce - 1, ' ');
  message.push_back('\n');
  return message + message;
}

}  // namespace

Result<system::UniqueFd> OciRuntime::connect_to_relay(const ContainerName& name) {
  const std::lock_guard lock(relays_);
  const Path bundle = layout_.bundle(name);
  system::UniqueFd relay = TRY(connect_to(bundle));
  std::error_code error;
  if (relay.valid() || std::filesystem::exists(input_ended_note(bundle), error)) {
    return relay;
  }
  const system::UniqueFd listener = TRY(listen_at(bundle));
  system::RunOptions options;
  options.child.descriptors = {{listener.get(), kSessionListener}};
  // The loop's thread waits for it.
  options.timeout = kRelayTime;
  const Stop never;
  const system::Output said = TRY(
      system::run({options_.exec_program.native(), "--relay", bundle.native()}, never, options));
  return said.ending.code == 0 ? connect_to(bundle) : Result<system::UniqueFd>(system::UniqueFd());
}

Result<std::unique_ptr<ProgramInput>> OciRuntime::open_own_input(const Container& container) {
  TRY(check_reads_input(container));
  system::UniqueFd relay = TRY(connect_to_relay(container.name));
  if (!relay.valid()) {
    return fail(Code::not_found, "the program of container {} has ended, or its input has",
                container.name.str());
  }
  return std::make_unique<SessionInput>(std::move(relay));
}

Result<> OciRuntime::resize_own_terminal(const Container& container, const TerminalSize& size) {
  TRY(check_has_terminal(container));
  const system::UniqueFd control = TRY(open_control(layout_.bundle(container.name)));
  if (!control.valid()) {
    return fail(Code::not_found, "the program of container {} has ended", container.name.str());
  }
  return system::write_all(control.get(), resize_message(size));
}

}  // namespace drover::runtimes
