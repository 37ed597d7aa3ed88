// Reservations: who has which address of a bridge, as files of the CNI plugin host-local.
//
// The plugin keeps one file for each address that it gives out, named as the address. Addresses
// that jobs choose are kept in the same folders and under the same lock: so neither is ever the
// other's.
#pragma once

#include <string>
#include <string_view>

#include "agent/core/result.h"
#include "agent/system/file.h"

namespace drover::runtimes {

/// Whose an address is.
struct AddressHolder {
  std::string container;
  std::string interface;  ///< "" in files of plugins before 0.8
  bool operator==(const AddressHolder&) const = default;
};

/// What such a file's text says; no container for what is none of ours.
AddressHolder holder_of(std::string_view text);
/// The same of a file; no container for one that cannot be read.
AddressHolder holder_at(const system::Path& file);

/// Writes it down in the bridge's folder, which is made when missing. What the holder has already
/// is success; `conflict`, naming who has it, otherwise. `address` is as address_of writes it.
Result<> reserve_address(const system::Path& folder, const std::string& address,
                         const AddressHolder& holder);
/// Gives it back if it is that holder's; of one without an interface, whichever of the container's
/// has it. Absent is success.
Result<> free_address(const system::Path& file, const AddressHolder& holder);

}  // namespace drover::runtimes
