// Name files: resolv.conf, hosts and hostname of a container, which the node writes and the
// container has in place of its image's.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtimes/container.h"
#include "runtimes/network/network.h"

namespace drover::runtimes {

/// `node`: the node's own resolv.conf, of which is taken what the job says nothing about. Its
/// resolvers at loopback addresses are left out: inside they are nobody.
std::string resolv_conf_of(const DnsSpec& dns, std::string_view node);
/// Its own name at its own addresses, and what the job adds.
std::string hosts_of(const Container& container, const std::vector<Attachment>& interfaces);

/// Where the container has them; those that one of its volumes or mounts covers are left out.
std::vector<BindMount> name_mounts(const Layout& layout, const Container& container);

/// Writes those that `container.mounts` names, and sees to it that its root has a file of its own
/// to mount each on: a link in the image is not followed but replaced, in the container alone. Its
/// root must be mounted, and nothing run in it. The files stay the same ones: a container that was
/// created has them mounted already, and CRIU does not restore a mount of what is not there any
/// more. `refused` where the image has a folder in the place of one.
Result<> write_name_files(const Layout& layout, const Container& container,
                          const std::vector<Attachment>& interfaces);

}  // namespace drover::runtimes
