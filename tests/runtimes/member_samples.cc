#include "member_samples.h"

#include <fmt/format.h>

namespace drover::runtimes {
namespace {

/// One of an array's elements changed: `rest` are the element's other members.
MemberSample element(const std::string& member, const std::string& pattern, const std::string& rest,
                     const std::string& with, const std::string& without = "") {
  const auto of = [&](const std::string& own) {
    std::string whole = rest;
    whole += !rest.empty() && !own.empty() ? "," : "";
    whole += own;
    std::string text = pattern;
    return text.replace(text.find('@'), 1, whole);
  };
  return {member, of(with), of(without)};
}

void add_volumes(std::vector<MemberSample>& all) {
  const std::string pattern = R"({"volumes":[{@}]})";
  const std::string rest = R"("target":"/data")";
  all.push_back(element("volumes.name", pattern, rest, R"("name":"a")", R"("name":"b")"));
  const std::string named = R"("name":"data")";
  all.push_back(
      element("volumes.target", pattern, named, R"("target":"/data")", R"("target":"/other")"));
  const std::string whole = named + "," + rest;
  all.push_back(element("volumes.from", pattern, whole, R"("from":"standing")"));
  all.push_back(
      element("volumes.storage", pattern, whole, R"("storage":"local")", R"("storage":"other")"));
  all.push_back(element("volumes.size_mib", pattern, whole, R"("size_mib":1024)"));
  all.push_back(element("volumes.read_only", pattern, whole, R"("read_only":true)"));
}

void add_mounts(std::vector<MemberSample>& all) {
  const std::string pattern = R"({"mounts":[{@}]})";
  const std::string bind = R"("type":"bind","source":"/srv/site","target":"/site")";
  const std::string tmpfs = R"("type":"tmpfs","target":"/cache")";
  all.push_back({"mounts.type", R"({"mounts":[{"type":"tmpfs","target":"/site"}]})",
                 R"({"mounts":[{"type":"bind","source":"/srv/site","target":"/site"}]})"});
  all.push_back({"mounts.type", R"({"mounts":[{"type":"tmpfs","target":"/site"}]})", "{}"});
  all.push_back(element("mounts.target", pattern, R"("type":"tmpfs")", R"("target":"/cache")",
                        R"("target":"/other")"));
  all.push_back(element("mounts.source", pattern, R"("type":"bind","target":"/site")",
                        R"("source":"/srv/site")", R"("source":"/srv/other")"));
  all.push_back(element("mounts.read_only", pattern, bind, R"("read_only":true)"));
  all.push_back(element("mounts.size_mib", pattern, tmpfs, R"("size_mib":8)"));
  all.push_back(element("mounts.mode", pattern, tmpfs, R"("mode":"700")"));
}

void add_secrets(std::vector<MemberSample>& all) {
  const std::string pattern = R"({"secrets":[{@}]})";
  const std::string rest = R"("name":"key")";
  all.push_back({"secrets.name", R"({"secrets":[{"name":"key"}]})", "{}"});
  all.push_back(element("secrets.target", pattern, rest, R"("target":"/etc/key")"));
  all.push_back(element("secrets.uid", pattern, rest, R"("uid":7)"));
  all.push_back(element("secrets.gid", pattern, rest, R"("gid":7)"));
  all.push_back(element("secrets.mode", pattern, rest, R"("mode":"400")"));
}

void add_networks(std::vector<MemberSample>& all) {
  const std::string pattern = R"({"networks":[{@}]})";
  const std::string address = R"("address":"192.0.2.10/24")";
  all.push_back(element("networks.interface", pattern, "", R"("interface":"eth7")"));
  all.push_back(element("networks.bridge", pattern, "", R"("bridge":"vmbr7")"));
  all.push_back(element("networks.address", pattern, "", address));
  all.push_back(element("networks.gateway", pattern, address, R"("gateway":"192.0.2.1")"));
  all.push_back(element("networks.vlan", pattern, "", R"("vlan":7)"));
  all.push_back(element("networks.kind", pattern, "", R"("kind":"macvlan","parent":"eno1")"));
  all.push_back(element("networks.parent", pattern, R"("kind":"macvlan")", R"("parent":"eno1")",
                        R"("parent":"eno2")"));
  all.push_back(element("networks.forwarding", pattern, "", R"("forwarding":"open")"));
  const std::string port = R"({"networks":[{"ports":[{@}]}]})";
  const std::string inside = R"("container":80)";
  all.push_back(element("networks.ports.host", port, inside, R"("host":8080)", R"("host":8081)"));
  all.push_back(
      element("networks.ports.container", port, R"("host":8080)", inside, R"("container":81)"));
  const std::string whole = R"("host":8080,"container":80)";
  all.push_back(element("networks.ports.protocol", port, whole, R"("protocol":"udp")"));
  all.push_back(element("networks.ports.address", port, whole, R"("address":"127.0.0.1")"));
  const std::string bandwidth = R"({"networks":[{"bandwidth":{@}}]})";
  for (const std::string direction : {"ingress", "egress"}) {
    const std::string rate = fmt::format(R"("{}_kbit_s":1000)", direction);
    all.push_back(
        element(fmt::format("networks.bandwidth.{}_kbit_s", direction), bandwidth, "", rate));
    all.push_back(element(fmt::format("networks.bandwidth.{}_burst_kbit", direction), bandwidth,
                          rate, fmt::format(R"("{}_burst_kbit":400)", direction)));
  }
}

void add_names(std::vector<MemberSample>& all) {
  all.push_back({"dns.servers", R"({"dns":{"servers":["192.0.2.53"]}})", "{}"});
  all.push_back({"dns.search", R"({"dns":{"search":["example.org"]}})", "{}"});
  all.push_back({"dns.options", R"({"dns":{"options":["ndots:2"]}})", "{}"});
  all.push_back(element("hosts.address", R"({"hosts":[{@}]})", R"("names":["db"])",
                        R"("address":"192.0.2.7")", R"("address":"192.0.2.8")"));
  all.push_back(element("hosts.names", R"({"hosts":[{@}]})", R"("address":"192.0.2.7")",
                        R"("names":["db"])", R"("names":["web"])"));
}

void add_firewall(std::vector<MemberSample>& all) {
  all.push_back({"firewall.policy_in", R"({"firewall":{"policy_in":"DROP"}})", "{}"});
  all.push_back({"firewall.policy_out", R"({"firewall":{"policy_out":"DROP"}})", "{}"});
  const std::string pattern = R"({"firewall":{"rules":[{@}]}})";
  const std::string rule = R"("type":"in","action":"ACCEPT")";
  all.push_back(element("firewall.rules.type", pattern, R"("action":"DROP")", R"("type":"in")",
                        R"("type":"out")"));
  all.push_back(element("firewall.rules.action", pattern, R"("type":"in")", R"("action":"DROP")",
                        R"("action":"ACCEPT")"));
  const std::string tcp = rule + R"(,"proto":"tcp")";
  all.push_back(element("firewall.rules.macro", pattern, rule, R"("macro":"SSH")"));
  all.push_back(element("firewall.rules.proto", pattern, rule, R"("proto":"tcp")"));
  all.push_back(element("firewall.rules.source", pattern, rule, R"("source":"192.0.2.1")"));
  all.push_back(element("firewall.rules.dest", pattern, rule, R"("dest":"192.0.2.1")"));
  all.push_back(element("firewall.rules.sport", pattern, tcp, R"("sport":"22")"));
  all.push_back(element("firewall.rules.dport", pattern, tcp, R"("dport":"22")"));
  all.push_back(element("firewall.rules.iface", pattern, rule, R"("iface":"net0")"));
  all.push_back(element("firewall.rules.comment", pattern, rule, R"("comment":"why")"));
  all.push_back({"firewall.ipsets", R"({"firewall":{"ipsets":{"admins":["192.0.2.1"]}}})", "{}"});
}

void add_resources(std::vector<MemberSample>& all) {
  const auto add = [&all](const std::string& name, const std::string& value) {
    all.push_back(
        {"resources." + name, fmt::format(R"({{"resources":{{"{}":{}}}}})", name, value), "{}"});
  };
  add("memory_mib", "64");
  all.push_back({"resources.swap_mib", R"({"resources":{"memory_mib":64,"swap_mib":32}})",
                 R"({"resources":{"memory_mib":64}})"});
  add("cpus", "0.5");
  add("cpuset", R"("0")");
  add("cpu_shares", "512");
  add("pids", "77");
  const std::string io = R"({"resources":{"io":{"devices":[{@}]}}})";
  all.push_back({"resources.io.weight", R"({"resources":{"io":{"weight":100}}})", "{}"});
  all.push_back(element("resources.io.devices.path", io, R"("read_bps":1048576)",
                        R"("path":"/disk-a")", R"("path":"/disk-b")"));
  const std::string path = R"("path":"/disk-a")";
  for (const char* rate : {"read_bps", "write_bps", "read_iops", "write_iops"}) {
    all.push_back(element(fmt::format("resources.io.devices.{}", rate), io, path,
                          fmt::format(R"("{}":1048576)", rate),
                          fmt::format(R"("{}":2097152)", rate)));
  }
  add("hugetlb_mib", R"({"2MB":64})");
  add("disk_mib", "2048");
}

void add_process_limits(std::vector<MemberSample>& all) {
  const std::string pattern = R"({{"rlimits":{{"{}":{{"soft":{},"hard":{}}}}}}})";
  for (const char* name :
       {"as", "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile",
        "nproc", "rss", "rtprio", "rttime", "sigpending", "stack"}) {
    const auto of = [&](int soft, int hard) {
      return fmt::format(fmt::runtime(pattern), name, soft, hard);
    };
    const std::string member = fmt::format("rlimits.{}", name);
    all.push_back({member + ".soft", of(5, 20), of(6, 20)});
    all.push_back({member + ".hard", of(5, 20), of(5, 21)});
  }
}

void add_confinement(std::vector<MemberSample>& all) {
  all.push_back({"sysctls", R"({"sysctls":{"net.core.somaxconn":"1024"}})", "{}"});
  const std::string devices = R"({"devices":[{@}]})";
  const std::string path = R"("path":"/dev/null")";
  const std::string target = R"("target":"/dev/thing")";
  all.push_back(element("devices.path", devices, target, path, R"("path":"/dev/zero")"));
  all.push_back(element("devices.target", devices, path, target));
  all.push_back(element("devices.permissions", devices, path, R"("permissions":"r")"));
  all.push_back({"capabilities.add", R"({"capabilities":{"add":["NET_ADMIN"]}})", "{}"});
  all.push_back({"capabilities.drop", R"({"capabilities":{"drop":["CHOWN"]}})", "{}"});
  all.push_back({"seccomp", R"({"seccomp":"unconfined"})", "{}"});
  all.push_back({"apparmor", R"({"apparmor":"unconfined"})", "{}"});
  all.push_back({"no_new_privileges", R"({"no_new_privileges":false})", "{}"});
  all.push_back({"user_namespace", R"({"user_namespace":"auto"})", R"({"user_namespace":"host"})"});
}

void add_probes(std::vector<MemberSample>& all) {
  const auto add = [&all](const std::string& member, const std::string& with,
                          const std::string& without) {
    all.push_back({"probes." + member, R"({"probes":[{)" + with + "}]}",
                   R"({"probes":[{)" + without + "}]}"});
  };
  const std::string tcp = R"("name":"a","tcp":{"port":1})";
  add("name", tcp, R"("name":"b","tcp":{"port":1})");
  add("exec.command", R"("name":"a","exec":{"command":["true"]})",
      R"("name":"a","exec":{"command":["false"]})");
  add("http.port", R"("name":"a","http":{"port":1})", R"("name":"a","http":{"port":2})");
  add("http.path", R"("name":"a","http":{"port":1,"path":"/a"})",
      R"("name":"a","http":{"port":1})");
  add("tcp.port", tcp, R"("name":"a","tcp":{"port":2})");
  for (const char* number : {"interval_s", "timeout_s", "failures", "start_period_s"}) {
    add(number, fmt::format(R"({},"{}":7)", tcp, number), tcp);
  }
}

}  // namespace

std::vector<MemberSample> member_samples() {
  std::vector<MemberSample> all = {
      {"runtime", R"({"runtime":"runc"})", R"({"runtime":"crun"})"},
      {"image", R"({"image":"oci:/srv/images:a"})", R"({"image":"oci:/srv/images:b"})"},
      {"image", R"({"image":"local:vztmpl/a.tar"})", R"({"image":"local:vztmpl/b.tar"})"},
      {"rootfs", R"({"rootfs":"/srv/a"})", R"({"rootfs":"/srv/b"})"},
      {"command", R"({"command":["other","-v"]})", "{}"},
      {"args", R"({"args":["--more"]})", "{}"},
      {"env", R"({"env":{"A":"1"}})", "{}"},
      {"cwd", R"({"cwd":"/srv"})", "{}"},
      {"user", R"({"user":"33:34"})", "{}"},
      {"hostname", R"({"hostname":"other"})", "{}"},
      {"stdin", R"({"stdin":true})", "{}"},
      {"terminal", R"({"terminal":true})", "{}"},
  };
  add_volumes(all);
  add_mounts(all);
  add_secrets(all);
  add_networks(all);
  add_names(all);
  add_firewall(all);
  add_resources(all);
  add_process_limits(all);
  add_confinement(all);
  all.push_back({"stop.signal", R"({"stop":{"signal":"INT"}})", "{}"});
  all.push_back({"stop.grace_s", R"({"stop":{"grace_s":3}})", "{}"});
  all.push_back({"restart.policy", R"({"restart":{"policy":"always"}})", "{}"});
  all.push_back({"restart.max_attempts", R"({"restart":{"policy":"always","max_attempts":3}})",
                 R"({"restart":{"policy":"always"}})"});
  all.push_back({"restart.exempt_codes", R"({"restart":{"policy":"always","exempt_codes":[3]}})",
                 R"({"restart":{"policy":"always"}})"});
  add_probes(all);
  all.push_back({"labels", R"({"labels":{"team":"a"}})", "{}"});
  all.push_back({"annotations", R"({"annotations":{"team":"a"}})", "{}"});
  all.push_back({"log.driver", R"({"log":{"driver":"journald"}})", "{}"});
  all.push_back({"log.max_size_mib", R"({"log":{"max_size_mib":8}})", "{}"});
  all.push_back({"log.max_files", R"({"log":{"max_files":3}})", "{}"});
  all.push_back({"singleton", R"({"singleton":true})", "{}"});
  all.push_back({"oci", R"({"oci":{"process":{"oomScoreAdj":100}}})", "{}"});
  return all;
}

}  // namespace drover::runtimes
