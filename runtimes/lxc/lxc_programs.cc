// Programs inside a container of LXC, and what its own reads.
#include "runtimes/images/image_user.h"
#include "runtimes/lxc/lxc_runtime.h"
#include "runtimes/lxc/lxc_tools.h"
#include "runtimes/sessions/run_inside.h"
#include "runtimes/sessions/session_input.h"
#include "runtimes/sessions/session_socket.h"

namespace drover::runtimes {

Result<LxcStart> LxcRuntime::make_session(const Container& container, const ExecRequest& request,
                                          const Stop& stop) const {
  const State now = TRY(require(container, "run a program in", {Status::running}, stop));
  const Spec spec = TRY(read_bundle(home(container.name)));
  // The container's own environment below the request's, as the other runtimes have it.
  ExecRequest whole = request;
  for (const std::string& variable : spec.env()) {
    const std::size_t equals = variable.find('=');
    whole.env.try_emplace(variable.substr(0, equals), variable.substr(equals + 1));
  }
  if (whole.cwd.empty()) {
    whole.cwd = spec.cwd();
  }
  const ImageUser user = TRY(
      find_image_user(container.rootfs, request.user.empty() ? container.spec.user : request.user));
  whole.user = fmt::format("{}:{}", user.uid, user.gid);
  return LxcStart{lxc_path(container.name), container.name.str(),
                  with_usual_terminal(std::move(whole)), process_settings_of(spec),
                  stream_owner(now.pid, user.uid, user.gid)};
}

Result<int> LxcRuntime::exec(const Container& container, const ExecRequest& request,
                             const Sink& out, const Sink& err, const Stop& stop) {
  const LxcStart start = TRY(make_session(container, request, stop));
  return run_inside(options_.exec_program, start, out, err, stop);
}

Result<std::unique_ptr<ProgramInput>> LxcRuntime::open_own_input(const Container& container) {
  TRY(check_reads_input(container));
  system::UniqueFd monitor = TRY(connect_to(home(container.name)));
  if (!monitor.valid()) {
    return fail(Code::not_found, "the program of container {} has ended", container.name.str());
  }
  return std::make_unique<SessionInput>(std::move(monitor));
}

Result<> LxcRuntime::resize_own_terminal(const Container& container, const TerminalSize& size) {
  TRY(check_has_terminal(container));
  const system::UniqueFd monitor = TRY(connect_to(home(container.name)));
  if (!monitor.valid()) {
    return fail(Code::not_found, "the program of container {} has ended", container.name.str());
  }
  return send_size(monitor.get(), size);
}

}  // namespace drover::runtimes
