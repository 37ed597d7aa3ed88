#include "agent/cli/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include "agent/cli/text.h"

namespace drover::cli {
namespace {

/// "[3/7] network.attach eth0".
std::string step_text(const Event& event) {
  const json::Value data(event.data);
  const std::int64_t of = data.at("of").integer_or(0);
  const std::int64_t number = data.at("number").integer_or(0);
  const std::string_view subject = data.at("subject").string_or("");
  return printable(fmt::format("[{}{}] {}{}{}", number, of == 0 ? "" : fmt::format("/{}", of),
                               data.at("name").string_or("step"), subject.empty() ? "" : " ",
                               subject));
}

}  // namespace

Progress::Progress(bool quiet, std::FILE* out)
    : quiet_(quiet), live_(isatty(fileno(out)) == 1), out_(out) {}

void Progress::take(const Event& event) {
  if (quiet_ || !event.what.starts_with("step_")) {
    return;
  }
  const std::string text = step_text(event);
  if (event.what == "step_started") {
    finish();
    if (live_) {
      fmt::print(out_, "{} … ", text);
      std::fflush(out_);
      open_ = text;
    }
    return;
  }
  const std::string_view how = std::string_view(event.what).substr(5);
  if (open_ == text) {
    fmt::print(out_, "{}\n", how);
    open_.clear();
  } else {
    finish();
    fmt::print(out_, "{} … {}\n", text, how);
  }
}

void Progress::finish() {
  if (!open_.empty()) {
    fmt::print(out_, "\n");
    open_.clear();
  }
}

}  // namespace drover::cli
