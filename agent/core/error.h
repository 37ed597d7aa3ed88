// Error: why something could not be done, as a program and as a person read it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace drover {

/// A closed set, chosen by what the caller does next.
enum class Code {
  cancelled,    ///< somebody asked for it to stop
  timed_out,    ///< its deadline passed
  unavailable,  ///< may work when tried again later
  not_found,    ///< the thing does not exist; a delete takes this for success
  conflict,     ///< another thing stands in the way (a name taken, an id used before)
  refused,      ///< never allowed here, whoever tries again
  invalid,      ///< the input is wrong; `faults` says where
  broken,       ///< a bug of ours, or damaged state on the node
};

std::string_view to_string(Code code);

/// One thing wrong with an input document.
struct Fault {
  std::string pointer;     ///< JSON pointer (RFC 6901) of the value at fault
  std::string message;     ///< what is wrong and what is accepted instead
  std::uint32_t line = 0;  ///< 1-based line in the document, 0 when it is not known

  bool operator==(const Fault&) const = default;
};

/// `message` names what was being done to which thing, and carries the last line of the program or
/// API that failed. It never holds a secret.
struct Error {
  Code code = Code::broken;
  std::string message;
  std::vector<Fault> faults{};

  /// The same error with `what` in front: "create web-1: " + message.
  Error context(std::string_view what) &&;
};

/// Every fault of `error` on a line of its own below the message.
std::string to_text(const Error& error);

}  // namespace drover
