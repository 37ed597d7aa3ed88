#include "runtimes/network/interfaces_file.h"

#include <glob.h>

#include <algorithm>
#include <deque>

namespace drover::runtimes {
namespace {

/// With those of those: a file that names itself has an end, too.
constexpr std::size_t kMostFiles = 64;
constexpr std::size_t kMostBytes = std::size_t{1} << 20U;
constexpr std::string_view kBlank = " \t\r\v\f";

std::string_view take_line(std::string_view& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

std::string_view take_word(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(kBlank), line.size()));
  const std::string_view word = line.substr(0, line.find_first_of(kBlank));
  line.remove_prefix(word.size());
  return word;
}

/// Those that end the options of an interface before it.
bool begins_stanza(std::string_view word) {
  return word == "mapping" || word == "auto" || word == "source" || word == "source-directory" ||
         word == "rename" || word == "no-auto-down" || word == "no-scripts" || word == "template" ||
         word.starts_with("allow-");
}

std::vector<system::Path> files_like(const system::Path& pattern) {
  glob_t found{};
  std::vector<system::Path> files;
  if (glob(pattern.c_str(), 0, nullptr, &found) == 0) {
    files.assign(found.gl_pathv, found.gl_pathv + std::min(found.gl_pathc, kMostFiles));
  }
  globfree(&found);
  return files;
}

}  // namespace

InterfacesFile parse_interfaces(std::string_view text) {
  InterfacesFile file;
  std::string interface;
  while (!text.empty()) {
    std::string_view line = take_line(text);
    const std::string_view word = take_word(line);
    if (word.empty() || word.starts_with('#')) {
      continue;
    }
    const std::string_view value = take_word(line);
    if (word == "iface") {
      interface = value;
    } else if (begins_stanza(word)) {
      interface.clear();
      if (word.starts_with("source") && !value.empty()) {
        file.sources.push_back(std::string(value) + (word == "source" ? "" : "/*"));
      }
    } else if (word == "bridge-disable-mac-learning" && !interface.empty() && !value.empty()) {
      if (value == "0") {
        file.unlearning.erase(interface);
      } else {
        file.unlearning.insert(interface);
      }
    }
  }
  return file;
}

bool learns_no_addresses(const system::Path& file, const std::string& bridge) {
  std::deque<system::Path> unread{file};
  for (std::size_t read = 0; read < kMostFiles && !unread.empty(); ++read) {
    const system::Path path = std::move(unread.front());
    unread.pop_front();
    const Result<std::string> text = system::read_file(path, kMostBytes);
    const InterfacesFile found = parse_interfaces(text ? *text : "");
    if (found.unlearning.contains(bridge)) {
      return true;
    }
    for (const std::string& source : found.sources) {
      const std::vector<system::Path> files = files_like(path.parent_path() / source);
      unread.insert(unread.end(), files.begin(), files.end());
    }
  }
  return false;
}

}  // namespace drover::runtimes
