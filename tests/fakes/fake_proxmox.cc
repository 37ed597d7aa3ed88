#include "fakes/fake_proxmox.h"

namespace drover::fakes {

FakeProxmox::FakeProxmox(std::filesystem::path folder) : folder_(std::move(folder)) {
  storages["local"];
  storages["local-lvm"].type = "lvmthin";
}

void FakeProxmox::fail_next(std::string request, Error error, bool done) {
  failures_.push_back({std::move(request), std::move(error), done});
}

void FakeProxmox::fail_task(std::string type, std::string status) {
  task_failures_[std::move(type)] = std::move(status);
}

void FakeProxmox::begin_task(const std::string& type, const std::string& id,
                             std::function<void()> deed, const std::string& user) {
  const std::string upid(task(type, id, {}, user).string_or(""));
  tasks_.erase(upid);
  running_.emplace(upid, std::move(deed));
}

Result<json::Value> FakeProxmox::get(const std::string& path, const proxmox::Form& query,
                                     const system::Stop& stop) {
  return serve("GET", path, query, stop);
}

Result<json::Object> FakeProxmox::get_whole(const std::string& path, const proxmox::Form& query,
                                            const system::Stop& stop) {
  json::Value data = TRY(get(path, query, stop));
  return json::Object{{"data", std::move(data)}};
}

Result<json::Value> FakeProxmox::post(const std::string& path, const proxmox::Form& form,
                                      const system::Stop& stop) {
  return serve("POST", path, form, stop);
}

Result<json::Value> FakeProxmox::put(const std::string& path, const proxmox::Form& form,
                                     const system::Stop& stop) {
  return serve("PUT", path, form, stop);
}

Result<json::Value> FakeProxmox::del(const std::string& path, const proxmox::Form& query,
                                     const system::Stop& stop) {
  return serve("DELETE", path, query, stop);
}

Result<json::Value> FakeProxmox::upload(const std::string& path, const proxmox::Form&,
                                        const proxmox::FilePart& file, const system::Stop&) {
  return fail(Code::broken, "the fake does not take {} at {}", file.name, path);
}

Result<json::Value> FakeProxmox::serve(const std::string& method, const std::string& path,
                                       const proxmox::Form& form, const system::Stop& stop) {
  TRY(stop.check(method + " " + path));
  const std::lock_guard lock(mutex_);
  const std::string request = method + " " + decoded(path);
  requests.push_back(request);
  const auto planned = std::find_if(failures_.begin(), failures_.end(), [&](const Planned& plan) {
    return request.starts_with(plan.request);
  });
  if (planned == failures_.end()) {
    return answer(method, parts_of(decoded(path)), Fields(form.begin(), form.end()));
  }
  const Planned plan = *planned;
  failures_.erase(planned);
  if (plan.done) {
    (void)answer(method, parts_of(decoded(path)), Fields(form.begin(), form.end())).has_value();
  }
  return Failure(plan.error);
}

Result<json::Value> FakeProxmox::answer(const std::string& method,
                                        const std::vector<std::string>& at, const Fields& given) {
  if (at.size() >= 3 && at[0] == "nodes" && at[1] == node_) {
    if (at[2] == "storage") {
      return storage_call(method, at, given);
    }
    if (at[2] == "lxc") {
      return guest_call(method, at, given);
    }
    if (at[2] == "tasks" && at.size() == 3 && method == "GET") {
      return given.at("source") == "active" ? running_tasks() : ended_tasks(given);
    }
    if (at[2] == "tasks" && at.size() == 5 && at[4] == "status" && method == "GET") {
      return task_status(at[3]);
    }
    if (at[2] == "tasks" && at.size() == 5 && at[4] == "log") {
      return json::Value(json::Array{json::Object{{"n", 1}, {"t", "TASK " + tasks_[at[3]]}}});
    }
  }
  if (at.size() == 2 && at[0] == "cluster" && at[1] == "nextid") {
    return next_id(given);
  }
  if (at.size() == 2 && at[0] == "cluster" && at[1] == "resources") {
    return guest_list();
  }
  return fail(Code::broken, "the fake has no {} of {} parts below {}", method, at.size(),
              at.empty() ? "/" : at.back());
}

Result<json::Value> FakeProxmox::next_id(const Fields& given) {
  std::uint32_t number = 100;
  if (given.contains("vmid")) {
    number = static_cast<std::uint32_t>(std::stoul(given.at("vmid")));
    if (guests.contains(number)) {
      return fail(Code::invalid, "VM {} already exists", number);
    }
  }
  while (guests.contains(number)) {
    ++number;
  }
  return json::Value(std::to_string(number));
}

json::Value FakeProxmox::ended_tasks(const Fields& given) const {
  json::Array list;
  // They are in the order of their numbers.
  for (auto task = tasks_.rbegin(); task != tasks_.rend(); ++task) {
    const Result<proxmox::Upid> upid = proxmox::Upid::parse(task->first);
    if (upid && upid->id == given.at("vmid")) {
      list.emplace_back(
          json::Object{{"upid", task->first}, {"type", upid->type}, {"status", task->second}});
    }
  }
  return list;
}

json::Value FakeProxmox::running_tasks() const {
  json::Array list;
  for (const auto& [upid, deed] : running_) {
    list.emplace_back(json::Object{{"upid", upid}, {"status", "RUNNING"}});
  }
  return list;
}

Result<json::Value> FakeProxmox::task_status(const std::string& upid) {
  if (const auto running = running_.extract(upid)) {
    running.mapped()();
    tasks_[upid] = "OK";
  }
  const auto task = tasks_.find(upid);
  if (task == tasks_.end()) {
    return fail(Code::invalid, "no such task");
  }
  return json::Value(
      json::Object{{"status", "stopped"}, {"exitstatus", task->second}, {"upid", upid}});
}

json::Value FakeProxmox::task(const std::string& type, const std::string& id,
                              const Result<>& outcome, const std::string& user) {
  // No process has this number, so whoever looks for the task's own finds that it has ended.
  const std::string upid = fmt::format("UPID:{}:7FFFFFFF:{:08X}:6B04BEE7:{}:{}:{}:", node_,
                                       ++task_number_, type, id, user);
  tasks_[upid] = outcome ? "OK" : outcome.error().message;
  return upid;
}

Result<> FakeProxmox::planned_outcome(const std::string& type) {
  const auto planned = task_failures_.extract(type);
  return planned.empty() ? Result<>() : fail(Code::broken, "{}", planned.mapped());
}

Result<json::Value> FakeProxmox::guest_list() const {
  json::Array list;
  for (const auto& [vmid, guest] : guests) {
    list.push_back(status_of(vmid, guest));
  }
  return json::Value(std::move(list));
}

json::Object FakeProxmox::status_of(std::uint32_t vmid, const Guest& guest) const {
  json::Object status{{"vmid", vmid},
                      {"type", "lxc"},
                      {"node", node_},
                      {"status", guest.running ? "running" : "stopped"}};
  for (const auto& [key, shown] :
       {std::pair("hostname", "name"), std::pair("tags", "tags"), std::pair("lock", "lock")}) {
    if (const json::Value* value = guest.config.find(key)) {
      status.set(shown, *value);
    }
  }
  return status;
}

Result<json::Value> FakeProxmox::guest_call(const std::string& method,
                                            const std::vector<std::string>& at,
                                            const Fields& given) {
  if (at.size() == 3) {
    return method == "POST" ? create(given) : guest_list();
  }
  const auto vmid = static_cast<std::uint32_t>(std::stoul(at[3]));
  const auto found = guests.find(vmid);
  if (found == guests.end()) {
    return fail(Code::not_found, "Configuration file 'nodes/{}/lxc/{}.conf' does not exist", node_,
                vmid);
  }
  Guest& guest = found->second;
  if (method == "DELETE") {
    const bool force = given.contains("force") && given.at("force") == "1";
    if (guest.running && !force) {
      return fail(Code::conflict, "unable to destroy CT {} - container is running", vmid);
    }
    guests.erase(found);
    return task("vzdestroy", at[3]);
  }
  if (at.size() == 5 && at[4] == "pending") {
    return json::Value(json::Array());
  }
  if (at.size() == 5 && at[4] == "config") {
    return method == "PUT" ? configure(guest, given) : shown_config(guest);
  }
  if (at.size() == 5 && at[4] == "resize") {
    const std::string disk(guest.config.find(given.at("disk"))->string_or(""));
    guest.config.set(given.at("disk"),
                     disk.substr(0, disk.find(",size=")) + ",size=" + given.at("size"));
    return task("resize", at[3]);
  }
  if (at.size() == 5 && at[4] == "clone") {
    return clone(at[3], guest, given);
  }
  if (at.size() == 6 && at[5] == "current") {
    return json::Value(status_of(vmid, guest));
  }
  if (at.size() == 6 && method == "POST") {
    return change(at[5], at[3], guest);
  }
  return fail(Code::broken, "the fake has no {} of guests", method);
}

Result<json::Value> FakeProxmox::create(const Fields& given) {
  const auto vmid = static_cast<std::uint32_t>(std::stoul(given.at("vmid")));
  if (guests.contains(vmid)) {
    return fail(Code::conflict, "CT {} already exists on node '{}'", vmid, node_);
  }
  Result<> outcome = planned_outcome("vzcreate");
  if (outcome) {
    Guest guest;
    for (const auto& [key, value] : given) {
      if (key != "vmid" && key != "ostemplate") {
        guest.config.set(key, value);
      }
    }
    guest.config.set("digest", next_digest());
    guests[vmid] = std::move(guest);
  }
  return task("vzcreate", given.at("vmid"), outcome);
}

Result<json::Value> FakeProxmox::clone(const std::string& vmid, const Guest& source,
                                       const Fields& given) {
  const auto newid = static_cast<std::uint32_t>(std::stoul(given.at("newid")));
  if (guests.contains(newid)) {
    return fail(Code::conflict, "CT {} already exists on node '{}'", newid, node_);
  }
  Guest copy{source.config};
  copy.config.set("hostname", given.at("hostname"));
  copy.config.set("description", given.at("description") + "\n");
  copy.config.set("digest", next_digest());
  guests[newid] = std::move(copy);
  return task("vzclone", vmid);
}

Result<json::Value> FakeProxmox::configure(Guest& guest, const Fields& given) {
  for (const auto& [key, value] : given) {
    if (key == "digest" && guest.config.find("digest")->string_or("") != value) {
      return fail(Code::conflict, "detected modified configuration - file changed by other user?");
    }
  }
  for (const auto& [key, value] : given) {
    if (key != "delete") {
      guest.config.set(key, value);
      continue;
    }
    std::istringstream names(value);
    for (std::string name; std::getline(names, name, ',');) {
      guest.config.erase(name);
    }
  }
  guest.config.set("digest", next_digest());
  return json::Value();
}

Result<json::Value> FakeProxmox::change(const std::string& verb, const std::string& vmid,
                                        Guest& guest) {
  if (verb == "start" ? guest.running : !guest.running) {
    return fail(Code::conflict, "CT {} {}", vmid,
                guest.running ? "already running" : "not running");
  }
  const Result<> outcome = planned_outcome("vz" + verb);
  if (outcome) {
    guest.running = verb == "start";
  }
  return task("vz" + verb, vmid, outcome);
}

}  // namespace drover::fakes
