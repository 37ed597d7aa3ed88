#include "agent/cli/node_config.h"

#include "agent/system/file.h"

namespace drover::cli {

Result<Config> node_config(const std::string& path) {
  const Result<std::string> text = system::read_file(path, std::size_t{1} << 20);
  if (text) {
    return parse_config(*text).context(path);
  }
  return text.error().code == Code::not_found ? Result<Config>(Config{}) : Failure(text.error());
}

}  // namespace drover::cli
