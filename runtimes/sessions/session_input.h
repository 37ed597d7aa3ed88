// SessionInput: what is written to a program's standard input goes to its monitor, record by
// record.
#pragma once

#include "agent/system/unique_fd.h"
#include "runtimes/container.h"
#include "runtimes/program_input.h"

namespace drover::runtimes {

/// `conflict` when the container's own program was not asked for with `stdin`.
Result<> check_reads_input(const Container& container);
/// The same with `terminal`.
Result<> check_has_terminal(const Container& container);

class SessionInput final : public ProgramInput {
 public:
  explicit SessionInput(system::UniqueFd socket) : socket_(std::move(socket)) {}

  int fd() const override { return socket_.get(); }
  Result<std::size_t> write(std::string_view bytes) override;
  void drain() override;
  Result<> finish() override;

 private:
  system::UniqueFd socket_;
};

}  // namespace drover::runtimes
