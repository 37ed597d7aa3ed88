// The text behind the status code on an answer's first line, where Proxmox puts its error.
#pragma once

#include <string>

namespace drover::pve_sim {

/// What the next answer written by this thread says; "" for the HTTP library's usual words.
void set_reason_phrase(std::string phrase);

}  // namespace drover::pve_sim
