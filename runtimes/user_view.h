// The view of a container with users of its own (Container::users): what is mounted for them.
//
// runc, crun and liblxc mount by the power of root inside, who is nobody on the node. So what they
// mount has to be within that one's reach and to belong to it. Layout::container is within nobody's
// reach, and stays so; Layout::view has its root, its volumes, binds and name files once more, with
// owners as they are inside:
//
// - root: an overlay that shows the image's files so (ImageStore::mount_root),
// - volumes and name files: whoever owns a file inside owns it on the disk by the same id, so that
//   containers with other ranges, or with none, see it as theirs,
// - binds: the same but for root, who owns nothing there: what is root's on the node is nobody's
//   inside, and root inside writes and changes nothing of it.
#pragma once

#include "agent/core/result.h"
#include "runtimes/container.h"

namespace drover::runtimes {

/// Pins the container's user namespace at Layout::user_namespace. There already is success.
Result<> make_own_users(const Layout& layout, const ContainerName& name, std::uint32_t first);
/// The first id of the range whose namespace is pinned for this name; 0 for none. For one that
/// nobody has a record of.
std::uint32_t pinned_users(const Layout& layout, const ContainerName& name);
/// Those of all ranges that the name has had. Absent is success.
Result<> remove_own_users(const Layout& layout, const ContainerName& name);

/// Where its programs are given `place`, a path below Layout::container: there, or in its view.
Path seen_at(const Layout& layout, const Container& container, const Path& place);

/// Makes the view, all of whose mounts are there below Layout::container. What is there already is
/// success. `refused`, naming it, for a volume or bind whose file system shows no other owners.
Result<> make_view(const Layout& layout, const Container& container);
/// Mounts in it the root alone, of one whose root was changed, as make_view does; the rest may be
/// there or not.
Result<> show_root(const Layout& layout, const Container& container);
/// Unmounts the root alone. Absent is success; `unavailable` while it is in use.
Result<> hide_root(const Layout& layout, const ContainerName& name);
/// Whether all of it is mounted. Of one without users of its own there is nothing to be.
Result<bool> has_view(const Layout& layout, const Container& container);
/// Absent is success; `unavailable` while something in it is in use.
Result<> remove_view(const Layout& layout, const ContainerName& name);

}  // namespace drover::runtimes
