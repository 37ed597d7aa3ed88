#include "agent/cli/spec_file.h"

#include "agent/system/file.h"

namespace drover::cli {

Result<ContainerSpec> read_spec_file(const std::string& file) {
  const std::string text = TRY(system::read_file(file, std::size_t{1} << 20));
  const json::Value value = TRY(json::parse(text, {.comments = true}).context(file));
  Faults faults(text);
  ContainerSpec spec = read_container_spec(value, "", faults);
  TRY(faults.result(file + " is no container spec"));
  return spec;
}

}  // namespace drover::cli
