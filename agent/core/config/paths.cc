#include "agent/core/config/paths.h"

namespace drover {

path read_absolute(Fields& fields, std::string_view key, const path& otherwise) {
  const path value = fields.string(key, otherwise.native());
  if (!value.empty() && !value.is_absolute()) {
    fields.fault(key, "must be an absolute path");
    return otherwise;
  }
  return value;
}

std::vector<path> read_folders(Fields& fields, std::string_view key, std::vector<path> otherwise) {
  if (!fields.has(key)) {
    fields.any(key);
    return otherwise;
  }
  std::vector<path> folders;
  for (const std::string& text : fields.strings(key)) {
    folders.emplace_back(text);
    if (!folders.back().is_absolute()) {
      fields.fault(key, fmt::format("must hold absolute paths; \"{}\" is none", text));
    }
  }
  return folders;
}

}  // namespace drover
