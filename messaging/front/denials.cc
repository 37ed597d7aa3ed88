#include "messaging/front/denials.h"

#include <chrono>

namespace drover::messaging {
namespace {

constexpr std::chrono::seconds kBetweenAny{1};
constexpr std::chrono::minutes kBetweenSame{1};

}  // namespace

std::optional<KeyDenial> Denials::note(KeyDenial denial, system::Instant now) {
  if (last_ && now - *last_ < kBetweenAny) {
    ++untold_;
    return std::nullopt;
  }
  std::erase_if(told_, [&](const auto& one) { return now - one.second >= kBetweenSame; });
  if (!told_.try_emplace({denial.key, denial.address}, now).second) {
    ++untold_;
    return std::nullopt;
  }
  last_ = now;
  denial.untold = std::exchange(untold_, 0);
  return denial;
}

}  // namespace drover::messaging
