#include "agent/core/error.h"

#include <utility>

namespace drover {

std::string_view to_string(Code code) {
  switch (code) {
    case Code::cancelled:
      return "cancelled";
    case Code::timed_out:
      return "timed_out";
    case Code::unavailable:
      return "unavailable";
    case Code::not_found:
      return "not_found";
    case Code::conflict:
      return "conflict";
    case Code::refused:
      return "refused";
    case Code::invalid:
      return "invalid";
    case Code::broken:
      return "broken";
  }
  return "broken";
}

Error Error::context(std::string_view what) && {
  message.insert(0, ": ").insert(0, what);
  return std::move(*this);
}

std::string to_text(const Error& error) {
  std::string text = error.message;
  for (const Fault& fault : error.faults) {
    text += "\n  ";
    text += fault.pointer.empty() ? "(document)" : fault.pointer;
    if (fault.line != 0) {
      text += " (line " + std::to_string(fault.line) + ")";
    }
    text += ": " + fault.message;
  }
  return text;
}

}  // namespace drover
