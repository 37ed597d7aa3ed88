// SimNode: a simulated Proxmox node (tests/pve-sim) that runs as long as the test holds it.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <vector>

#include "agent/system/child.h"
#include "fakes/temp_folder.h"
#include "proxmox/client.h"

namespace drover::fakes {

/// The program is the one of this build, PVE_SIM_PROGRAM. It knows node "pve1", storage "local" and
/// the bridges of the calling process's network namespace.
class SimNode {
 public:
  SimNode() { start({}); }
  /// With `more` on its command line.
  explicit SimNode(const std::vector<std::string>& more) { start(more); }
  SimNode(const SimNode&) = delete;
  SimNode& operator=(const SimNode&) = delete;
  ~SimNode() { end(); }

  void end() {
    if (child_) {
      child_->signal(SIGTERM);
      const system::Stop never;
      EXPECT_TRUE(child_->wait(never, std::chrono::seconds(20)));
      child_.reset();
    }
  }
  /// At the same address and with the same secrets, as a node that comes back.
  void start_again() {
    const std::string& url = endpoint_.server.url;
    start({"--keep", "--port", url.substr(url.rfind(':') + 1)});
  }

  const proxmox::Endpoint& endpoint() const { return endpoint_; }
  const std::string& ca_file() const { return ca_file_; }
  /// The same node for who logs in by password.
  proxmox::Endpoint endpoint_by_password() const {
    proxmox::Endpoint endpoint = endpoint_;
    endpoint.token_file.clear();
    endpoint.user = "root@pam";
    endpoint.password_file = password_file_;
    return endpoint;
  }
  /// Makes the template "local:vztmpl/small.tar.gz", which has an empty /etc.
  void add_small_template() const {
    const auto templates = folder() / "local/template/cache";
    const auto content = folder() / "content";
    std::filesystem::create_directories(content / "etc");
    std::filesystem::create_directories(templates);
    const auto packed = system::run_ok(
        {"tar", "-czf", (templates / "small.tar.gz").native(), "-C", content.native(), "etc"},
        system::Stop());
    ASSERT_TRUE(packed) << packed.error().message;
  }
  /// The next COUNT requests or tasks WHAT meet the fault (pve-sim/faults.h).
  void set_fault(const std::string& fault, int count, const std::string& what) const {
    std::ofstream(folder() / "faults") << fault << ' ' << count << ' ' << what << '\n';
  }
  const std::filesystem::path& folder() const { return folder_.path(); }
  /// A client with the node's own token, trusting its fingerprint.
  std::unique_ptr<proxmox::Client> client() const {
    auto made = proxmox::make_https_client(endpoint_, clock_);
    EXPECT_TRUE(made) << (made ? "" : made.error().message);
    return std::move(*made);
  }

 private:
  void start(const std::vector<std::string>& more) {
    int ends[2] = {-1, -1};
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    const system::UniqueFd read_end(ends[0]);
    const system::UniqueFd write_end(ends[1]);
    system::ChildOptions options;
    options.dies_with_parent = true;
    options.descriptors = {{write_end.get(), STDOUT_FILENO}, {STDERR_FILENO, STDERR_FILENO}};
    std::vector<std::string> argv = {
        PVE_SIM_PROGRAM, "--directory", folder_.path().native(), "--node", "pve1",
        "--bridge",      "vmbr0",       "--auth-delay-ms",       "1"};
    argv.insert(argv.end(), more.begin(), more.end());
    auto started = system::Child::start(argv, options);
    EXPECT_TRUE(started) << (started ? "" : started.error().message);
    child_.emplace(std::move(*started));
    std::string line;
    char c = 0;
    while (::read(read_end.get(), &c, 1) == 1 && c != '\n') {
      line.push_back(c);
    }
    endpoint_.server = {word(line, "url="), word(line, "fingerprint=")};
    endpoint_.token_file = word(line, "token=");
    endpoint_.node = "pve1";
    password_file_ = word(line, "password=");
    ca_file_ = word(line, "ca=");
    EXPECT_FALSE(endpoint_.server.url.empty()) << "pve-sim said: " << line;
  }
  static std::string word(const std::string& line, const std::string& key) {
    const std::size_t at = line.find(key);
    return at == std::string::npos
               ? ""
               : line.substr(at + key.size(), line.find(' ', at) - at - key.size());
  }

  TempFolder folder_;
  std::optional<system::Child> child_;
  proxmox::Endpoint endpoint_;
  std::string ca_file_;
  std::string password_file_;
  mutable system::SystemClock clock_;
};

}  // namespace drover::fakes
