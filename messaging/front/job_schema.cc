#include "messaging/front/job_schema.h"

#include <rapidjson/document.h>

#include <stdexcept>
#include <string>
#include <utility>
#include <valijson/adapters/rapidjson_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>
#include <vector>

#include "agent/core/job.h"
#include "agent/core/json.h"
#include "messaging/front/job_schema_text.h"
#include "messaging/record.h"

namespace drover::messaging {
namespace {

constexpr std::size_t kMostFaults = 100;

/// As droverd reads it: deeper is nobody's honest job.
constexpr json::ParseOptions kOptions{false, 32, kMostBody};

/// "<root>", "[spec]", "[volumes]", "[0]" as the validator tells a place.
std::string pointer_of(const std::vector<std::string>& context) {
  std::string pointer;
  for (const std::string& part : context) {
    if (part.size() > 2 && part.front() == '[') {
      pointer = json::pointer_join(pointer, std::string_view(part).substr(1, part.size() - 2));
    }
  }
  return pointer;
}

}  // namespace

struct JobSchema::Loaded {
  valijson::Schema schema;
};

JobSchema::JobSchema() : loaded_(std::make_unique<Loaded>()) {
  rapidjson::Document document;
  const std::string text(job_schema_text());
  document.Parse(text.c_str());
  if (document.HasParseError()) {
    throw std::logic_error("the job schema that was built in is no JSON");
  }
  valijson::SchemaParser parser;
  parser.populateSchema(valijson::adapters::RapidJsonAdapter(document), loaded_->schema);
}

JobSchema::~JobSchema() = default;

Result<> JobSchema::check(std::string_view body) const {
  // First by our own parser: it bounds the depth and refuses keys that stand twice.
  const json::Value value = TRY(json::parse(body, kOptions).context("read the job"));
  rapidjson::Document document;
  document.Parse(body.data(), body.size());
  valijson::Validator validator;
  valijson::ValidationResults results;
  if (validator.validate(loaded_->schema, valijson::adapters::RapidJsonAdapter(document),
                         &results)) {
    return {};
  }
  // Where our reader objects too its faults are better to read: they name lines and near misses.
  if (Result<JobRequest> read = read_job(value); !read) {
    return Failure(std::move(read).error());
  }
  std::vector<Fault> faults;
  valijson::ValidationResults::Error error;
  while (results.popError(error) && faults.size() < kMostFaults) {
    // One fault is told again for each level above it.
    if (!error.description.starts_with("Failed to validate against")) {
      faults.push_back({pointer_of(error.context), error.description, 0});
    }
  }
  return Failure(Error{Code::invalid, "the job is not accepted: it does not fit its schema",
                       std::move(faults)});
}

}  // namespace drover::messaging
