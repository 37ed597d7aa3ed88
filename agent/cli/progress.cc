#include "agent/cli/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include "agent/cli/text.h"
#include "agent/core/verb.h"

namespace drover::cli {
namespace {

/// "network.attach eth0".
std::string step_name(const json::Value& data) {
  const std::string_view subject = data.at("subject").string_or("");
  return printable(fmt::format("{}{}{}", data.at("name").string_or("step"),
                               subject.empty() ? "" : " ", subject));
}

/// "[3/7] network.attach eth0".
std::string step_text(const json::Value& data) {
  const std::int64_t of = data.at("of").integer_or(0);
  return fmt::format("[{}{}] {}", data.at("number").integer_or(0),
                     of == 0 ? "" : fmt::format("/{}", of), step_name(data));
}

/// What the job begins to wait for; "" for nothing. For a worker it seldom waits long.
std::string awaited(const Event& event) {
  const json::Value data(event.data);
  const std::string_view thing = event.what == "waiting"    ? data.at("for").string_or("")
                                 : event.what == "accepted" ? data.at("waits_for").string_or("")
                                                            : "";
  return thing == "a worker" ? "" : printable(thing);
}

}  // namespace

Progress::Progress(bool quiet, std::FILE* out)
    : quiet_(quiet), live_(isatty(fileno(out)) == 1), out_(out) {}

void Progress::take(const Event& event) {
  const json::Value data(event.data);
  if (event.what == "started") {
    verb_ = data.at("verb").string_or("");
  }
  if (quiet_) {
    return;
  }
  if (const std::string thing = awaited(event); !thing.empty()) {
    finish();
    fmt::print(out_, "waits for {}\n", thing);
    return;
  }
  if (!event.what.starts_with("step_")) {
    return;
  }
  if (event.what == "step_undone") {
    if (data.at("name").string_or("") == "container.check") {
      return;  // it has only looked: there was nothing to take back
    }
    // It has the number it had when it was done, by another job even: no place in this one's row.
    finish();
    fmt::print(out_, "{} … {}\n", step_name(data),
               verb_ == to_string(Verb::container_delete) ? "removed" : "taken back");
    return;
  }
  const std::string text = step_text(data);
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
