#include "agent/cli/log_copy.h"

#include <chrono>
#include <cstdio>

#include "agent/cli/log_decoder.h"
#include "agent/core/rfc3339.h"

namespace drover::cli {
namespace {

constexpr std::chrono::seconds kQuiet{5};

void write_line(const LogLine& line, bool times) {
  std::FILE* out = line.is_error ? stderr : stdout;
  if (line.is_error) {
    // Both may go to one file, in the order in which they came.
    std::fflush(stdout);
  }
  if (times && !line.time.empty()) {
    std::fwrite(line.time.data(), 1, line.time.size(), out);
    std::fputc(' ', out);
  }
  std::fwrite(line.text.data(), 1, line.text.size(), out);
  if (line.ends) {
    std::fputc('\n', out);
  }
}

}  // namespace

Result<> copy_log(messaging::Client& client, messaging::Stream& stream, const system::Stop& stop,
                  const LogCopyOptions& options) {
  bool past = false;  // all that comes now was printed later than is wanted
  LogDecoder decoder([&](const LogLine& line) {
    if (options.until_unix_ms && !line.time.empty()) {
      past = unix_ms_from_rfc3339(line.time).value_or(0) > *options.until_unix_ms;
    }
    if (!past) {
      write_line(line, options.times);
    }
  });
  bool complete = false;  // when it was last asked
  for (;;) {
    const Result<std::optional<std::string>> data = stream.next(client.in(kQuiet), stop);
    if (!data && data.error().code == Code::not_found && stream.offset() == 0) {
      return {};
    }
    if (!data) {
      decoder.finish();
      return Failure(data.error());
    }
    if (*data) {
      decoder.feed(**data, stream.raw());
      std::fflush(stdout);
      if (past) {
        return {};
      }
      complete = false;
      continue;
    }
    // Once more after it is complete, for what was on its way meanwhile.
    if (stream.ended() || complete) {
      decoder.finish();
      return {};
    }
    if (options.complete) {
      complete = TRY(options.complete());
    }
  }
}

}  // namespace drover::cli
