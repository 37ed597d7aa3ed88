#include "messaging/dispatch/campaigns/progress_pieces.h"

#include <algorithm>
#include <utility>

namespace drover::dispatch {
namespace {

constexpr char kWaiting = 'w';

bool is_cut(std::string_view member) {
  return member == "items" || member == "nodes" || member == "messages";
}

/// Takes from `texts`, which are in the order of the items, those of items before `end`.
json::Object take_until(const std::vector<BatchItem>& items, std::size_t begin, std::size_t end,
                        std::vector<json::Member>::const_iterator& next,
                        std::vector<json::Member>::const_iterator last) {
  json::Object taken;
  for (std::size_t i = begin; i < end && next != last; ++i) {
    if (next->first == items[i].job) {
      taken.append(next->first, next->second);
      ++next;
    }
  }
  return taken;
}

void add_all(const json::Value& from, json::Object& to) {
  if (from.object() != nullptr) {
    for (const auto& [job, text] : *from.object()) {
      to.append(job, text);
    }
  }
}

Failure no_pieces(const std::string& id, std::string_view what) {
  return fail(Code::broken, "take batch {} over: what was written of it is no state of it: {}", id,
              what);
}

}  // namespace

Pieces to_pieces(const Batch& batch, const json::Object& more) {
  const json::Value state = batch.state();
  json::Object head;
  for (const auto& [member, value] : *state.object()) {
    if (!is_cut(member)) {
      head.append(member, value);
    }
  }
  for (const auto& [member, value] : more) {
    head.set(member, value);
  }
  Pieces pieces{{0, json::write(head)}};
  const std::string_view letters = state.at("items").string_or("");
  const json::Object& nodes = *state.at("nodes").object();
  const json::Object& messages = *state.at("messages").object();
  auto node = nodes.begin();
  auto message = messages.begin();
  const std::vector<BatchItem>& items = batch.order().items;
  for (std::size_t begin = 0; begin < letters.size(); begin += kItemsAPiece) {
    const std::size_t end = std::min(begin + kItemsAPiece, letters.size());
    const std::string_view own = letters.substr(begin, end - begin);
    json::Object its_nodes = take_until(items, begin, end, node, nodes.end());
    json::Object its_messages = take_until(items, begin, end, message, messages.end());
    if (own.find_first_not_of(kWaiting) == std::string_view::npos && its_nodes.empty() &&
        its_messages.empty()) {
      continue;
    }
    pieces.emplace(static_cast<int>(begin / kItemsAPiece) + 1,
                   json::write(json::Object{{"items", own},
                                            {"nodes", std::move(its_nodes)},
                                            {"messages", std::move(its_messages)}}));
  }
  return pieces;
}

Result<JoinedPieces> join_pieces(BatchOrder order, const Pieces& pieces) {
  const std::string id = order.id;
  const std::size_t all = order.items.size();
  const auto head_text = pieces.find(0);
  if (head_text == pieces.end()) {
    return no_pieces(id, "its head is missing");
  }
  const Result<json::Value> head = json::parse(head_text->second);
  if (!head || head->object() == nullptr) {
    return no_pieces(id, "its head is no JSON object");
  }
  std::string letters(all, kWaiting);
  json::Object nodes;
  json::Object messages;
  for (const auto& [number, text] : pieces) {
    if (number == 0) {
      continue;
    }
    const std::size_t begin =
        number > 0 ? static_cast<std::size_t>(number - 1) * kItemsAPiece : all;
    const Result<json::Value> piece = json::parse(text);
    const std::string_view own = piece ? piece->at("items").string_or("") : std::string_view();
    if (begin >= all || own.size() != std::min(kItemsAPiece, all - begin)) {
      return no_pieces(id, fmt::format("piece {} is of other items", number));
    }
    letters.replace(begin, own.size(), own);
    add_all(piece->at("nodes"), nodes);
    add_all(piece->at("messages"), messages);
  }
  json::Object state = *head->object();
  state.set("items", std::move(letters));
  state.set("nodes", std::move(nodes));
  state.set("messages", std::move(messages));
  return JoinedPieces{TRY(Batch::restore(std::move(order), state)), *head->object()};
}

Pieces changed_pieces(const Pieces& before, const Pieces& now) {
  Pieces changed;
  for (const auto& [number, text] : now) {
    const auto was = before.find(number);
    if (was == before.end() || was->second != text) {
      changed.emplace(number, text);
    }
  }
  return changed;
}

}  // namespace drover::dispatch
