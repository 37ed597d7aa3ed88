#include "agent/cli/container_name.h"

#include <fmt/format.h>

#include <array>
#include <random>

namespace drover::cli {
namespace {

constexpr std::array<const char*, 16> kManners = {
    "brave", "brisk", "calm",  "clear", "eager", "fair",  "gentle", "keen",
    "mild",  "neat",  "proud", "quick", "quiet", "sharp", "swift",  "warm"};
constexpr std::array<const char*, 16> kAnimals = {
    "badger", "crane", "falcon", "finch", "goat",  "hare",  "heron", "horse",
    "lynx",   "otter", "owl",    "raven", "robin", "stork", "trout", "wolf"};

}  // namespace

std::string generate_name() {
  std::random_device random;
  const unsigned bits = random();
  return fmt::format("{}-{}-{:04x}", kManners.at(bits & 15), kAnimals.at((bits >> 4) & 15),
                     (bits >> 8) & 0xffff);
}

}  // namespace drover::cli
