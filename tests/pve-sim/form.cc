#include "tests/pve-sim/form.h"

#include <charconv>

namespace drover::pve_sim {

std::string percent_decode(std::string_view text, bool plus_is_blank) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned char byte = 0;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(text.data() + i + 1, text.data() + i + 3, byte, 16).ptr ==
            text.data() + i + 3) {
      out += static_cast<char>(byte);
      i += 2;
    } else {
      out += text[i] == '+' && plus_is_blank ? ' ' : text[i];
    }
  }
  return out;
}

void read_form(std::string_view text, Form& form) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of("&;"), text.size());
    std::string_view pair = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (pair.empty()) {
      continue;
    }
    const std::size_t cut = std::min(pair.find('='), pair.size());
    std::string_view value = pair.substr(std::min(cut + 1, pair.size()));
    value = value.substr(0, value.find('='));
    form[percent_decode(pair.substr(0, cut), true)].push_back(percent_decode(value, true));
  }
}

}  // namespace drover::pve_sim
