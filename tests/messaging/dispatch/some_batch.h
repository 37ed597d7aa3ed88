// Batches for tests: items j1 on n1, j2 on n2 and so on.
#pragma once

#include <string>

#include "messaging/dispatch/batch.h"

namespace drover::dispatch {

inline BatchOrder some_order(std::size_t items, std::size_t concurrency) {
  BatchOrder order{"roll"};
  for (std::size_t i = 1; i <= items; ++i) {
    order.items.push_back({"j" + std::to_string(i), "n" + std::to_string(i)});
  }
  order.concurrency = concurrency;
  return order;
}

/// The jobs, with spaces between.
inline std::string jobs_of(const std::vector<BatchItem>& items) {
  std::string jobs;
  for (const BatchItem& item : items) {
    jobs += (jobs.empty() ? "" : " ") + item.job;
  }
  return jobs;
}

}  // namespace drover::dispatch
