// docs/config.md, docs/policy.md and the sample configuration against the program: both name every
// member there is, and the defaults they tell are the true ones.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "agent/core/config.h"
#include "agent/core/json.h"

namespace drover {
namespace {

std::string text_of(const std::string& name) {
  std::ifstream file(std::string(DROVER_SOURCE_DIR) + "/" + name);
  EXPECT_TRUE(file.good()) << name;
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// The sample with every commented member made real.
std::string uncommented(const std::string& sample) {
  std::istringstream lines(sample);
  std::string text;
  for (std::string line; std::getline(lines, line);) {
    const std::size_t start = line.find_first_not_of(" /");
    // A member's line begins with its name and ends with a comma, or with the brace of a section.
    const std::size_t name_end = line.find("\": ");
    const bool is_member =
        start != std::string::npos && (line.back() == ',' || line.back() == '{' || line == "}") &&
        (line[start] == '}' || line[start] == '{' ||
         (line[start] == '"' && name_end != std::string::npos && name_end > start + 1));
    text += is_member ? line.substr(start) + "\n" : "\n";
  }
  return text;
}

/// "section.member" and its value, as JSON text.
std::map<std::string, std::string> members_of(const json::Value& document) {
  std::map<std::string, std::string> members;
  for (const auto& [section, value] : *document.object()) {
    if (value.object() == nullptr || value.object()->empty()) {
      members.emplace(section, json::write(value));
      continue;
    }
    for (const auto& [key, member] : *value.object()) {
      const std::string name = section + "." + key;
      if (name != "policy.network" && name != "bus.tcp") {
        members.emplace(name, json::write(member));
        continue;
      }
      for (const auto& [inner, of_it] : *member.object()) {
        members.emplace(name + "." + inner, json::write(of_it));
      }
    }
  }
  return members;
}

/// The same out of the tables of a page.
std::map<std::string, std::string> members_of_tables(const std::string& page) {
  std::map<std::string, std::string> members;
  std::istringstream lines(page);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("| `")) {
      continue;
    }
    const std::size_t name_end = line.find('`', 3);
    const std::size_t value = line.find("| ", name_end) + 2;
    std::string otherwise = line.substr(value, line.find(" |", value) - value);
    std::erase(otherwise, '`');
    if (otherwise.starts_with('"') || otherwise.starts_with('[') || otherwise.starts_with('{')) {
      otherwise = json::write(json::parse(otherwise, {}).value());
    }
    members.emplace(line.substr(3, name_end - 3), otherwise);
  }
  return members;
}

std::string both_pages() {
  return text_of("docs/config.md") + text_of("docs/policy.md");
}

TEST(ConfigDocs, TheSampleIsAcceptedAsItIsInstalled) {
  const Result<Config> config = parse_config(text_of("packaging/droverd.json"));
  ASSERT_TRUE(config) << to_text(config.error());
  EXPECT_FALSE(config->proxmox.enabled);
}

TEST(ConfigDocs, TheSampleWithItsCommentsTakenAwayIsAcceptedAndSetsTheDefaults) {
  const std::string text = uncommented(text_of("packaging/droverd.json"));
  const Result<Config> sample = parse_config(text);
  ASSERT_TRUE(sample) << to_text(sample.error()) << "\n" << text;
  const Config otherwise;
  EXPECT_EQ(sample->labels, otherwise.labels);
  EXPECT_EQ(sample->runtime.default_kind, otherwise.runtime.default_kind);
  EXPECT_EQ(sample->runtime.conmon, otherwise.runtime.conmon);
  EXPECT_EQ(sample->runtime.state_folder, otherwise.runtime.state_folder);
  EXPECT_EQ(sample->runtime.run_folder, otherwise.runtime.run_folder);
  EXPECT_EQ(sample->runtime.workers, otherwise.runtime.workers);
  EXPECT_EQ(sample->runtime.log_level, otherwise.runtime.log_level);
  EXPECT_EQ(sample->runtime.systemd_cgroup, otherwise.runtime.systemd_cgroup);
  EXPECT_TRUE(sample->runtime.paths.empty());
  EXPECT_EQ(sample->proxmox.url, otherwise.proxmox.url);
  EXPECT_EQ(sample->proxmox.timeout_s, otherwise.proxmox.timeout_s);
  EXPECT_EQ(sample->proxmox.volume_owner, otherwise.proxmox.volume_owner);
  EXPECT_EQ(sample->proxmox.first_vmid, otherwise.proxmox.first_vmid);
  EXPECT_EQ(sample->proxmox.last_vmid, otherwise.proxmox.last_vmid);
  EXPECT_EQ(sample->proxmox.lxc_path, otherwise.proxmox.lxc_path);
  EXPECT_EQ(sample->proxmox.unit_folder, otherwise.proxmox.unit_folder);
  EXPECT_EQ(sample->proxmox.guest_folder, otherwise.proxmox.guest_folder);
  EXPECT_EQ(sample->storage.default_storage, otherwise.storage.default_storage);
  EXPECT_EQ(sample->storage.guest_storage, otherwise.storage.guest_storage);
  EXPECT_EQ(sample->storage.guest_root_mib, otherwise.storage.guest_root_mib);
  EXPECT_EQ(sample->storage.thin_pool, otherwise.storage.thin_pool);
  EXPECT_EQ(sample->network.default_bridge, otherwise.network.default_bridge);
  EXPECT_EQ(sample->network.plugin_folders, otherwise.network.plugin_folders);
  EXPECT_EQ(sample->container.default_image, otherwise.container.default_image);
  EXPECT_EQ(sample->container.memory_mib, otherwise.container.memory_mib);
  EXPECT_EQ(sample->container.pids, otherwise.container.pids);
  EXPECT_EQ(sample->policy, otherwise.policy);
  EXPECT_EQ(sample->bus.folder, otherwise.bus.folder);
  EXPECT_EQ(sample->bus.front_user, otherwise.bus.front_user);
  EXPECT_EQ(sample->bus.queue, otherwise.bus.queue);
  EXPECT_EQ(sample->bus.queue_mib, otherwise.bus.queue_mib);
  EXPECT_EQ(sample->dispatch.servers, otherwise.dispatch.servers);
  EXPECT_EQ(sample->journal.reserve_mib, otherwise.journal.reserve_mib);
  EXPECT_EQ(sample->log.keep_deleted_s, otherwise.log.keep_deleted_s);
  EXPECT_EQ(sample->log.keep_deleted, otherwise.log.keep_deleted);
  EXPECT_EQ(sample->log.keep_deleted_mib, otherwise.log.keep_deleted_mib);
  EXPECT_EQ(sample->log.guest_mib, otherwise.log.guest_mib);
  EXPECT_EQ(sample->log.max_size_mib, otherwise.log.max_size_mib);
  EXPECT_EQ(sample->log.max_files, otherwise.log.max_files);
}

TEST(ConfigDocs, ThePageAndTheSampleTellTheSame) {
  const Result<json::Value> sample =
      json::parse(uncommented(text_of("packaging/droverd.json")), {.comments = true});
  ASSERT_TRUE(sample) << to_text(sample.error());
  std::map<std::string, std::string> in_sample = members_of(*sample);
  std::map<std::string, std::string> in_page = members_of_tables(both_pages());
  // The sample shows where these files usually are.
  for (const char* path : {"proxmox.token_file", "proxmox.ca_file"}) {
    EXPECT_EQ(in_sample.erase(path), 1U) << path;
    EXPECT_EQ(in_page.erase(path), 1U) << path;
  }
  EXPECT_EQ(in_page, in_sample);
}

// The reader asks for members by literal names; what it asks for is what there is.
TEST(ConfigDocs, EveryMemberThatIsReadIsInThePage) {
  std::string source = text_of("agent/core/config.cc");
  for (const auto& file : std::filesystem::directory_iterator(
           std::filesystem::path(DROVER_SOURCE_DIR) / "agent/core/config")) {
    source += text_of("agent/core/config/" + file.path().filename().native());
  }
  std::set<std::string> told;
  for (const auto& [name, value] : members_of_tables(both_pages())) {
    told.insert(name.substr(name.find('.') + 1));
    told.insert(name.substr(name.rfind('.') + 1));
  }
  std::set<std::string> read;
  for (const std::string_view call :
       {"fields.string(\"", "fields.integer(\"", "fields.boolean(\"", "fields.one_of(\"",
        "fields.each(\"", "fields.number(\"", "read_absolute(fields, \"", "read_folders(fields, \"",
        "read_kind(fields, \"", "fields.strings(\"", "fields.strings_by_key(\"",
        "read_patterns(fields, \""}) {
    for (std::size_t at = source.find(call); at != std::string::npos;
         at = source.find(call, at + 1)) {
      const std::size_t start = at + call.size();
      read.insert(source.substr(start, source.find('"', start) - start));
    }
  }
  EXPECT_GT(read.size(), 25U);
  for (const std::string& member : read) {
    EXPECT_THAT(told, testing::Contains(member));
  }
}

}  // namespace
}  // namespace drover
