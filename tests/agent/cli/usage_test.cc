// Wrong use of every command: what it exits with, and that no node is asked for it.
#include <set>

#include "drover_program.h"

namespace drover::cli {
namespace {

struct Wrong {
  std::vector<std::string> line;  ///< the command and its arguments
  std::string told;               ///< part of what is said about it
};

/// Of zmq_curve(7).
constexpr const char* kSomeKey = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID";

/// At least one of an unknown flag, a value that cannot be read and a missing argument for each.
const std::vector<Wrong>& wrong_lines() {
  static const std::vector<Wrong> lines = {
      {{}, "Usage: drover"},
      {{"dance"}, "dance"},
      {{"--nonsense", "ps"}, "--nonsense"},
      {{"run", "--nmae", "x", "--", "sh"}, "--nmae"},
      {{"run", "--runtime", "docker", "--", "sh"}, "--runtime"},
      {{"run", "--rm", "--", "sh"}, "--wait"},
      {{"run", "-i", "-t", "--", "sh"}, "--tty"},
      {{"run", "-t", "--detach-keys", "none", "--", "sh"}, "--detach-keys"},
      {{"run", "--volume", "data", "--", "sh"}, "--volume"},
      {{"run", "--mount", "type=bind,target=/a", "--", "sh"}, "--mount"},
      {{"run", "--mount", "type=cifs,target=/a", "--", "sh"}, "--mount"},
      {{"run", "--tmpfs", "cache", "--", "sh"}, "--tmpfs"},
      {{"run", "--tmpfs", "/a,mode=888", "--", "sh"}, "--mount or --tmpfs number 1, mode"},
      {{"run", "--swap", "much", "--", "sh"}, "--swap"},
      {{"run", "--cpuset", "0-", "--", "sh"}, "--cpuset"},
      {{"run", "--cpu-shares", "1", "--", "sh"}, "--cpu-shares"},
      {{"run", "--cap-add", "NET_ADMIM", "--", "sh"}, "--cap-add"},
      {{"run", "--cap-drop", "net_raw", "--", "sh"}, "--cap-drop"},
      {{"run", "--seccomp", "web.json", "--", "sh"}, "--seccomp"},
      {{"run", "--apparmor", "a b", "--", "sh"}, "--apparmor"},
      {{"run", "--userns", "private", "--", "sh"}, "--userns"},
      {{"run", "--ulimit", "nofile", "--", "sh"}, "--ulimit"},
      {{"run", "--ulimit", "nofile=much", "--", "sh"}, "--ulimit"},
      {{"run", "--sysctl", "kernel.panic=1", "--", "sh"}, "--sysctl"},
      {{"run", "--device", "/dev/a:", "--", "sh"}, "--device"},
      {{"run", "--memory", "much", "--", "sh"}, "--memory"},
      {{"run", "--publish", "80", "--", "sh"}, "--publish"},
      {{"run", "--network", "eth0=vmbr0,ingress=fast", "--", "sh"}, "--network"},
      {{"run", "--dns", "dns.example.org", "--", "sh"}, "--dns"},
      {{"run", "--add-host", "db", "--", "sh"}, "--add-host"},
      {{"run", "--memory", "1", "--", "sh"}, "--memory"},
      {{"run", "--name", "No Name", "--", "sh"}, "No Name"},
      {{"run", "--id", "no id", "--", "sh"}, "no id"},
      {{"run", "--deadline", "soon", "--", "sh"}, "--deadline"},
      {{"create", "--wait", "--", "sh"}, "--wait"},
      {{"create", "--memory", "1", "--", "sh"}, "--memory"},
      {{"exec"}, "NAME is required"},
      {{"exec", "web-1"}, "CMD is required"},
      {{"exec", "--env", "novalue", "web-1", "sh"}, "--env"},
      {{"exec", "No Name", "sh"}, "No Name"},
      {{"exec", "--workdir", "relative", "web-1", "sh"}, "--workdir"},
      {{"exec", "-i", "-t", "web-1", "sh"}, "--tty"},
      {{"exec", "--detach-keys", "shift-a", "web-1", "sh"}, "--detach-keys"},
      {{"attach"}, "NAME is required"},
      {{"attach", "No Name"}, "No Name"},
      {{"attach", "--detach-keys", "ctrl-p,", "web-1"}, "--detach-keys"},
      {{"start"}, "NAME is required"},
      {{"start", "No Name"}, "No Name"},
      {{"stop", "--grace", "soon", "web-1"}, "--grace"},
      {{"stop", "web-1", "No Name"}, "No Name"},
      {{"restart", "--grace", "-1", "web-1"}, "--grace"},
      {{"kill", "-s", "65", "web-1"}, "--signal"},
      {{"kill", "-s", "NONE", "web-1"}, "--signal"},
      {{"pause", "--priority", "101", "web-1"}, "--priority"},
      {{"resume", "--attempts", "0", "web-1"}, "--attempts"},
      {{"checkpoint", "--leave-running"}, "NAME is required"},
      {{"checkpoint", "No Name"}, "No Name"},
      {{"restore"}, "NAME is required"},
      {{"restore", "No Name"}, "No Name"},
      {{"update", "web-1"}, "--memory"},
      {{"upgrade", "web-1"}, "--image"},
      {{"upgrade", "--image", "oci:/a:b", "--rollback", "web-1"}, "--image"},
      {{"upgrade", "--rollback", "--watch", "long", "web-1"}, "--watch"},
      {{"update", "--memory", "much", "web-1"}, "--memory: \"much\" is no size"},
      {{"update", "--memory", "1", "web-1"}, "--memory"},
      {{"update", "--cpus", "0", "web-1"}, "--cpus"},
      {{"update", "--swap", "much", "web-1"}, "--swap: \"much\" is no size"},
      {{"update", "--cpuset", "x", "web-1"}, "--cpuset"},
      {{"update", "--cpu-shares", "1", "web-1"}, "--cpu-shares"},
      {{"update", "--disk", "none", "web-1"}, "--disk: \"none\" is no size"},
      {{"update", "--volume", "data", "web-1"}, "\"data\" is not NAME:SIZE"},
      {{"update", "--volume", "data:x", "web-1"}, "\"x\" is no size"},
      {{"adopt"}, "NAME is required"},
      {{"adopt", "No Name"}, "No Name"},
      {{"adopt", "web-1", "--file", "/no/such/spec.json"}, "--file"},
      {{"migrate", "web-1"}, "--to is required"},
      {{"migrate", "web-1", "--to", "no node"}, "/options/to"},
      {{"migrate", "web-1", "--to", "pve2", "--grace", "5"}, "--grace"},
      {{"backup", "web-1"}, "--storage is required"},
      {{"backup", "--storage", "local", "--mode", "fast", "web-1"}, "--mode"},
      {{"backup", "--storage", "local", "--compress", "rar", "web-1"}, "--compress"},
      {{"snapshot"}, "subcommand"},
      {{"snapshot", "create", "web-1"}, "SNAPSHOT is required"},
      {{"snapshot", "create", "web-1", "1st"}, "SNAPSHOT"},
      {{"snapshot", "rollback", "No Name", "one"}, "No Name"},
      {{"snapshot", "rm", "web-1", "current"}, "SNAPSHOT"},
      {{"snapshot", "ls"}, "NAME is required"},
      {{"snapshot", "ls", "No Name"}, "No Name"},
      {{"rm"}, "NAME is required"},
      {{"ps", "web-1"}, "web-1"},
      {{"inspect"}, "NAME is required"},
      {{"inspect", "No Name"}, "No Name"},
      {{"logs"}, "NAME is required"},
      {{"logs", "No Name"}, "No Name"},
      {{"logs", "--since", "noon", "web-1"}, "noon"},
      {{"logs", "--until", "5", "web-1"}, "5"},
      {{"logs", "--tail", "-1", "web-1"}, "--tail"},
      {{"logs", "-f", "--until", "1h", "web-1"}, "--follow"},
      {{"events", "--after", "soon"}, "--after"},
      {{"events", "--kind", "contaner"}, "--kind"},
      {{"jobs", "-n", "0"}, "--most"},
      {{"jobs", "no id"}, "no id"},
      {{"cancel"}, "ID is required"},
      {{"cancel", "no id"}, "no id"},
      {{"image"}, "subcommand"},
      {{"image", "pull"}, "IMAGE is required"},
      {{"image", "pull", "no image"}, "no image"},
      {{"image", "pull", "--from"}, "--from"},
      {{"image", "rm"}, "IMAGE is required"},
      {{"image", "ls", "--nonsense"}, "--nonsense"},
      {{"image", "prune", "alpine"}, "alpine"},
      {{"image", "push"}, "FILE is required"},
      {{"port-forward", "web"}, "PORT is required"},
      {{"port-forward", "web", "80:"}, "names no ports"},
      {{"port-forward", "web", "99999"}, "names no ports"},
      {{"port-forward", "Web", "80"}, "container name"},
      {{"image", "push", "a.tar", "No Name"}, "pushed:REPOSITORY:TAG"},
      {{"image", "push", "a.tar", "--format", "zip"}, "--format"},
      {{"volume", "create", "--size", "much", "data"}, "--size: \"much\""},
      {{"volume", "create", "No Name"}, "No Name"},
      {{"volume", "resize", "data"}, "SIZE is required"},
      {{"volume", "resize", "data", "much"}, "SIZE: \"much\""},
      {{"volume", "snapshot", "data"}, "SNAPSHOT is required"},
      {{"volume", "snapshot", "data", "No Name"}, "SNAPSHOT"},
      {{"volume", "rm"}, "NAME is required"},
      {{"volume", "ls", "--nonsense"}, "--nonsense"},
      {{"stats", "No Name"}, "No Name"},
      {{"keys"}, "subcommand"},
      {{"keys", "new"}, "FILE is required"},
      {{"keys", "show"}, "FILE is required"},
      {{"keys", "allow", "ci"}, "KEY is required"},
      {{"keys", "allow", "ci", "short", "--role", "submit"}, "KEY: "},
      {{"keys", "allow", "no name", kSomeKey, "--role", "submit"}, "NAME: "},
      {{"keys", "allow", "local", kSomeKey, "--role", "submit"}, "NAME: "},
      {{"keys", "allow", "ci", kSomeKey}, "--role"},
      {{"keys", "allow", "ci", kSomeKey, "--role", "root"}, "--role"},
      {{"keys", "allow", "ci", kSomeKey, "--role", "submit", "--message-kib", "257"},
       "--message-kib"},
      {{"keys", "allow", "ci", kSomeKey, "--role", "submit", "--names", ""}, "--names"},
      {{"keys", "allow", "ci", kSomeKey, "--role", "submit", "--label", "team"}, "--label"},
      {{"keys", "revoke"}, "NAME is required"},
      {{"keys", "list", "--nonsense"}, "--nonsense"},
      {{"keys", "rotate", "--finish", "--cancel"}, "--cancel"},
      {{"secret"}, "subcommand"},
      {{"secret", "create", "../passwd"}, "../passwd"},
      {{"secret", "rm"}, "NAME is required"},
      {{"secret", "ls", "--nonsense"}, "--nonsense"},
      {{"run", "--secret", "db,target=relative"}, "--secret"},
      {{"storage"}, "subcommand"},
      {{"storage", "ls", "--nonsense"}, "--nonsense"},
      {{"network", "ensure", "name-of-16-bytes"}, "name-of-16-bytes"},
      {{"network", "ensure", "--address", "nowhere", "apps"}, "--address"},
      {{"network", "ensure", "--zone", "lab", "--tag", "none", "web"}, "--tag"},
      {{"network", "ensure", "--snat", "web"}, "/options/snat"},
      {{"network", "rm"}, "NAME is required"},
      {{"network", "ls", "--nonsense"}, "--nonsense"},
      {{"network", "links", "bond0"}, "bond0"},
      {{"explain"}, "NAME is required"},
      {{"explain", "No Name"}, "No Name"},
      {{"explain", "--spec", "/no/such/spec.json"}, "--spec"},
      {{"node", "--nonsense"}, "--nonsense"},
      {{"drain", "--deadline", "0"}, "--deadline"},
      {{"drain", "--move", "--stop"}, "--stop"},
      {{"--to", "pve1", "ps"}, "--cluster"},
      {{"--cluster", "--node", "pve1", "ps"}, "--node and --cluster"},
      {{"--cluster", "--to", "a b", "ps"}, "--to"},
      {{"--cluster", "config", "check"}, "files of this machine"},
      {{"--cluster", "events", "--after", "12"}, "NODE=EPOCH:SEQ"},
      {{"run", "--strategy", "spread", "--", "sh"}, "--cluster"},
      {{"run", "--cluster", "--to", "all", "--wait", "--", "sh"}, "--to all"},
      {{"run", "--cluster", "--near", "a b", "--", "sh"}, "--near"},
      {{"run", "--cluster", "--must-near", "--", "sh"}, "--near"},
      {{"nodes", "--nonsense"}, "--nonsense"},
      {{"where"}, "ID is required"},
      {{"plan", "--memory", "much"}, "--memory"},
      {{"batch"}, "subcommand"},
      {{"batch", "run"}, "FILE is required"},
      {{"batch", "ls", "--nonsense"}, "--nonsense"},
      {{"batch", "show"}, "ID is required"},
      {{"batch", "pause"}, "ID is required"},
      {{"batch", "resume"}, "ID is required"},
      {{"batch", "approve"}, "ID is required"},
      {{"batch", "abort"}, "ID is required"},
      {{"undrain", "--nonsense"}, "--nonsense"},
      {{"leaks", "veth1"}, "--collect"},
      {{"config"}, "subcommand"},
      {{"config", "check", "--nonsense"}, "--nonsense"},
      {{"doctor", "--nonsense"}, "--nonsense"},
      {{"journal"}, "subcommand"},
      {{"journal", "check", "--nonsense"}, "--nonsense"},
      {{"version", "--nonsense"}, "--nonsense"},
  };
  return lines;
}

using Usage = DroverProgram;

TEST_F(Usage, WrongUseIs2AndOfWhatExitsAsAProgramDoes125) {
  for (const Wrong& wrong : wrong_lines()) {
    const bool runs_program =
        !wrong.line.empty() && (wrong.line.front() == "run" || wrong.line.front() == "exec" ||
                                wrong.line.front() == "attach");
    std::string line = "drover";
    for (const std::string& word : wrong.line) {
      line += " " + word;
    }
    const system::Output output = drover(wrong.line);
    EXPECT_EQ(output.ending.code, runs_program ? 125 : 2) << line << "\n" << output.err;
    EXPECT_NE(output.err.find(wrong.told), std::string::npos) << line << "\n" << output.err;
    EXPECT_EQ(output.out, "") << line;
  }
  for (const char* kind : {"job.submit", "query.container", "query.job", "query.explain"}) {
    EXPECT_EQ(node_.count(kind), 0U) << kind;
  }
}

TEST_F(Usage, NoCommandIsLeftOut) {
  std::set<std::string> tried;
  for (const Wrong& wrong : wrong_lines()) {
    tried.insert(wrong.line.empty() ? "" : wrong.line.front());
  }
  std::string help = drover({"--help"}).out;
  help.resize(std::min(help.find("Exit status:"), help.size()));
  const std::size_t list = help.find("Subcommands:\n");
  ASSERT_NE(list, std::string::npos) << help;
  std::size_t commands = 0;
  for (std::size_t at = help.find("\n  ", list); at != std::string::npos;
       at = help.find("\n  ", at + 1)) {
    const std::string name = help.substr(at + 3, help.find(' ', at + 3) - at - 3);
    if (!name.empty() && name.front() >= 'a' && name.front() <= 'z') {
      EXPECT_TRUE(tried.contains(name)) << name;
      ++commands;
    }
  }
  EXPECT_GE(commands, 28U);
}

}  // namespace
}  // namespace drover::cli
