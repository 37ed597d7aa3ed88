#include "agent/cli/batch_file.h"

#include "agent/core/job.h"
#include "agent/system/file.h"
#include "messaging/dispatch/batch_order.h"
#include "messaging/dispatch/needs_of_spec.h"

namespace drover::cli {
namespace {

constexpr std::size_t kMostBytesOfBatch = std::size_t{16} << 20;

/// What the file says of one job, apart: the job itself, and where it goes.
struct BatchEntry {
  json::Object job{};
  std::string node{};
  json::Value needs{};
};

BatchEntry entry_of(const json::Value& value, const std::string& batch, std::size_t number) {
  BatchEntry entry;
  if (const json::Object* members = value.object()) {
    for (const auto& [key, member] : *members) {
      if (key == "node") {
        entry.node = member.string_or("");
      } else if (key == "needs") {
        entry.needs = member;
      } else {
        entry.job.set(key, member);
      }
    }
  }
  if (entry.job.find("id") == nullptr) {
    entry.job.set("id", fmt::format("{}-{}", batch, number));
  }
  return entry;
}

void add_faults(const Error& error, const std::string& at, Faults& faults,
                const json::Value& value) {
  if (error.faults.empty()) {
    faults.add(at, error.message, &value);
  }
  for (const Fault& fault : error.faults) {
    faults.add(at + fault.pointer, fault.message, &value);
  }
}

}  // namespace

Result<json::Object> read_batch(std::string_view text, const std::string& file) {
  const json::Value document =
      TRY(json::parse(text, {.comments = true, .max_bytes = kMostBytesOfBatch}).context(file));
  Faults faults(text);
  json::Object order;
  if (const json::Object* members = document.object()) {
    for (const auto& [key, member] : *members) {
      if (key != "jobs") {
        order.set(key, member);
      }
    }
  }
  const std::string id(document.at("id").string_or(""));
  json::Array items;
  json::Array jobs;
  json::Array needs;
  Fields fields(document, "", faults);
  fields.require("jobs");
  fields.each("jobs", dispatch::kMostBatchItems, [&](const json::Value& value, std::string at) {
    BatchEntry entry = entry_of(value, id, items.size() + 1);
    const Result<JobRequest> job = read_job(entry.job);
    if (!job) {
      add_faults(job.error(), at, faults, value);
    }
    if (entry.needs.is_null()) {
      const bool is_placed = entry.node.empty() && job && job->spec;
      entry.needs = is_placed ? to_json(dispatch::needs_of(*job->spec)) : json::Object();
    } else if (const auto read = dispatch::read_job_needs(entry.needs); !read) {
      add_faults(read.error(), at, faults, value);
    }
    json::Object item{{"job", *entry.job.find("id")}};
    if (!entry.node.empty()) {
      item.set("node", entry.node);
    }
    items.emplace_back(std::move(item));
    jobs.emplace_back(std::move(entry.job));
    needs.emplace_back(std::move(entry.needs));
  });
  TRY(faults.result(file + " is no batch"));
  order.set("items", std::move(items));
  TRY(dispatch::read_batch_order(order).context(file));
  return json::Object{
      {"order", std::move(order)}, {"jobs", std::move(jobs)}, {"needs", std::move(needs)}};
}

Result<json::Object> read_batch_file(const std::string& file) {
  const std::string text = TRY(system::read_file(file, kMostBytesOfBatch));
  return read_batch(text, file);
}

}  // namespace drover::cli
