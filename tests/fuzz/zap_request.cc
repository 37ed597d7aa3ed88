// What libzmq asks before it lets a client in: of its frames some are the client's own words. Each
// is given here by a byte with its length, and what follows the last whole one is one more.
#include "messaging/front/zap_request.h"

#include <algorithm>
#include <vector>

#include "fuzz_target.h"
#include "messaging/front/doorkeeper.h"

using namespace drover;  // NOLINT: a program of one function

namespace {

AllowList list_of_one(const PublicKey& key) {
  AllowList list;
  fuzz::require(
      list.add({KeyName::parse("ci").value(), key, {KeyRole::submit}, {}, {}, {}}).has_value(),
      "a list takes any key");
  return list;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text = fuzz::text_of(data, size);
  std::vector<std::string_view> frames;
  while (!text.empty()) {
    const auto length = std::size_t{static_cast<unsigned char>(text.front())};
    text.remove_prefix(1);
    frames.push_back(text.substr(0, length));
    text.remove_prefix(std::min(length, text.size()));
  }
  messaging::Doorkeeper keeper;
  const std::vector<std::string> denial = keeper.answer(frames);
  fuzz::require(denial.size() == 6 && denial[2] == "300", "nobody is let in who is on no list");
  fuzz::require(frames.size() < 2 || denial[1] == frames[1], "an answer says to what");
  const auto request = messaging::read_zap_request(frames);
  if (!request) {
    return 0;
  }
  keeper.allow(list_of_one(request->key));
  const std::vector<std::string> answer = keeper.answer(frames);
  const bool may = request->domain == "observe" || request->domain == "submit";
  fuzz::require(answer[2] == (may ? "200" : "300"), "who comes in has the domain's role");
  fuzz::require(answer[4] == (may ? "ci" : ""), "the user is the key's name");
  return 0;
}
