// FakeInputs: the standard inputs and terminals of programs that run nowhere: pipes whose other
// ends the test reads.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "agent/core/terminal_size.h"
#include "agent/system/unique_fd.h"
#include "runtimes/program_input.h"

namespace drover::fakes {

/// A program goes by its container's name, or by its job's id. Thread-safe.
class FakeInputs {
 public:
  /// What a program takes before it reads.
  static constexpr std::size_t kCapacity = 4096;

  void begin(const std::string& program) {
    const std::lock_guard lock(mutex_);
    std::array<int, 2> fds{};
    if (pipe2(fds.data(), O_CLOEXEC | O_NONBLOCK) != 0 ||
        fcntl(fds[1], F_SETPIPE_SZ, kCapacity) < 0) {
      throw std::system_error(errno, std::generic_category(), "pipe2");
    }
    Program& made = programs_[program];
    made = Program{};
    made.reads.reset(fds[0]);
    made.writes.reset(fds[1]);
  }
  /// It has ended.
  void end(const std::string& program) {
    const std::lock_guard lock(mutex_);
    programs_.erase(program);
  }
  /// All that it has been given since the last time.
  std::string read(const std::string& program) {
    const std::lock_guard lock(mutex_);
    std::string text;
    std::array<char, kCapacity> buffer{};
    for (ssize_t size = 0;
         (size = ::read(programs_.at(program).reads.get(), buffer.data(), buffer.size())) > 0;) {
      text.append(buffer.data(), static_cast<std::size_t>(size));
    }
    return text;
  }
  bool finished(const std::string& program) {
    const std::lock_guard lock(mutex_);
    return programs_.at(program).finished;
  }
  std::optional<TerminalSize> size(const std::string& program) {
    const std::lock_guard lock(mutex_);
    return programs_.at(program).size;
  }

  Result<std::unique_ptr<runtimes::ProgramInput>> open(const std::string& program) {
    const std::lock_guard lock(mutex_);
    const auto found = programs_.find(program);
    if (found == programs_.end()) {
      return fail(Code::not_found, "nobody is there to read");
    }
    system::UniqueFd copy(fcntl(found->second.writes.get(), F_DUPFD_CLOEXEC, 0));
    return std::unique_ptr<runtimes::ProgramInput>(new Input(*this, program, std::move(copy)));
  }
  Result<> resize(const std::string& program, const TerminalSize& size) {
    const std::lock_guard lock(mutex_);
    const auto found = programs_.find(program);
    if (found == programs_.end()) {
      return fail(Code::not_found, "it has ended");
    }
    found->second.size = size;
    return {};
  }

 private:
  struct Program {
    system::UniqueFd reads{};
    system::UniqueFd writes{};
    bool finished = false;
    std::optional<TerminalSize> size{};
  };

  class Input : public runtimes::ProgramInput {
   public:
    Input(FakeInputs& all, std::string program, system::UniqueFd fd)
        : all_(all), program_(std::move(program)), fd_(std::move(fd)) {}
    int fd() const override { return fd_.get(); }
    Result<std::size_t> write(std::string_view bytes) override {
      const ssize_t size = ::write(fd_.get(), bytes.data(), bytes.size());
      if (size >= 0) {
        return static_cast<std::size_t>(size);
      }
      if (errno == EAGAIN) {
        return std::size_t{0};
      }
      return fail(Code::not_found, "nobody is there to read any more");
    }
    Result<> finish() override {
      const std::lock_guard lock(all_.mutex_);
      const auto found = all_.programs_.find(program_);
      if (found == all_.programs_.end()) {
        return fail(Code::not_found, "nobody is there to read any more");
      }
      found->second.finished = true;
      return {};
    }

   private:
    FakeInputs& all_;
    std::string program_;
    system::UniqueFd fd_;
  };

  std::mutex mutex_;
  std::map<std::string, Program> programs_;  // guarded by mutex_
};

}  // namespace drover::fakes
