#include "runtimes/volumes/require_program.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>

namespace drover::runtimes {

Result<> require_program(std::string_view program, std::string_view package,
                         std::string_view what) {
  // Where it is looked for to be run (execvpe(3)).
  const char* const variable = std::getenv("PATH");
  std::string_view folders = variable == nullptr ? "/bin:/usr/bin" : variable;
  while (!folders.empty()) {
    const std::size_t end = std::min(folders.find(':'), folders.size());
    const std::string file = fmt::format("{}/{}", folders.substr(0, end), program);
    if (access(file.c_str(), X_OK) == 0) {
      return {};
    }
    folders.remove_prefix(std::min(end + 1, folders.size()));
  }
  return fail(Code::refused,
              "{} needs the program {}, which this node does not have: apt install {}", what,
              program, package);
}

}  // namespace drover::runtimes
