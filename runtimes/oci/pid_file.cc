#include "runtimes/oci/pid_file.h"

#include <charconv>

namespace drover::runtimes {

pid_t pid_in(const system::Path& file) {
  const Result<std::string> text = system::read_file(file);
  pid_t pid = 0;
  const bool read =
      text && std::from_chars(text->data(), text->data() + text->size(), pid).ec == std::errc();
  return read && pid > 0 ? pid : 0;
}

}  // namespace drover::runtimes
