// SealedProgram: a program of ours whose file nobody can write to through what runs of it.
#pragma once

#include <string>

#include "agent/system/file.h"
#include "agent/system/unique_fd.h"

namespace drover::system {

/// What liblxc makes a process inside a container of is, until its exec, the program that called
/// it. An image may have that exec be one of "/proc/self/exe": then our program's file is what the
/// container runs, and its root, who is the node's where it has no users of its own, could
/// overwrite it (CVE-2019-5736). Run by a mount of its own, read-only and attached nowhere, it can
/// be read and run, and nothing else. Linux 5.12.
class SealedProgram {
 public:
  static Result<SealedProgram> open(const Path& program);
  /// For ChildOptions::program, while this lives.
  std::string path() const;

 private:
  explicit SealedProgram(UniqueFd mount) : mount_(std::move(mount)) {}
  UniqueFd mount_;
};

}  // namespace drover::system
