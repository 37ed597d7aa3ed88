#include "runtimes/printed_lines.h"

#include <cstddef>
#include <utility>

namespace drover::runtimes {
namespace {

constexpr std::size_t kMostOfALine = 16 * 1024;

}  // namespace

void PrintedLines::add(std::string_view stream, std::string_view chunk, const Take& take) {
  std::string& waiting = stream == "stderr" ? err_ : out_;
  while (!chunk.empty()) {
    const std::size_t end = chunk.find('\n');
    const bool ends = end != std::string_view::npos;
    waiting.append(chunk.substr(0, end));
    chunk.remove_prefix(ends ? end + 1 : chunk.size());
    if (ends || waiting.size() >= kMostOfALine) {
      take(stream, waiting, ends);
      waiting.clear();
    }
  }
}

void PrintedLines::finish(const Take& take) {
  for (const auto& [stream, waiting] : {std::pair("stdout", &out_), std::pair("stderr", &err_)}) {
    if (!waiting->empty()) {
      take(stream, *waiting, false);
      waiting->clear();
    }
  }
}

}  // namespace drover::runtimes
