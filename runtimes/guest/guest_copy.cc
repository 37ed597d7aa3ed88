// Guests that are made as copies of others.
#include <algorithm>
#include <utility>

#include "agent/system/crash_point.h"
#include "runtimes/copy_source.h"
#include "runtimes/guest/guest_config.h"
#include "runtimes/guest/guest_heritage.h"
#include "runtimes/guest/guest_request.h"
#include "runtimes/guest/guest_runtime.h"

namespace drover::runtimes {
namespace {

constexpr std::string_view kStamp = "drover container ";

/// Told to admins until the copy is taken over, and to whoever looks for what a job has made.
std::string stamp_of_copy(const Container& container) {
  return fmt::format("{}{} job {}", kStamp, container.name.str(), container.job.str());
}

/// As the API has a description, which it ends with a newline.
bool has_stamp(const json::Value& config, const std::string& stamp) {
  std::string_view text = config.at("description").string_or("");
  while (text.ends_with('\n')) {
    text.remove_suffix(1);
  }
  return text == stamp;
}

/// What the copy is to have in place of what it has of its source.
proxmox::Form own_form(const Container& container, const proxmox::GuestRequest& request,
                       const json::Value& config) {
  proxmox::Form form = request.more;
  form.emplace_back("tags", proxmox::join_tags(tags_of(container)));
  const bool managed = runs_program(config);
  for (std::size_t i = 0; i < request.nets.size(); ++i) {
    const std::string& net = request.nets.at(i);
    const bool says_so = net.find("host-managed=") != std::string::npos;
    form.emplace_back("net" + std::to_string(i),
                      managed && !says_so ? net + ",host-managed=1" : net);
  }
  std::string goes = unwanted_keys(config, request.nets.size());
  goes += goes.empty() ? "description" : ",description";
  form.emplace_back("delete", std::move(goes));
  return form;
}

}  // namespace

Result<> GuestRuntime::check_source(const Container& container, const Stop& stop) {
  const CopySource source = TRY(read_copy_source(container.spec.image));
  const proxmox::GuestInfo guest = TRY(guests_.status(*container.source, stop));
  const GuestStamp stamp = stamp_of(guest);
  if (!stamp.ours || stamp.name != source.container.str()) {
    return fail(Code::not_found, "guest {} is not container {} any more", guest.vmid.value,
                source.container.str());
  }
  if (guest.running && source.snapshot.empty()) {
    return fail(Code::conflict,
                "it runs, and Proxmox copies one that runs from a snapshot only: stop it, or take "
                "one and name it, as container:{}@SNAPSHOT",
                source.container.str());
  }
  if (container.spec.command.empty() && container.spec.env.empty()) {
    return {};
  }
  const json::Value config = TRY(client_.get(config_path(guest.vmid), {}, stop));
  return runs_program(config)
             ? Result<>()
             : fail(Code::refused,
                    "it runs its template's own init, and only one of an OCI archive (.tar) can be "
                    "given a program or variables");
}

Result<Vmid> GuestRuntime::copy_source(const Container& container,
                                       const std::vector<proxmox::GuestInfo>& guests,
                                       const Stop& stop, const std::function<void(Vmid)>& trying) {
  const std::string what = "copy " + container.spec.image;
  TRY(check_source(container, stop).context(what));
  const CopySource source = TRY(read_copy_source(container.spec.image));
  const proxmox::CopyRequest request{*container.source, source.snapshot, hostname_of(container),
                                     stamp_of_copy(container)};
  return guests_.copy(request, options_.first, options_.last, guests, stop, trying).context(what);
}

Result<> GuestRuntime::take_over_copy(const Container& container, const Stop& stop) {
  system::crash_point("guest before its tags");
  const proxmox::GuestRequest request = TRY(map_spec(container.spec, options_));
  const proxmox::GuestInfo guest = TRY(find(container, stop));
  const std::string stamp = stamp_of_copy(container);
  const auto change = [&](const json::Value& config) {
    // Without the stamp it was taken over before.
    return Result<proxmox::Form>(has_stamp(config, stamp) ? own_form(container, request, config)
                                                          : proxmox::Form());
  };
  return change_guest(client_, guest.vmid, change, stop)
      .context("make the copy of " + container.spec.image + " what its spec says");
}

Result<bool> GuestRuntime::is_copy_in_making(const proxmox::GuestInfo& guest, const Stop& stop) {
  if (guest.lock == "create") {
    return true;
  }
  const Result<json::Value> config = client_.get(config_path(guest.vmid), {}, stop);
  if (!config && config.error().code != Code::not_found) {
    return Failure(config.error());
  }
  return config && config->at("description").string_or("").starts_with(kStamp);
}

Result<proxmox::GuestInfo> GuestRuntime::find_copy(const Container& container,
                                                   const std::vector<proxmox::GuestInfo>& guests,
                                                   const Stop& stop) {
  const std::string stamp = stamp_of_copy(container);
  for (const proxmox::GuestInfo& guest : guests) {
    if (guest.hostname != hostname_of(container) || guest.vmid < options_.first ||
        options_.last < guest.vmid) {
      continue;
    }
    const Result<json::Value> config = client_.get(config_path(guest.vmid), {}, stop);
    if (!config && config.error().code != Code::not_found) {
      return Failure(config.error());
    }
    if (config && has_stamp(*config, stamp)) {
      return guest;
    }
  }
  return fail(Code::not_found, "there is no {}", label(container));
}

Result<> GuestRuntime::settle_copy(const Container& container, const Stop& stop) {
  const std::string stamp = stamp_of_copy(container);
  const std::optional<Vmid> tried = number_of(container);
  const std::vector<proxmox::GuestInfo> guests = TRY(guests_.list(stop));
  for (const proxmox::GuestInfo& guest : guests) {
    // Its task tells the source only; but Proxmox writes the copy's configuration before.
    if (guest.lock != "create" || guest.vmid < options_.first || options_.last < guest.vmid) {
      continue;
    }
    const Result<json::Value> config = client_.get(config_path(guest.vmid), {}, stop);
    if (!config && config.error().code != Code::not_found) {
      return Failure(config.error());
    }
    // At first there is nothing in it but the lock.
    const bool may_be_it = config && config->at("description").string_or("").empty() &&
                           (!tried || guest.vmid == *tried);
    if (config && (may_be_it || has_stamp(*config, stamp))) {
      return guests_.settle_copies(*container.source, stop);
    }
  }
  return {};
}

}  // namespace drover::runtimes
