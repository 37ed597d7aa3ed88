// local_inventory: volumes that are told by their names in the agent's own folder.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtimes/volumes/volume.h"

namespace drover::runtimes {

/// What stands in `folder` as a volume of `storage`: called CONTAINER.VOLUME.JOB with `ending`
/// behind it, and a file where volumes of that storage are files, else a folder. Everything else is
/// left out. A folder that does not exist holds none.
Result<std::vector<FoundVolume>> local_inventory(const Path& folder, const std::string& storage,
                                                 std::filesystem::file_type type,
                                                 std::string_view ending);

}  // namespace drover::runtimes
