// SimNode: a simulated Proxmox node (tests/pve-sim) that runs as long as the test holds it.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <string>

#include "agent/system/child.h"
#include "fakes/temp_folder.h"
#include "proxmox/client.h"

namespace drover::fakes {

/// The program is the one of this build, PVE_SIM_PROGRAM. It knows node "pve1", storage "local" and
/// the bridges of the calling process's network namespace.
class SimNode {
 public:
  SimNode() {
    int ends[2] = {-1, -1};
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    const system::UniqueFd read_end(ends[0]);
    const system::UniqueFd write_end(ends[1]);
    system::ChildOptions options;
    options.dies_with_parent = true;
    options.descriptors = {{write_end.get(), STDOUT_FILENO}, {STDERR_FILENO, STDERR_FILENO}};
    auto started =
        system::Child::start({PVE_SIM_PROGRAM, "--directory", folder_.path().native(), "--node",
                              "pve1", "--bridge", "vmbr0", "--auth-delay-ms", "1"},
                             options);
    EXPECT_TRUE(started) << (started ? "" : started.error().message);
    child_.emplace(std::move(*started));
    std::string line;
    char c = 0;
    while (::read(read_end.get(), &c, 1) == 1 && c != '\n') {
      line.push_back(c);
    }
    endpoint_.url = word(line, "url=");
    endpoint_.fingerprint = word(line, "fingerprint=");
    endpoint_.token_file = word(line, "token=");
    ca_file_ = word(line, "ca=");
    endpoint_.node = "pve1";
    EXPECT_FALSE(endpoint_.url.empty()) << "pve-sim said: " << line;
  }
  SimNode(const SimNode&) = delete;
  SimNode& operator=(const SimNode&) = delete;
  ~SimNode() {
    child_->signal(SIGTERM);
    const system::Stop never;
    EXPECT_TRUE(child_->wait(never, std::chrono::seconds(20)));
  }

  const proxmox::Endpoint& endpoint() const { return endpoint_; }
  const std::string& ca_file() const { return ca_file_; }
  const std::filesystem::path& folder() const { return folder_.path(); }
  /// A client with the node's own token, trusting its fingerprint.
  std::unique_ptr<proxmox::Client> client() const {
    auto made = proxmox::make_https_client(endpoint_);
    EXPECT_TRUE(made) << (made ? "" : made.error().message);
    return std::move(*made);
  }

 private:
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
};

}  // namespace drover::fakes
