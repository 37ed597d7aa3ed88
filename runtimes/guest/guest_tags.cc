#include "runtimes/guest/guest_tags.h"

#include <string_view>

namespace drover::runtimes {
namespace {

constexpr std::string_view kOurs = "drover";
constexpr std::string_view kJob = "job-";
constexpr std::string_view kName = "name-";

std::string folded(std::string_view id) {
  std::string text;
  for (const char c : id) {
    if (c >= 'A' && c <= 'Z') {
      text += '+';
      text += static_cast<char>(c - 'A' + 'a');
    } else {
      text += c;
    }
  }
  return text;
}

std::string unfolded(std::string_view tag) {
  std::string id;
  bool capital = false;
  for (const char c : tag) {
    if (c == '+') {
      capital = true;
      continue;
    }
    id += capital && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    capital = false;
  }
  return id;
}

}  // namespace

std::string hostname_of(const Container& container) {
  return container.spec.hostname.empty() ? container.name.str() : container.spec.hostname;
}

std::vector<std::string> tags_of(const Container& container) {
  std::vector<std::string> tags{std::string(kOurs),
                                std::string(kJob) + folded(container.job.str())};
  if (hostname_of(container) != container.name.str()) {
    tags.push_back(std::string(kName) + container.name.str());
  }
  return tags;
}

GuestStamp stamp_of(const proxmox::GuestInfo& guest) {
  GuestStamp stamp;
  stamp.name = guest.hostname;
  for (const std::string& tag : guest.tags) {
    const std::string_view text = tag;
    if (text == kOurs) {
      stamp.ours = true;
    } else if (text.starts_with(kJob)) {
      stamp.job = unfolded(text.substr(kJob.size()));
    } else if (text.starts_with(kName)) {
      stamp.name = text.substr(kName.size());
    } else if (text == kStartedTag) {
      stamp.started = true;
    }
  }
  if (!stamp.ours) {
    return GuestStamp{false, guest.hostname, "", false};
  }
  return stamp;
}

}  // namespace drover::runtimes
