#include "proxmox/sdn.h"

#include <algorithm>
#include <utility>

#include "agent/core/split.h"
#include "proxmox/answer.h"

namespace drover::proxmox {
namespace {

constexpr const char* kSdn = "/cluster/sdn";

std::string text_in(const json::Object& section, std::string_view key) {
  const json::Value* found = section.find(key);
  return found == nullptr ? "" : std::string(found->string_or(""));
}

bool flag_in(const json::Object& section, std::string_view key) {
  const json::Value* found = section.find(key);
  return found != nullptr && found->boolean_or(false);
}

/// An element of a list that was asked for with "pending": what is applied, and below "pending"
/// what will be otherwise.
SdnSection section_from(const json::Value& element, std::string_view key) {
  SdnSection section{.id = std::string(element.at(key).string_or(""))};
  const std::string_view state = element.at("state").string_or("");
  json::Object applied;
  if (const json::Object* members = element.object()) {
    for (const auto& [name, value] : *members) {
      if (name != "state" && name != "pending" && name != "digest") {
        applied.append(name, value);
      }
    }
  }
  json::Object written = applied;
  if (const json::Object* pending = element.at("pending").object()) {
    for (const auto& [name, value] : *pending) {
      if (value.string_or("") == "deleted") {
        written.erase(name);
      } else {
        written.set(name, value);
      }
    }
    section.pending = true;
  }
  section.pending = section.pending || !state.empty();
  if (state != "new") {
    section.applied = std::move(applied);
  }
  if (state != "deleted") {
    section.written = std::move(written);
  }
  return section;
}

}  // namespace

std::vector<SdnSection> sections_from(const json::Array& list, std::string_view key) {
  std::vector<SdnSection> sections;
  for (const json::Value& element : list) {
    sections.push_back(section_from(element, key));
  }
  return sections;
}

bool SdnZone::is_on(const std::string& node) const {
  return nodes.empty() || std::find(nodes.begin(), nodes.end(), node) != nodes.end();
}

SdnZone zone_from(const std::string& name, const json::Object& section) {
  return {name, text_in(section, "type"), text_in(section, "ipam"),
          !text_in(section, "dhcp").empty(), split(text_in(section, "nodes"), ",")};
}

SdnVnet vnet_from(const std::string& name, const json::Object& section) {
  const json::Value* tag = section.find("tag");
  return {name, text_in(section, "zone"), tag == nullptr ? 0 : tag->integer_or(0),
          flag_in(section, "vlanaware"), text_in(section, "alias")};
}

SdnSubnet subnet_from(const std::string& id, const json::Object& section) {
  const std::size_t first = id.find('-');
  const std::size_t last = id.rfind('-');
  SdnSubnet subnet{.id = id,
                   .cidr = {},
                   .gateway = text_in(section, "gateway"),
                   .snat = flag_in(section, "snat")};
  if (first != last) {
    subnet.cidr = id.substr(first + 1, last - first - 1) + "/" + id.substr(last + 1);
  }
  return subnet;
}

Result<json::Array> Sdn::list(const std::string& path, const Form& query, const Stop& stop) {
  return list_of(client_.get(kSdn + path, query, stop), "read the cluster's SDN");
}

Result<std::vector<SdnSection>> Sdn::zones(const Stop& stop) {
  const json::Array all = TRY(list("/zones", {{"pending", "1"}}, stop));
  return sections_from(all, "zone");
}

Result<std::vector<SdnSection>> Sdn::vnets(const Stop& stop) {
  const json::Array all = TRY(list("/vnets", {{"pending", "1"}}, stop));
  return sections_from(all, "vnet");
}

Result<std::vector<SdnSection>> Sdn::subnets(const std::string& vnet, const Stop& stop) {
  const json::Array all =
      TRY(list("/vnets/" + path_segment(vnet) + "/subnets", {{"pending", "1"}}, stop));
  return sections_from(all, "subnet");
}

Result<std::vector<std::string>> Sdn::other_changes(const Stop& stop) {
  std::vector<std::string> changes;
  const auto note = [&](const json::Value& element, const std::string& kind, const char* key) {
    if (element.find("state") != nullptr || element.find("pending") != nullptr) {
      changes.push_back(kind + " " + std::string(element.at(key).string_or("?")));
    }
  };
  const json::Array controllers = TRY(list("/controllers", {{"pending", "1"}}, stop));
  for (const json::Value& controller : controllers) {
    note(controller, "controller", "controller");
  }
  // Proxmox looks at them neither when it gives its lock, and applies them with all the rest.
  const Result<json::Value> fabrics =
      client_.get("/cluster/sdn/fabrics/all", {{"pending", "1"}}, stop);
  if (!fabrics) {
    // Proxmox VE 8 has none; no other method of these is missing there.
    return lacks_method(fabrics.error()) ? Result<std::vector<std::string>>(std::move(changes))
                                         : Failure(fabrics.error());
  }
  for (const char* kind : {"fabrics", "nodes"}) {
    if (const json::Array* all = fabrics->at(kind).array()) {
      for (const json::Value& element : *all) {
        note(element, std::string(kind) == "nodes" ? "fabric node" : "fabric", "id");
      }
    }
  }
  return changes;
}

Result<std::vector<SdnZone>> Sdn::applied_zones(const Stop& stop) {
  const json::Array all = TRY(list("/zones", {{"running", "1"}}, stop));
  std::vector<SdnZone> zones;
  for (const json::Value& element : all) {
    if (const json::Object* section = element.object()) {
      zones.push_back(zone_from(std::string(element.at("zone").string_or("")), *section));
    }
  }
  return zones;
}

Result<std::optional<SdnVnet>> Sdn::applied_vnet(const std::string& name, const Stop& stop) {
  const json::Array all = TRY(list("/vnets", {{"running", "1"}}, stop));
  for (const json::Value& element : all) {
    if (element.object() != nullptr && element.at("vnet").string_or("") == name) {
      return std::optional(vnet_from(name, *element.object()));
    }
  }
  return std::optional<SdnVnet>();
}

Result<std::vector<SdnSubnet>> Sdn::applied_subnets(const std::string& vnet, const Stop& stop) {
  const json::Array all =
      TRY(list("/vnets/" + path_segment(vnet) + "/subnets", {{"running", "1"}}, stop));
  std::vector<SdnSubnet> subnets;
  for (const json::Value& element : all) {
    if (const json::Object* section = element.object()) {
      subnets.push_back(subnet_from(std::string(element.at("subnet").string_or("")), *section));
    }
  }
  return subnets;
}

}  // namespace drover::proxmox
