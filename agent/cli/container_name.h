// Names for containers that were given none.
#pragma once

#include <string>

namespace drover::cli {

/// "calm-otter-3f9a": two words for people and four random digits against two of the same.
std::string generate_name();

}  // namespace drover::cli
