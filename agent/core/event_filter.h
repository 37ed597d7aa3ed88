// EventFilter: which of a node's events somebody wants.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace drover {

/// A value.
struct EventFilter {
  std::vector<std::string> kinds{};  ///< none for all
  std::string object{};              ///< a pattern (glob_match); "" for all

  bool takes_all() const { return kinds.empty() && object.empty(); }
  bool takes(std::string_view kind, std::string_view of) const;
  /// Of one kind and one object, of which only that may be.
  bool takes_one() const;
};

}  // namespace drover
