#include "tests/pve-sim/reason_phrase.h"

#include <utility>

namespace {
thread_local std::string reason;

const char* phrase() {
  return reason.empty() ? "OK" : reason.c_str();
}
}  // namespace

// cpp-httplib knows fixed phrases only, asked of a function that its shared library exports; a
// definition in the program takes its place (ELF symbol interposition). It stands in `detail` up to
// 0.13 and in the namespace itself after that.
namespace httplib {
const char* status_message(int status);
const char* status_message(int) {
  return phrase();
}
namespace detail {
const char* status_message(int status);
const char* status_message(int) {
  return phrase();
}
}  // namespace detail
}  // namespace httplib

namespace drover::pve_sim {
void set_reason_phrase(std::string text) {
  reason = std::move(text);
}
}  // namespace drover::pve_sim
