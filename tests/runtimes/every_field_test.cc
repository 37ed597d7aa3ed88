// No member of a spec is dropped in silence: on each runtime it changes what the runtime is given,
// or is refused by its name, or somebody else sees to it, who is named here. The members are those
// of docs/schema/job.schema.json, so that a new one cannot be forgotten.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cstring>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "fakes/fake_clock.h"
#include "fakes/fake_proxmox.h"
#include "fakes/temp_folder.h"
#include "member_samples.h"
#include "oci/oci_schema.h"
#include "runtimes/guest/guest_program.h"
#include "runtimes/guest/guest_request.h"
#include "runtimes/guest/guest_runtime.h"
#include "runtimes/guest/guest_tags.h"
#include "runtimes/lxc/lxc_config.h"
#include "runtimes/lxc/lxc_runtime.h"
#include "runtimes/oci/bundle.h"
#include "runtimes/oci/oci_runtime.h"

namespace drover::runtimes {
namespace {

/// Not in what a runtime is given: whoever sees to it, and where that is tested. A member stands
/// for all below it.
const std::map<std::string, std::string>& seen_to_elsewhere() {
  static const std::map<std::string, std::string> members = {
      {"runtime", "decides who is asked: agent/jobs/verbs_test"},
      {"stop", "the verbs stop by it: agent/jobs/verbs_test, oci_runtime_test"},
      {"restart", "the agent starts it again: agent/jobs/keeper_test"},
      {"probes", "the agent asks them: agent/jobs/prober_test"},
      {"labels", "drover inspect shows them: agent/jobs/verbs_test"},
  };
  return members;
}

/// The same of runc, crun and LXC, for which the agent provisions.
const std::map<std::string, std::string>& provisioned() {
  static const std::map<std::string, std::string> members = {
      {"image", "becomes the root: images_test, agent/jobs/verbs_test"},
      {"rootfs", "becomes the root: agent/jobs/verbs_test"},
      {"volumes", "are made and become Container::mounts: volumes_test, agent/jobs/verbs_test"},
      {"networks", "are in the network namespace: networks_test, forwarding_test"},
      {"dns", "is in a file that stands in its root: name_files_test"},
      {"singleton", "is claimed before each start: agent/jobs/singletons_test"},
      {"hosts", "are in a file that stands in its root: name_files_test"},
      {"log.max_size_mib", "bounds its log: agent/jobs/log_turner_test, lxc_runtime_test"},
      {"log.max_files", "bounds its log: agent/jobs/log_turner_test, lxc_runtime_test"},
      {"stdin", "is given by its monitor: conformance/own_input_test"},
      {"mounts.source", "is opened and becomes one of Container::mounts: bind_sources_test"},
      {"secrets.uid", "is of the file that is laid out: secret_files_test"},
      {"secrets.gid", "is of the file that is laid out: secret_files_test"},
      {"secrets.mode", "is of the file that is laid out: secret_files_test"},
      {"mounts.read_only", "holds where that is mounted: bind_sources_test"},
  };
  return members;
}

/// The same of guests of Proxmox.
const std::map<std::string, std::string>& of_guests() {
  static const std::map<std::string, std::string> members = {
      {"firewall", "is the API's own for its guest: proxmox/guest_firewall_test"},
      {"volumes.name", "is the agent's own word for a disk: guest_disks_test"},
      {"user_namespace", "auto is what each guest has: AGuestHasUsersOfItsOwn"},
  };
  return members;
}

bool stands_in(const std::map<std::string, std::string>& members, const std::string& member) {
  for (std::size_t end = member.find('.');; end = member.find('.', end + 1)) {
    if (members.contains(member.substr(0, end))) {
      return true;
    }
    if (end == std::string::npos) {
      return false;
    }
  }
}

json::Value schema() {
  std::ifstream file(std::string(DROVER_SOURCE_DIR) + "/docs/schema/job.schema.json");
  std::stringstream text;
  text << file.rdbuf();
  return json::parse(text.str()).value();
}

/// Every member below `node`, with dots between, that has none below itself.
void add_members(const json::Value& whole, const json::Value& node, const std::string& name,
                 std::set<std::string>& members) {
  if (const std::string* reference = node.at("$ref").string()) {
    constexpr std::string_view kDefinitions = "#/definitions/";
    add_members(whole, whole.at("definitions").at(reference->substr(kDefinitions.size())), name,
                members);
    return;
  }
  if (node.at("items").object() != nullptr) {
    std::set<std::string> inner;
    add_members(whole, node.at("items"), name, inner);
    members.insert(inner.begin(), inner.end());
    return;
  }
  if (node.at("properties").object() == nullptr) {
    members.insert(name);
    return;
  }
  for (const auto& [key, value] : *node.at("properties").object()) {
    add_members(whole, value, name.empty() ? key : name + "." + key, members);
  }
}

class EveryFieldTest : public testing::TestWithParam<RuntimeKind> {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(folder_ / "rootfs/etc");
    std::filesystem::create_directories(folder_ / "proxmox");
    for (const unsigned minor : {0U, 1U}) {
      const Path disk = folder_ / (minor == 0 ? "disk-a" : "disk-b");
      ASSERT_EQ(mknod(disk.c_str(), S_IFBLK | 0600, makedev(7, minor)), 0) << std::strerror(errno);
    }
    oci_.kind = GetParam();
    oci_.seccomp_profile = folder_ / "seccomp.json";
    std::ofstream(oci_.seccomp_profile) << R"({"defaultAction":"SCMP_ACT_ALLOW"})";
  }

  /// A small spec with these members in place of its own.
  ContainerSpec spec_of(const std::string& members) const {
    const bool guest = GetParam() == RuntimeKind::pve_lxc;
    json::Value document =
        json::parse(guest ? R"({"image":"local:vztmpl/web.tar","command":["serve"]})"
                          : R"({"rootfs":"/srv/root","command":["serve"]})")
            .value();
    // Disks that no machine is known to have.
    std::string here = members;
    for (std::size_t at = 0; (at = here.find("/disk-", at)) != std::string::npos; at += 6) {
      here.insert(at, folder_.path().native());
      at += folder_.path().native().size();
    }
    const json::Value given = json::parse(here).value();
    for (const auto& [key, value] : *given.object()) {
      document.object()->set(key, value);
      if (key == "image") {
        document.object()->erase("rootfs");
        document.object()->erase("command");
      } else if (key == "rootfs") {
        document.object()->erase("image");
      }
    }
    Faults faults;
    ContainerSpec spec = read_container_spec(document, "", faults);
    EXPECT_TRUE(faults.empty()) << members << ": " << faults.take().front().message;
    return spec;
  }

  Result<> accepts(const ContainerSpec& spec) {
    switch (GetParam()) {
      case RuntimeKind::runc:
      case RuntimeKind::crun:
        return OciRuntime(Layout(), oci_).accepts(spec);
      case RuntimeKind::lxc:
        return LxcRuntime(Layout(), LxcOptions{{}, 0, 0, {}, {}, oci_.seccomp_profile})
            .accepts(spec);
      case RuntimeKind::pve_lxc:
        return guests_.accepts(spec);
    }
    return {};
  }

  Result<Preview> guest_preview(const ContainerSpec& spec) {
    return guests_.preview(container_of(spec));
  }

  /// All that the runtime is told of it, as text.
  Result<std::string> given(const ContainerSpec& spec) {
    if (GetParam() == RuntimeKind::pve_lxc) {
      return given_to_proxmox(spec);
    }
    const Container container = container_of(spec);
    BundleOptions options;
    options.apparmor = true;
    options.secrets = Layout().laid_out_secrets();
    options.seccomp_profile = oci_.seccomp_profile;
    const Spec bundle = TRY(make_spec(container, options));
    EXPECT_EQ(schema_faults(bundle.document()), "");
    if (GetParam() != RuntimeKind::lxc) {
      return bundle.emit();
    }
    // LXC reads its own configuration; drover-lxc of the bundle the program, its variables, its
    // folder, what is to be mounted, devices and settings of the kernel (monitor.cc,
    // prepare_root.cc).
    std::string text = TRY(make_lxc_config(container, bundle, "/usr/lib/drover/drover-lxc", "/x"));
    for (const char* member : {"args", "env", "cwd"}) {
      text += json::write(bundle.document().at("process").at(member));
    }
    for (const char* member : {"devices", "sysctl", "maskedPaths", "readonlyPaths"}) {
      text += json::write(bundle.document().at("linux").at(member));
    }
    for (const json::Value& mount : *bundle.document().at("mounts").array()) {
      const std::string_view type = mount.at("type").string_or("");
      text += type == "bind" || type == "tmpfs" ? json::write(mount) : "";
    }
    return text;
  }

 private:
  /// With the binds as the agent provisions them (agent/jobs/verbs/provision.cc).
  Container container_of(const ContainerSpec& spec) const {
    Container container{ContainerName::parse("web-1").value(),
                        JobId::parse("job-1").value(),
                        GetParam(),
                        spec,
                        {{"entry"}, {"image-word"}, {}, "", "", ""},
                        folder_ / "rootfs",
                        {},
                        {},
                        std::nullopt};
    for (const MountSpec& mount : spec.mounts) {
      if (mount.kind == MountSpec::Kind::bind) {
        container.mounts.push_back({mount.source, mount.target, mount.read_only});
      }
    }
    return container;
  }
  Result<std::string> given_to_proxmox(const ContainerSpec& spec) {
    const proxmox::GuestRequest request = TRY(map_spec(spec, guest_options_));
    std::string text = request.template_volume + "\n" + request.rootfs + "\n" +
                       hostname_of(container_of(spec)) + "\n";
    for (const std::vector<std::string>& list : {request.nets, request.mount_points}) {
      for (const std::string& one : list) {
        text += one + "\n";
      }
    }
    proxmox::Form form = TRY(program_form(spec, json::Value(json::Object())));
    form.insert(form.end(), request.more.begin(), request.more.end());
    for (const auto& [key, value] : form) {
      text += key + "=" + value + "\n";
    }
    return text;
  }

  fakes::TempFolder folder_;
  OciOptions oci_;
  GuestOptions guest_options_{"local",         512,     Vmid{5000}, Vmid{5002},
                              folder_ / "lxc", "vmbr0", "local"};
  fakes::FakeProxmox api_{folder_ / "proxmox"};
  fakes::FakeClock clock_;
  GuestRuntime guests_{api_, clock_, guest_options_};
};

/// Whether a refusal tells which member it is about: the whole name, or what it stands below, of a
/// mount its type.
bool names(const std::string& message, const std::string& member) {
  if (member.starts_with("mounts.")) {
    return message.find("mounts.") != std::string::npos;
  }
  for (std::string name = member; !name.empty();) {
    if (message.find(name) != std::string::npos && name != "resources") {
      return true;
    }
    const std::size_t dot = name.rfind('.');
    name = dot == std::string::npos ? "" : name.substr(0, dot);
  }
  return false;
}

TEST(EveryField, TheSchemaHasASampleOfEachAndNoOther) {
  const json::Value whole = schema();
  std::set<std::string> members;
  add_members(whole, whole.at("definitions").at("spec"), "", members);
  EXPECT_GT(members.size(), 100U);
  std::set<std::string> sampled;
  for (const MemberSample& sample : member_samples()) {
    sampled.insert(sample.member);
  }
  EXPECT_EQ(sampled, members);
}

TEST_P(EveryFieldTest, ChangesSomethingOrIsRefusedByName) {
  for (const MemberSample& sample : member_samples()) {
    SCOPED_TRACE(sample.member + " of " + std::string(to_string(GetParam())));
    const ContainerSpec with = spec_of(sample.with);
    const ContainerSpec without = spec_of(sample.without);
    EXPECT_FALSE(with == without) << "the sample shows nothing";
    const auto accepted = accepts(with);
    if (!accepted) {
      EXPECT_EQ(accepted.error().code, Code::refused);
      EXPECT_TRUE(names(accepted.error().message, sample.member)) << accepted.error().message;
      continue;
    }
    const bool guest = GetParam() == RuntimeKind::pve_lxc;
    if (stands_in(seen_to_elsewhere(), sample.member) ||
        stands_in(guest ? of_guests() : provisioned(), sample.member)) {
      continue;
    }
    const auto changed = given(with);
    ASSERT_TRUE(changed) << to_text(changed.error());
    const auto unchanged = given(without);
    ASSERT_TRUE(unchanged) << to_text(unchanged.error());
    EXPECT_NE(*changed, *unchanged) << "is dropped in silence";
  }
}

// So that the test above cannot be passed by refusing everything.
TEST_P(EveryFieldTest, TheSmallSpecIsAccepted) {
  const auto accepted = accepts(spec_of("{}"));
  EXPECT_TRUE(accepted) << to_text(accepted.error());
  EXPECT_TRUE(given(spec_of("{}")));
}

/// What docs/container-spec.md says in the runtime's column, by member: "yes", "no" or "in part".
std::map<std::string, std::string> told(RuntimeKind kind) {
  const std::size_t column = kind == RuntimeKind::lxc ? 3 : kind == RuntimeKind::pve_lxc ? 4 : 2;
  std::ifstream file(std::string(DROVER_SOURCE_DIR) + "/docs/container-spec.md");
  std::map<std::string, std::string> told;
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("| `")) {
      continue;
    }
    std::vector<std::string> cells;
    for (std::size_t at = 2; at < line.size();) {
      const std::size_t end = std::min(line.find(" |", at), line.size());
      cells.push_back(line.substr(at, end - at));
      at = end + 3;
    }
    if (cells.size() == 5) {
      told[cells.front().substr(1, cells.front().size() - 2)] = cells.at(column);
    }
  }
  return told;
}

TEST_P(EveryFieldTest, ThePageTellsWhichRuntimeDoesIt) {
  const std::map<std::string, std::string> page = told(GetParam());
  EXPECT_EQ(page.size(), 29U);
  for (const MemberSample& sample : member_samples()) {
    const bool is_bind = sample.with.find("\"bind\"") != std::string::npos;
    const std::string member = sample.member.starts_with("mounts.")
                                   ? std::string(is_bind ? "mounts.bind" : "mounts.tmpfs")
                                   : sample.member;
    for (const auto& [name, does] : page) {
      if ((member == name || member.starts_with(name + ".")) && does != "in part") {
        EXPECT_EQ(accepts(spec_of(sample.with)) ? "yes" : "no", does)
            << sample.member << " of " << to_string(GetParam());
      }
    }
  }
}

class GuestFieldTest : public EveryFieldTest {};

TEST_P(GuestFieldTest, AGuestHasUsersOfItsOwn) {
  const ContainerSpec own = spec_of(R"({"user_namespace":"auto"})");
  EXPECT_TRUE(accepts(own));
  EXPECT_THAT(given(own).value(), testing::HasSubstr("unprivileged=1"));
  const auto accepted = accepts(spec_of(R"({"user_namespace":"host"})"));
  ASSERT_FALSE(accepted);
  EXPECT_EQ(accepted.error().code, Code::refused);
  EXPECT_THAT(accepted.error().message, testing::HasSubstr("user_namespace"));
}

TEST_P(GuestFieldTest, ItsPreviewIsTheFormThatProxmoxWouldGet) {
  const auto preview = guest_preview(spec_of(R"({"resources":{"memory_mib":64},"env":{"A":"b"}})"));
  ASSERT_TRUE(preview) << to_text(preview.error());
  EXPECT_EQ(preview->content.at("ostemplate").string_or(""), "local:vztmpl/web.tar");
  EXPECT_EQ(preview->content.at("hostname").string_or(""), "web-1");
  EXPECT_EQ(preview->content.at("memory").string_or(""), "64");
  EXPECT_THAT(json::write(preview->content), testing::HasSubstr("A=b"));
  EXPECT_EQ(preview->content.find("vmid"), nullptr) << "nobody knows its number yet";
}

INSTANTIATE_TEST_SUITE_P(Guests, GuestFieldTest, testing::Values(RuntimeKind::pve_lxc));

INSTANTIATE_TEST_SUITE_P(All, EveryFieldTest,
                         testing::Values(RuntimeKind::runc, RuntimeKind::crun, RuntimeKind::lxc,
                                         RuntimeKind::pve_lxc),
                         [](const testing::TestParamInfo<RuntimeKind>& one) {
                           return one.param == RuntimeKind::pve_lxc
                                      ? std::string("pve_lxc")
                                      : std::string(to_string(one.param));
                         });

}  // namespace
}  // namespace drover::runtimes
