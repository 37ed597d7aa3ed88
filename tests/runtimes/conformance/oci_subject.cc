// runc and crun, each container under conmon; and the root that all subjects run.
#include "oci_node.h"
#include "subject.h"

namespace drover::runtimes {
namespace {

class OciSubject final : public Subject {
 public:
  explicit OciSubject(RuntimeKind kind) : node_(kind) {
    node_.options.exec_program = DROVER_EXEC;
    node_.runtime = std::make_unique<OciRuntime>(node_.layout, node_.options);
    std::filesystem::remove_all(node_.rootfs);
    make_conformance_root(node_.rootfs);
  }
  Runtime& runtime() override { return *node_.runtime; }
  std::unique_ptr<Runtime> next_agents() override {
    return std::make_unique<OciRuntime>(node_.layout, node_.options);
  }
  const Layout& layout() const override { return node_.layout; }
  Container container(const std::vector<std::string>& command) override {
    return node_.container(command);
  }
  void clear(const Container& /*container*/) override {}
  std::string log(const Container& container) override { return node_.log(container); }
  std::vector<std::string> left_of(const Container& container) override {
    std::vector<std::string> left = OciNode::processes_of(container);
    for (const Path& group : OciNode::cgroups_of(container)) {
      left.push_back(group);
    }
    return left;
  }

 private:
  OciNode node_;
};

}  // namespace

std::unique_ptr<Subject> make_oci_subject(RuntimeKind kind) {
  return std::make_unique<OciSubject>(kind);
}

void make_conformance_root(const system::Path& root) {
  make_root(root);
  std::filesystem::create_directories(root / "srv/here");
  for (const char* applet : {"printf", "tr", "mkdir", "env", "stty", "test", "wc"}) {
    std::filesystem::create_symlink("busybox", root / "bin" / applet);
  }
  // Files, because no guest of Proxmox can be given a word with both kinds of quotes in it.
  std::ofstream(root / "bin/words")
      << "#!/bin/sh\nfor word; do printf '<%s>\\n' \"$word\"; done\nprintf '[%s]\\n' \"$WORD\"\n";
  // Lines of a number and 1000 letters.
  std::ofstream(root / "bin/flood")
      << "#!/bin/sh\npad=$(head -c 1000 /dev/zero | tr '\\0' x)\nnumber=0\n"
         "while [ $number -lt $1 ]; do echo $number $pad; number=$((number + 1)); done\n";
  for (const char* script : {"words", "flood"}) {
    std::filesystem::permissions(root / "bin" / script, std::filesystem::perms(0755));
  }
}

std::string text_of_log(std::string_view log) {
  std::string text;
  while (!log.empty()) {
    const std::string_view line = log.substr(0, log.find('\n'));
    log.remove_prefix(std::min(line.size() + 1, log.size()));
    // TIME STREAM TAG TEXT
    const std::size_t stream = line.find(' ');
    const std::size_t tag = line.find(' ', stream + 1);
    if (stream == std::string_view::npos || tag == std::string_view::npos ||
        tag + 3 > line.size()) {
      continue;
    }
    text += line.substr(tag + 3);
    if (line[tag + 1] == 'F') {
      text += '\n';
    }
  }
  return text;
}

std::vector<std::string> processes_in_groups(const std::vector<std::string>& names) {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string groups = system::read_file(entry.path() / "cgroup").value_or("");
    for (const std::string& name : names) {
      if (groups.find("/" + name + "\n") != std::string::npos) {
        found.push_back(entry.path().filename().native() + " " +
                        system::read_file(entry.path() / "cmdline").value_or(""));
      }
    }
  }
  return found;
}

}  // namespace drover::runtimes
