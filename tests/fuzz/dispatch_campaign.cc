// A campaign as its store gives it: the order's text and the pieces of how far it came.
#include <algorithm>
#include <string>
#include <vector>

#include "fuzz_target.h"
#include "messaging/dispatch/campaigns/campaign_order.h"
#include "messaging/dispatch/campaigns/progress_pieces.h"

using namespace drover;  // NOLINT: a program of one function

// Lines: the id, the order, then a piece each, the head first.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<std::string> lines(1);
  for (const char c : fuzz::text_of(data, size)) {
    if (c == '\n') {
      lines.emplace_back();
    } else {
      lines.back() += c;
    }
  }
  lines.resize(std::max<std::size_t>(lines.size(), 3));
  const auto order = dispatch::read_kept_order(lines[0], lines[1]);
  if (!order) {
    fuzz::require(order.error().code == Code::broken, "a bad order is broken");
    return 0;
  }
  const auto again = dispatch::read_kept_order(lines[0], dispatch::write_campaign_order(*order));
  fuzz::require(again && again->is_same(*order), "an order is what its text says");
  dispatch::Pieces pieces;
  for (std::size_t i = 2; i < lines.size(); ++i) {
    pieces.emplace(static_cast<int>(i) - 2, lines[i]);
  }
  auto joined = dispatch::join_pieces(order->batch, pieces);
  if (!joined) {
    fuzz::require(joined.error().code == Code::broken, "bad pieces are broken");
    return 0;
  }
  const auto same =
      dispatch::join_pieces(order->batch, dispatch::to_pieces(joined->batch, joined->head));
  fuzz::require(same && same->batch.state() == joined->batch.state(), "pieces are the batch");
  for (const dispatch::BatchItem& item : joined->batch.start_next(1'700'000'000'000)) {
    joined->batch.placed(item.job, "n1");
    joined->batch.lost(item.job, 1'700'000'000'001);
  }
  return 0;
}
