#include "agent/core/event_filter.h"

#include <algorithm>

#include "agent/core/glob.h"

namespace drover {

bool EventFilter::takes(std::string_view kind, std::string_view of) const {
  return (kinds.empty() || std::find(kinds.begin(), kinds.end(), kind) != kinds.end()) &&
         (object.empty() || glob_match(object, of));
}

bool EventFilter::takes_one() const {
  return kinds.size() == 1 && !object.empty() && object.find_first_of("*?") == std::string::npos;
}

}  // namespace drover
