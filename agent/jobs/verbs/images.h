// What the journal knows of images: their names, and which containers have them below their roots.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "agent/jobs/journal/journal.h"
#include "agent/jobs/node.h"
#include "agent/jobs/work.h"
#include "runtimes/images/image_store.h"

namespace drover::jobs {

/// Whether an image of a registry, an archive or a template that has the name here is looked after
/// there.
enum class Freshness { as_it_is_here, as_it_is_there };

/// The image of the name, unpacked. A template of a storage of Proxmox (STORAGE:vztmpl/FILE) has
/// the name of its file here. A layout or any other file must lie in a folder that jobs may name
/// (allowed_folders.h): it is held open, so that no link put in its place meanwhile is followed.
/// While one is fetched the job gives its place among the workers to another.
Result<runtimes::Image> ensure_image(Work& work, const Node& node, const std::string& reference,
                                     Freshness freshness);

/// ImageStore::fetch, whose progress the job tells.
Result<runtimes::Image> fetch_image(Work& work, const Node& node, const std::string& name,
                                    system::UniqueFd file);

/// An image by the name that it has here, which is a file's where a job has named a template of a
/// storage of Proxmox.
struct NamedHere {
  std::string name;
  bool is_of_storage = false;
};
/// `not_found` for a template that its storage does not have. Asks Proxmox about one.
Result<NamedHere> name_here(const Node& node, const std::string& reference,
                            const system::Stop& stop);

/// Names of containers by the digests of the images below their roots, former ones that they can be
/// put back to included. Loop's thread.
Result<std::map<std::string, std::vector<std::string>>> image_users(Journal& journal,
                                                                    const runtimes::Layout& layout);

/// Writes that `image` is here by its name, and tells so when that is new. `also` is written in the
/// same transaction.
Result<ImageRow> name_image(Work& work, const runtimes::Image& image,
                            const std::function<Result<>(Journal&)>& also = {});

/// Writes that this job has made an image, and that `job` has removed one; both are told.
Result<> write_pulled(Books& books, const ImageRow& row);
Result<> write_removed(Books& books, const ImageRow& row, const std::string& job);

}  // namespace drover::jobs
