// InputPump: what is typed, or comes by standard input, on its way to a program in a container,
// while its output is printed by others.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "agent/cli/command.h"
#include "agent/cli/detach_keys.h"
#include "agent/cli/raw_terminal.h"
#include "messaging/client/input_stream.h"

namespace CLI {
class App;
}

namespace drover::cli {

/// The flags of commands that can give a program their input.
struct InputFlags {
  bool input = false;
  bool terminal = false;
  std::string detach_keys = DetachKeys::kUsual;
};

/// -i, -t and --detach-keys.
void add_input_flags(CLI::App& command, InputFlags& flags);
void add_detach_keys(CLI::App& command, InputFlags& flags);
/// What the keys and colours of this terminal are, unless `env` says otherwise.
void add_terminal_kind(std::map<std::string, std::string>& env);
/// `invalid` when the keys cannot be read, or the program is to have this terminal and there is
/// none.
Result<DetachKeys> check_input(const InputFlags& flags);

class InputPump {
 public:
  struct Options {
    std::string node = "";  ///< of a cluster, where it is
    bool of_job = false;
    std::string object;  ///< the container's name, or the job's id
    bool input = false;  ///< else only the terminal's size is passed on
    bool terminal = false;
    DetachKeys keys;
  };

  /// Begins, on a thread of its own, and goes on until `interrupt`, which outlives it. Once the
  /// program takes input a terminal is raw.
  static Result<std::unique_ptr<InputPump>> start(const Session& session,
                                                  const system::Stop& interrupt, Options options);
  ~InputPump() { end(); }
  InputPump(const InputPump&) = delete;
  InputPump& operator=(const InputPump&) = delete;

  /// Requested when there is nothing more to be printed here: by Ctrl-C, by the detach keys, or
  /// because the input cannot go on.
  const system::Stop& leave() const { return leave_; }
  /// Ends it, with the terminal as it was.
  void end();
  // After `end`:
  bool detached() const { return detached_; }
  const std::optional<Error>& error() const { return error_; }

 private:
  InputPump(const Session& session, const system::Stop& interrupt, Options options);
  Result<> run();
  Result<> turn(messaging::InputStream* stream);
  Result<> wait(messaging::InputStream* stream);
  Result<> begin_typing();
  void read_input(messaging::InputStream& stream);
  bool passes_size(const messaging::InputStream* stream) const;
  void pass_size();

  const Session& session_;
  const system::Stop& interrupt_;
  Options options_;
  std::optional<messaging::Client> client_;
  std::optional<RawTerminal> raw_;
  bool open_ = false;        // the program has taken input once
  bool all_read_ = false;    // standard input has ended
  bool size_passed_ = true;  // false when there is a new one
  bool detached_ = false;
  std::optional<Error> error_;
  system::Stop leave_;
  system::Stop done_;
  std::thread thread_;
};

}  // namespace drover::cli
