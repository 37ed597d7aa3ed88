#include "agent/cli/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
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

/// "12 %: INFO: ...".
std::string how_far(const json::Value& data) {
  const std::int64_t percent = data.at("percent").integer_or(-1);
  return printable((percent < 0 ? "" : fmt::format("{} %: ", percent)) +
                   std::string(data.at("line").string_or("")));
}

/// The line of a step from its begin once more, and nothing behind.
std::string again(const std::string& text) {
  return fmt::format("\r\x1b[K{} … ", text);
}

/// At most that many bytes, and no half of a character.
std::string cut(std::string text, std::size_t most) {
  if (text.size() > most) {
    while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0U) == 0x80) {
      --most;
    }
    text.resize(most);
  }
  return text;
}

std::size_t columns(int terminal) {
  constexpr std::size_t kUsual = 80;
  winsize size{};
  return ioctl(terminal, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : kUsual;
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
  if (event.what == "progress") {
    take_progress(data);
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
    fmt::print(out_, "{}{}\n", covered_ ? again(text) : "", how);
    open_.clear();
    covered_ = false;
  } else {
    finish();
    fmt::print(out_, "{} … {}\n", text, how);
  }
}

void Progress::take_progress(const json::Value& data) {
  const std::string text = step_text(data);
  const std::string how = how_far(data);
  if (!live_) {
    fmt::print(out_, "{} … {}\n", text, how);
    return;
  }
  if (open_ != text) {
    finish();
  }
  // In place of what stood there before, so it must not be longer than the line.
  const std::size_t taken = text.size() + 4;
  const std::size_t width = columns(fileno(out_));
  fmt::print(out_, "{}{}", again(text), cut(how, width > taken ? width - taken : 0));
  std::fflush(out_);
  open_ = text;
  covered_ = true;
}

void Progress::finish() {
  if (!open_.empty()) {
    fmt::print(out_, "\n");
    open_.clear();
    covered_ = false;
  }
}

}  // namespace drover::cli
