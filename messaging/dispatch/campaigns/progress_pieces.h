// Pieces: how far a batch came, cut up for whoever keeps it: a change of one item writes some kB,
// and not what became of ten thousand others.
#pragma once

#include <map>
#include <string>

#include "agent/core/json.h"
#include "agent/core/result.h"
#include "messaging/dispatch/batch.h"

namespace drover::dispatch {

inline constexpr std::size_t kItemsAPiece = 256;

/// Texts by number. 0, the head, is of the whole batch; N is of the Nth 256 items, and is not there
/// while all of them wait.
using Pieces = std::map<int, std::string>;

/// `more` are members for the head that are not the batch's own.
Pieces to_pieces(const Batch& batch, const json::Object& more);

struct JoinedPieces {
  Batch batch;
  json::Object head;  ///< with what is not the batch's own
};
/// The inverse; `broken` for what is not of that order.
Result<JoinedPieces> join_pieces(BatchOrder order, const Pieces& pieces);

/// Those of `now` that are not the same in `before`.
Pieces changed_pieces(const Pieces& before, const Pieces& now);

}  // namespace drover::dispatch
