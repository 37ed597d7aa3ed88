// Form: the parameters of a request, decoded as Proxmox decodes them.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace drover::pve_sim {

/// Each name with every value it was given.
using Form = std::map<std::string, std::vector<std::string>>;

/// Adds the pairs of `text`: '&' and ';' part them, a pair is cut at every '=' and only its first
/// two pieces count, '+' is a blank.
void read_form(std::string_view text, Form& form);

/// The text with %XX resolved.
std::string percent_decode(std::string_view text, bool plus_is_blank);

}  // namespace drover::pve_sim
