// LoopbackProgram: a program that serves a port of loopback, as long as the test holds it.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <vector>

#include "agent/system/child.h"
#include "agent/system/file.h"
#include "fakes/temp_folder.h"

namespace drover::fakes {

class LoopbackProgram {
 public:
  /// Comes back when it has printed `before` and its port.
  LoopbackProgram(const std::vector<std::string>& argv, const std::string& before) {
    const system::UniqueFd output(
        open(log().c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    system::ChildOptions options;
    options.dies_with_parent = true;
    options.descriptors = {{output.get(), STDOUT_FILENO}, {output.get(), STDERR_FILENO}};
    auto started = system::Child::start(argv, options);
    EXPECT_TRUE(started) << (started ? "" : started.error().message);
    if (!started) {
      return;
    }
    child_.emplace(std::move(*started));
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (port_.empty() && std::chrono::steady_clock::now() < deadline) {
      poll(nullptr, 0, 10);
      const std::string text = said();
      const std::size_t at = text.find(before);
      const std::size_t end =
          at == std::string::npos ? at : text.find_first_not_of("0123456789", at + before.size());
      if (end != std::string::npos) {
        port_ = text.substr(at + before.size(), end - at - before.size());
      }
    }
    EXPECT_FALSE(port_.empty()) << argv.front() << " said: " << said();
  }
  LoopbackProgram(const LoopbackProgram&) = delete;
  LoopbackProgram& operator=(const LoopbackProgram&) = delete;
  ~LoopbackProgram() {
    if (child_) {
      child_->signal(SIGKILL);
      EXPECT_TRUE(child_->wait(system::Stop(), std::chrono::seconds(20)));
    }
  }

  /// "127.0.0.1:PORT".
  std::string host() const { return "127.0.0.1:" + port_; }
  /// All that it has printed.
  std::string said() const { return system::read_file(log()).value_or(""); }

 private:
  std::filesystem::path log() const { return folder_ / "log"; }

  TempFolder folder_;
  std::optional<system::Child> child_;
  std::string port_;
};

}  // namespace drover::fakes
