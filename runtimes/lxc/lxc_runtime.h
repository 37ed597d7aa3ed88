// LxcRuntime: containers of LXC, each below a monitor of our own (drover-lxc).
#pragma once

#include <cstdint>
#include <optional>

#include "agent/system/process.h"
#include "runtimes/log_rotation.h"
#include "runtimes/lxc/lxc_tools.h"
#include "runtimes/oci/bundle.h"
#include "runtimes/root_snapshots.h"
#include "runtimes/runtime.h"
#include "runtimes/sessions/monitored_sessions.h"

namespace drover::runtimes {

struct LxcOptions {
  Path monitor_program;  ///< drover-lxc
  std::uint64_t default_pids = 0;
  std::uint64_t default_memory_mib = 0;
  LogBounds log{};
  Path exec_program{};     ///< drover-exec
  Path seccomp_profile{};  ///< "" for kDefaultSeccompProfile
};

/// Layout::lxc()/NAME holds LXC's "config", the "bundle" it was made from with its job as
/// annotation, "monitor" (which process watches it) and "log" (what liblxc has said
/// since its last start).
class LxcRuntime final : public Runtime {
 public:
  LxcRuntime(Layout layout, LxcOptions options);

  RuntimeKind kind() const override { return RuntimeKind::lxc; }
  Capabilities capabilities() const override;
  Result<> accepts(const ContainerSpec& spec) const override;
  Result<Preview> preview(const Container& container) const override;
  Result<> create(const Container& container, const Stop& stop) override;
  Result<> start(const Container& container, const Stop& stop) override;
  Result<> kill(const Container& container, int signal, const Stop& stop) override;
  int usual_stop_signal(const Container& container) const override;
  Result<Exit> stop(const Container& container, int signal, std::chrono::milliseconds grace,
                    const Stop& stop) override;
  Result<> pause(const Container& container, const Stop& stop) override;
  Result<> resume(const Container& container, const Stop& stop) override;
  Result<int> exec(const Container& container, const ExecRequest& request, const Sink& out,
                   const Sink& err, const Stop& stop) override;
  ExecSessions* exec_sessions() override { return &sessions_; }
  Result<> update(const Container& container, const Resources& limits, const Stop& stop) override;
  Result<State> state(const Container& container, const Stop& stop) override;
  Result<system::UniqueFd> first_process(const Container& container, const Stop& stop) override;
  Result<> remove(const Container& container, bool force, const Stop& stop) override;
  Result<std::vector<Found>> inventory(const Stop& stop) override;
  Snapshots* snapshots() override { return &snapshots_; }

 private:
  Result<std::unique_ptr<ProgramInput>> open_own_input(const Container& container) override;
  Result<> resize_own_terminal(const Container& container, const TerminalSize& size) override;
  BundleOptions bundle_options() const;
  /// LXC's own configuration, and the one it was made from.
  Result<> write_config(const Container& container, const Spec& spec) const;
  Result<> open_to_own_root(const Container& container, const Spec& spec) const;
  /// What LXC calls the folder of its containers, by which it is asked of this one.
  Path lxc_path(const ContainerName& name) const;
  Path home(const ContainerName& name) const { return layout_.lxc() / name.str(); }
  /// Its monitor, while it lives.
  std::optional<system::UniqueFd> monitor(const ContainerName& name) const;
  Result<State> state_of(const ContainerName& name, const Stop& stop) const;
  /// The state, which must be one of these; else `conflict` naming the verb.
  Result<State> require(const Container& container, std::string_view verb,
                        std::initializer_list<Status> states, const Stop& stop) const;
  Result<> thaw_or_end(const ContainerName& name, const system::UniqueFd& init,
                       const Stop& stop) const;
  Result<> end(const Container& container, const State& state, int signal,
               std::chrono::milliseconds grace, const Stop& stop);

  /// How a program inside is begun: what the container has and `request` does not say is its, too.
  Result<LxcStart> make_session(const Container& container, const ExecRequest& request,
                                const Stop& stop) const;

  Layout layout_;
  LxcOptions options_;
  MonitoredSessions sessions_;
  RootSnapshots snapshots_{*this, layout_};
};

}  // namespace drover::runtimes
