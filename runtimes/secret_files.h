// Secret files: a container's secrets in memory, at the moment that its runtime mounts them.
//
// They are laid out on a tmpfs of the container's own, and taken away from the node once the
// runtime has mounted each file inside: from then on only the container's mounts keep that memory,
// and it goes with them, however the container ends.
#pragma once

#include <utility>

#include "runtimes/container.h"

namespace drover::runtimes {

/// What is laid out, until this goes.
class SecretFiles {
 public:
  SecretFiles() = default;
  explicit SecretFiles(Path folder) : folder_(std::move(folder)) {}
  ~SecretFiles();
  SecretFiles(SecretFiles&& other) noexcept : folder_(std::exchange(other.folder_, {})) {}
  SecretFiles& operator=(SecretFiles&&) = delete;
  SecretFiles(const SecretFiles&) = delete;
  SecretFiles& operator=(const SecretFiles&) = delete;

 private:
  Path folder_;  // "" for none
};

/// Lays out those that the container's spec names, at Layout::laid_out_secrets/CONTAINER/N by their
/// order from 0 on, read-only, as they are on this node now. What an ended agent has left there
/// goes before. `not_found` names the first that this node does not have.
Result<SecretFiles> lay_out_secrets(const Layout& layout, const Container& container);

/// Takes away what an ended agent has left laid out, before this one makes or starts any container.
Result<> forget_laid_out_secrets(const Layout& layout);

}  // namespace drover::runtimes
