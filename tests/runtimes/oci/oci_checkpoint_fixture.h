// A node whose runc needs no CRIU, which works in few test machines
// (tests/integration/checkpoint_vm is for that): it writes and ends as runc does, and what it
// restores is begun anew.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "oci_node.h"

namespace drover::runtimes {

/// A file in the folder WAYS makes it do otherwise: "fail", "hang" (until "go" can be read),
/// "keep-state", "fail-restore", "hang-restore".
inline constexpr const char* kRuncOfTests = R"SH(#!/bin/bash
set -e
ways=WAYS real=REAL
global=() words=("$@")
while [[ ${words[0]} == --* ]]; do
  global+=("${words[0]}")
  if [[ ${words[0]} != *=* && ${words[0]} != --systemd-cgroup ]]; then
    [[ ${words[0]} != --log ]] || log=${words[1]}
    global+=("${words[1]}")
    words=("${words[@]:1}")
  fi
  words=("${words[@]:1}")
done
value() {
  local i
  for ((i = 1; i < ${#words[@]}; ++i)); do
    if [[ ${words[i]} == "$1" ]]; then echo "${words[i + 1]}"; fi
  done
}
asks() { [[ " ${words[*]} " == *" $1 "* ]]; }
name=${words[-1]}
case ${words[0]} in
checkpoint)
  echo "${words[*]}" >>"$ways/asked"
  echo "pages" >"$(value --image-path)/pages-1.img"
  if [[ -e $ways/hang ]]; then
    echo begun >"$ways/told"
    read -r _ <"$ways/go"
  fi
  if [[ -e $ways/fail ]]; then
    echo "(00.1) Error (criu/x.c:1): no such thing" >"$(value --work-path)/dump.log"
    echo '{"level":"error","msg":"criu failed: type DUMP errno 0"}' >"$log"
    exit 1
  fi
  if ! asks --leave-running; then
    "$real" "${global[@]}" kill "$name" 9
    while [[ $("$real" "${global[@]}" state "$name") != *'"status": "stopped"'* ]]; do :; done
  fi
  echo "(00.2) Dumping finished successfully" >"$(value --work-path)/dump.log"
  if ! asks --leave-running && [[ ! -e $ways/keep-state ]]; then
    "$real" "${global[@]}" delete "$name"
  fi
  ;;
restore)
  echo "${words[*]}" >>"$ways/asked"
  ls "$(value --image-path)" >>"$ways/asked"
  echo "(00.1) begun" >"$(value --work-path)/restore.log"
  if [[ -e $ways/hang-restore ]]; then
    echo begun >"$ways/told"
    read -r _ <"$ways/go"
  fi
  if [[ -e $ways/fail-restore ]]; then
    echo "(00.1) Error (criu/y.c:2): not that" >"$(value --work-path)/restore.log"
    echo "criu failed: type RESTORE" >&2
    exit 1
  fi
  "$real" "${global[@]}" create --bundle "$(value --bundle)" --pid-file "$(value --pid-file)" "$name"
  "$real" "${global[@]}" start "$name"
  ;;
*)
  exec "$real" "$@"
  ;;
esac
)SH";

class OciCheckpointTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string script = kRuncOfTests;
    const auto put = [&script](const std::string& word, const std::string& value) {
      script.replace(script.find(word), word.size(), value);
    };
    put("WAYS", ways_.native());
    put("REAL", node_.options.program.native());
    node_.options.program = node_.folder / "runc";
    std::ofstream(node_.options.program) << script;
    node_.options.criu = node_.folder / "criu";
    std::ofstream(node_.options.criu)
        << "#!/bin/sh\necho 'Error (criu/k.c:3): not here' >&2\nexit 1\n";
    for (const Path& program : {node_.options.program, node_.options.criu}) {
      std::filesystem::permissions(program, std::filesystem::perms::owner_all);
    }
    make_fresh_runtime();
    mkfifo((ways_ / "go").c_str(), 0600);
  }
  void make_fresh_runtime() {
    node_.runtime = std::make_unique<OciRuntime>(node_.layout, node_.options);
  }
  void await_begun() { ASSERT_EQ(telling_.line(), "begun"); }
  /// One that prints "begun" and then says so.
  Container printing() {
    Container container =
        node_.shell("echo begun; echo printed >/telling/told; sleep 1000 & wait; exit 9");
    container.mounts.push_back(telling_.mount());
    return container;
  }
  /// An agent that is killed once what it does has begun, and the next one.
  template <class Deed>
  void kill_agent_in(Deed deed) {
    const pid_t agent = fork();
    if (agent == 0) {
      deed();
      _exit(0);
    }
    await_begun();
    kill(agent, SIGKILL);
    int status = 0;
    ASSERT_EQ(waitpid(agent, &status, 0), agent);
    make_fresh_runtime();
  }
  /// Whoever opens it first waits for the other.
  void let_go() { std::ofstream(ways_ / "go") << "go\n"; }
  void way(const std::string& name) { std::ofstream(ways_ / name) << "yes"; }
  Checkpoints& checkpoints() { return *node_.runtime->checkpoints(); }
  Result<Checkpoint> checkpoint(const Container& container, const CheckpointWish& wish = {}) {
    return checkpoints().checkpoint(container, wish, job_, node_.never);
  }
  std::string asked() { return system::read_file(ways_ / "asked").value_or(""); }

  OciNode node_{RuntimeKind::runc};
  const Path ways_ = node_.folder / "ways";
  Telling telling_{ways_};
  const JobId job_ = JobId::parse("job-2").value();
};

}  // namespace drover::runtimes
