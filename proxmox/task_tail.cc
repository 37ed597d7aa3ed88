#include "proxmox/task_tail.h"

#include <algorithm>
#include <optional>

#include "proxmox/answer.h"

namespace drover::proxmox {
namespace {

using std::chrono::milliseconds;

/// Lines in one answer.
constexpr std::int64_t kMostLines = 50;
/// The part of the time that has passed by which the next look is later.
constexpr int kShare = 50;
/// Longer than anybody waits.
constexpr milliseconds kNever = std::chrono::hours{24 * 365};

/// What Proxmox itself writes there, which tells nothing of the work.
bool is_of_frame(std::string_view line) {
  return line.empty() || line.starts_with("TASK ") || line == "no content";
}

}  // namespace

TaskTail::TaskTail(Client& client, const Upid& upid)
    : client_(client),
      upid_(upid),
      watch_(TaskWatch::current()),
      due_(watch_ == nullptr ? kNever : watch_->every()),
      seen_{.task = upid.type, .line = ""},
      told_(seen_) {}

bool TaskTail::read(std::int64_t first, const Stop& stop) {
  const Result<json::Object> answer = client_.get_whole(
      "/nodes/" + path_segment(upid_.node) + "/tasks/" + path_segment(upid_.str()) + "/log",
      {{"start", std::to_string(first)}, {"limit", std::to_string(kMostLines)}}, stop);
  const json::Value* const data = answer ? answer->find("data") : nullptr;
  if (data == nullptr || data->array() == nullptr) {
    return false;
  }
  const auto count = static_cast<std::int64_t>(data->array()->size());
  const json::Value* const total = answer->find("total");
  next_ = first + count;
  total_ = std::max(next_, total == nullptr ? 0 : total->integer_or(0));
  std::optional<int> percent;
  std::string line;
  for (const json::Value& value : *data->array()) {
    const std::string_view text = value.at("t").string_or("");
    if (!is_of_frame(text)) {
      line = one_line(text);
      const std::optional<int> found = percent_in(line);
      percent = found ? found : percent;
      if (const std::string_view mode = backup_mode_in(line); !mode.empty()) {
        seen_.mode = mode;
      }
    }
  }
  if (!line.empty()) {
    seen_.percent = percent;
    seen_.line = std::move(line);
  }
  return true;
}

void TaskTail::look(milliseconds passed, const Stop& stop) {
  due_ = passed + std::max(watch_->every(), passed / kShare);
  if (!read(next_, stop)) {
    return;
  }
  if (next_ < total_ && !read(std::max(next_, total_ - kMostLines), stop)) {
    return;
  }
  if (seen_ != told_) {
    told_ = seen_;
    watch_->tell(told_);
  }
}

}  // namespace drover::proxmox
