// A batch's order and how far it came, as they lie where other dispatchers keep them.
#include "fuzz_target.h"
#include "messaging/dispatch/batch.h"

using namespace drover;  // NOLINT: a program of one function

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto value = json::parse(fuzz::text_of(data, size));
  if (!value) {
    return 0;
  }
  const auto order = dispatch::read_batch_order(value->at("order"));
  if (!order) {
    fuzz::require(!order.error().faults.empty(), "a refused order has a fault");
    return 0;
  }
  auto batch = dispatch::Batch::restore(*order, value->at("state"));
  if (!batch) {
    fuzz::require(batch.error().code == Code::broken, "a bad state is broken");
    return 0;
  }
  const auto again = dispatch::Batch::restore(*order, batch->state());
  fuzz::require(again && again->state() == batch->state(), "a batch is what its state says");
  const std::int64_t now = 1'700'000'000'000;
  for (int i = 0; i < 3; ++i) {
    for (const dispatch::BatchItem& item : batch->start_next(now + i)) {
      batch->succeeded(item.job, now + i);
    }
  }
  const std::size_t flying = batch->in_flight().size();
  const dispatch::BatchProgress progress = batch->progress();
  using State = dispatch::ItemState;
  fuzz::require(flying == progress.count(State::sent) + progress.count(State::accepted),
                "what flies is counted");
  return 0;
}
