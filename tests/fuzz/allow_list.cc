// An allow list, which root's programs write and droverd reads.
#include "agent/core/allow_list.h"

#include "fuzz_target.h"

using namespace drover;  // NOLINT: a program of one function

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto list = AllowList::parse(fuzz::text_of(data, size));
  if (!list) {
    fuzz::require(list.error().code == Code::invalid, "a bad list is invalid");
    return 0;
  }
  for (const AllowedKey& key : list->keys()) {
    fuzz::require(!key.roles.empty(), "no key without a role");
    fuzz::require(key.name.str() != kLocalSender, "nobody is called as the node's own sockets");
    fuzz::require(list->find(key.key) == &key && list->find(key.name.str()) == &key,
                  "each key is found by both");
  }
  const auto again = AllowList::read(list->to_json());
  fuzz::require(again.has_value() && *again == *list, "what is written is read as it was");
  return 0;
}
