#include "agent/cli/keys_edit.h"

#include "agent/cli/exit_code.h"
#include "agent/cli/node_config.h"
#include "agent/system/key_files.h"
#include "agent/system/lock_file.h"

namespace drover::cli {

Result<system::Path> keys_folder_of(const KeysOptions& options) {
  const Config config = TRY(node_config(options.config));
  return config.bus.keys;
}

Result<int> ended_by_keys(Result<int> ended) {
  if (!ended) {
    print_error(ended.error());
    return kFailed;
  }
  return ended;
}

Result<> with_keys_folder(const system::Path& folder, const std::function<Result<>()>& change) {
  TRY(system::make_folders(folder, 0700));
  TRY(system::check_keys_folder(folder));
  const system::UniqueFd lock = TRY(system::lock_file(folder / ".lock"));
  return change();
}

Result<> edit_allow_list(const system::Path& folder,
                         const std::function<Result<>(AllowList&)>& edit) {
  const system::Path file = folder / system::kAllowList;
  return with_keys_folder(folder, [&]() -> Result<> {
    AllowList list = TRY(system::read_allow_list(file));
    TRY(edit(list));
    return system::write_atomically(file, json::write_pretty(list.to_json()) + "\n", 0600);
  });
}

}  // namespace drover::cli
