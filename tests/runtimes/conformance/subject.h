// Subject: one runtime on a node of its own, as every test of the conformance suite sees it.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtimes/runtime.h"

namespace drover::runtimes {

/// The text of a log in Kubernetes' format, without what stands before each line.
std::string text_of_log(std::string_view log);

/// Real containers of a root of busybox. One for each runtime that a test program asks for, which
/// all its tests share.
class Subject {
 public:
  virtual ~Subject() = default;
  virtual Runtime& runtime() = 0;
  /// The same as the next agent has it, which knows nothing of what this one has done.
  virtual std::unique_ptr<Runtime> next_agents() = 0;
  virtual const Layout& layout() const = 0;
  /// One of a name of its own that is to run `command`, with what it needs provisioned; not
  /// created.
  virtual Container container(const std::vector<std::string>& command) = 0;
  /// Takes away what `container` has provisioned, once the runtime has none of it any more.
  virtual void clear(const Container& container) = 0;
  /// The log that is kept of it.
  virtual std::string log(const Container& container) = 0;
  /// What that says it has printed, both streams in the order of their coming.
  virtual std::string printed(const Container& container) { return text_of_log(log(container)); }
  /// Processes and control groups that this machine still has of it.
  virtual std::vector<std::string> left_of(const Container& container) = 0;
};

std::unique_ptr<Subject> make_oci_subject(RuntimeKind kind);
std::unique_ptr<Subject> make_lxc_subject();
std::unique_ptr<Subject> make_guest_subject();

/// A root of busybox with the programs of this suite.
void make_conformance_root(const system::Path& root);

/// Processes on this machine whose control groups, by the line of /proc/PID/cgroup, end with one of
/// these names.
std::vector<std::string> processes_in_groups(const std::vector<std::string>& names);

}  // namespace drover::runtimes
