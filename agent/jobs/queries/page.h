// Page: the elements of an answer, as many as fit a frame.
#pragma once

#include <cstddef>
#include <utility>

#include "agent/core/json.h"

namespace drover::jobs {

/// The first element always fits, so that whoever asks on gets on.
class Page {
 public:
  /// False when the element does not fit any more: it is not taken.
  bool add(json::Value element) {
    bytes_ += json::write(element).size();
    if (bytes_ > kMostBytes && !elements_.empty()) {
      return false;
    }
    elements_.push_back(std::move(element));
    return true;
  }
  json::Array take() { return std::move(elements_); }

 private:
  /// A frame has 256 KiB (messaging/record.h), and the answer's other members need some.
  static constexpr std::size_t kMostBytes = 200 * 1024;

  json::Array elements_;
  std::size_t bytes_ = 0;
};

}  // namespace drover::jobs
