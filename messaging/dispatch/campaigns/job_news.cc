#include "messaging/dispatch/campaigns/job_news.h"

#include <string_view>

#include "agent/core/job.h"

namespace drover::dispatch {

std::optional<JobNews> news_of_job(const json::Value& job) {
  JobNews news{std::string(job.at("id").string_or("")), std::string(job.at("state").string_or("")),
               std::string(job.at("error").at("message").string_or(""))};
  if (news.job.empty() || !job_state_from(news.state)) {
    return std::nullopt;
  }
  return news;
}

std::optional<JobNews> news_of_event(const json::Value& event) {
  constexpr std::string_view kJob = "drover.job.";
  const std::string_view type = event.at("type").string_or("");
  if (!type.starts_with(kJob)) {
    return std::nullopt;
  }
  const std::string_view what = type.substr(kJob.size());
  const bool runs = what == "started";
  if (!runs && what != "succeeded" && what != "failed" && what != "cancelled") {
    return std::nullopt;
  }
  JobNews news{std::string(event.at("subject").string_or("")), std::string(runs ? "running" : what),
               std::string(event.at("data").at("error").at("message").string_or(""))};
  return news.job.empty() ? std::nullopt : std::optional(std::move(news));
}

}  // namespace drover::dispatch
