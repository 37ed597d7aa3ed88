#include "agent/system/boot_id.h"

#include <algorithm>

namespace drover::system {

Result<std::string> boot_id(const Path& file) {
  constexpr std::size_t kUuid = 36;
  std::string text = TRY(read_file(file, kUuid + 1));
  if (text.ends_with('\n')) {
    text.pop_back();
  }
  const bool fits = text.size() == kUuid && std::all_of(text.begin(), text.end(), [](char c) {
                      return c == '-' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
                    });
  if (!fits) {
    return fail(Code::broken, "{} does not hold the id of a boot", file.native());
  }
  return text;
}

}  // namespace drover::system
