#include "proxmox/network_changes.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <utility>

namespace drover::proxmox {
namespace {

/// "" stands for lines whose interface is not told.
using Stanzas = std::map<std::string, std::multiset<std::string>>;

/// The next word, which is taken off `line`; "" at its end.
std::string_view take_word(std::string_view& line) {
  const std::size_t start = std::min(line.find_first_not_of(" \t\r"), line.size());
  line.remove_prefix(start);
  const std::string_view word = line.substr(0, line.find_first_of(" \t\r"));
  line.remove_prefix(word.size());
  return word;
}

/// What one side of a hunk says, line by line.
class Side {
 public:
  void add(std::string_view line) {
    std::string words;
    std::string_view rest = line;
    const std::string_view first = take_word(rest);
    // Behind an interface a comment is its own; above all of them it is the heading, which changes
    // with Proxmox's versions.
    if (first.empty() || (first.front() == '#' && interface_.empty())) {
      return;
    }
    for (std::string_view word = first; !word.empty(); word = take_word(rest)) {
      (words += ' ') += word;
    }
    rest = line.substr(line.find(first) + first.size());
    if (first == "iface") {
      interface_ = take_word(rest);
    } else if (first == "auto" || first.starts_with("allow-")) {
      interface_.clear();
      for (std::string_view name = take_word(rest); !name.empty(); name = take_word(rest)) {
        stanzas_[std::string(name)].emplace(first);
      }
      return;
    } else if (first == "source" || first == "source-directory" || first == "mapping") {
      interface_.clear();
    }
    stanzas_[interface_].insert(std::move(words));
  }

  const Stanzas& stanzas() const { return stanzas_; }

 private:
  std::string interface_;  // whose stanza the next line is in
  Stanzas stanzas_;
};

/// Whether a stanza is known to begin there.
bool begins(const Stanzas& stanzas, const std::string& interface) {
  const auto found = stanzas.find(interface);
  return found != stanzas.end() &&
         std::any_of(found->second.begin(), found->second.end(),
                     [](const std::string& line) { return line.starts_with(" iface "); });
}

/// Names of one that the other has not, or has otherwise.
void compare(const Stanzas& one, const Stanzas& other, NetworkChanges& changes) {
  for (const auto& [interface, lines] : one) {
    const auto same = other.find(interface);
    if (same != other.end() && same->second == lines) {
      continue;
    }
    if (interface.empty()) {
      changes.beyond = true;
    } else {
      changes.interfaces.insert(interface);
    }
  }
}

void compare(const Side& before, const Side& after, NetworkChanges& changes) {
  compare(before.stanzas(), after.stanzas(), changes);
  compare(after.stanzas(), before.stanzas(), changes);
  for (const auto& [interface, lines] : after.stanzas()) {
    if (begins(after.stanzas(), interface) && !begins(before.stanzas(), interface)) {
      changes.come.insert(interface);
    }
  }
}

}  // namespace

bool NetworkChanges::only(const std::string& interface) const {
  return !beyond && (interfaces.empty() || interfaces == std::set{interface});
}

std::string NetworkChanges::str() const {
  std::string text = fmt::format("{}", fmt::join(interfaces, ", "));
  if (beyond) {
    text += text.empty() ? "lines of no interface" : " and lines of no interface";
  }
  return text;
}

NetworkChanges read_network_changes(std::string_view diff) {
  NetworkChanges changes;
  Side before;
  Side after;
  bool in_hunk = false;
  while (!diff.empty()) {
    const std::string_view line = diff.substr(0, diff.find('\n'));
    diff.remove_prefix(std::min(line.size() + 1, diff.size()));
    if (line.starts_with("@@")) {
      compare(before, after, changes);
      before = Side();
      after = Side();
      in_hunk = true;
    } else if (in_hunk && !line.empty()) {
      const char mark = line.front();
      if (mark == ' ' || mark == '-') {
        before.add(line.substr(1));
      }
      if (mark == ' ' || mark == '+') {
        after.add(line.substr(1));
      }
    } else if (!in_hunk && !line.empty() && !line.starts_with("--- ") &&
               !line.starts_with("+++ ")) {
      changes.beyond = true;  // not the kind of text that is known
    }
  }
  compare(before, after, changes);
  return changes;
}

}  // namespace drover::proxmox
