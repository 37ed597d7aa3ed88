// Registry: a registry of images on loopback (Debian's docker-registry), without TLS.
#pragma once

#include <stdlib.h>

#include <fstream>
#include <string>

#include "fakes/loopback_program.h"

namespace drover::fakes {

/// Made before whatever shall pull from it: skopeo reads below $HOME that it may without TLS.
class Registry {
 public:
  Registry() {
    const std::filesystem::path settings = folder_ / ".config/containers";
    std::filesystem::create_directories(settings);
    std::ofstream(settings / "registries.conf")
        << "[[registry]]\nlocation = \"" << host() << "\"\ninsecure = true\n";
    setenv("HOME", folder_.path().c_str(), 1);
  }
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;
  ~Registry() { setenv("HOME", home_.c_str(), 1); }

  std::string host() const { return program_.host(); }
  /// A small image of busybox as `name` ("app:1.0"), with what `umoci config` is told of it.
  void add(const std::string& name, const std::vector<std::string>& config = {}) const {
    const std::string layout = folder_ / "layout";
    run({BUSYBOX_IMAGE_PROGRAM, layout});
    std::vector<std::string> change{"umoci", "config", "--image", layout + ":busybox",
                                    "--tag", "changed"};
    change.insert(change.end(), config.begin(), config.end());
    run(change);
    run({"skopeo", "copy", "--quiet", "oci:" + layout + ":changed",
         "docker://" + host() + "/" + name});
  }

 private:
  static void run(const std::vector<std::string>& argv) {
    const auto ran = system::run_ok(argv, system::Stop());
    ASSERT_TRUE(ran) << ran.error().message;
  }
  std::string config() const {
    const std::filesystem::path file = folder_ / "config.yml";
    std::ofstream(file) << "version: 0.1\nlog: {level: info}\nhttp: {addr: \"127.0.0.1:0\"}\n"
                        << "storage: {filesystem: {rootdirectory: " << (folder_ / "data").native()
                        << "}}\n";
    return file;
  }

  const std::string home_ = getenv("HOME") == nullptr ? "/" : getenv("HOME");
  TempFolder folder_;
  LoopbackProgram program_{{"docker-registry", "serve", config()}, "listening on 127.0.0.1:"};
};

}  // namespace drover::fakes
