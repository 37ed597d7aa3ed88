// An answer of etcd's gateway: a status in two bytes, and the body.
#include "messaging/etcd/etcd_answer.h"

#include "agent/core/utf8.h"
#include "fuzz_target.h"
#include "messaging/etcd/base64.h"

using namespace drover;  // NOLINT: a program of one function

namespace {

void check(const Error& error) {
  const std::string& message = error.message;
  fuzz::require(message.starts_with("ask"), "an error says what was asked");
  fuzz::require(message.find('\n') == std::string::npos, "an error is one line");
  fuzz::require(message.size() < 10'000, "an error has a bound");
  fuzz::require(repair_utf8(message) == message, "an error is UTF-8");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) {
    return 0;
  }
  etcd::HttpAnswer answer;
  answer.status = 100 + (data[0] << 8U | data[1]) % 500;
  answer.body = fuzz::text_of(data + 2, size - 2);
  for (const auto& read :
       {etcd::read_answer(answer, "ask"), etcd::read_first_answer(answer, "ask")}) {
    if (!read) {
      check(read.error());
      continue;
    }
    fuzz::require(answer.status == 200 && !etcd::wants_login(answer), "only a success has a body");
    if (const auto range = etcd::read_range(*read, "ask")) {
      for (const etcd::KeyValue& item : range->items) {
        fuzz::require(!item.key.empty() && item.lease >= 0, "an item is whole");
        fuzz::require(etcd::from_base64(etcd::to_base64(item.value)) == item.value,
                      "bytes are bytes");
      }
    } else {
      check(range.error());
    }
    if (const auto done = etcd::read_transaction(*read, "ask"); !done) {
      check(done.error());
    }
    if (const auto lease = etcd::read_lease(*read, "ask"); !lease) {
      check(lease.error());
    }
    if (const auto token = etcd::read_token(*read, "ask")) {
      fuzz::require(token->find_first_of("\r\n ") == std::string::npos, "a token is one word");
    } else {
      check(token.error());
    }
  }
  return 0;
}
