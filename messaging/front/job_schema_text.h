// The text of docs/schema/job.schema.json, built in.
#pragma once

#include <string_view>

namespace drover::messaging {

std::string_view job_schema_text();

}  // namespace drover::messaging
