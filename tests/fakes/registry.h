// Registry: a registry of images on loopback (Debian's docker-registry).
#pragma once

#include <stdlib.h>

#include <fstream>
#include <string>

#include "fakes/loopback_program.h"

namespace drover::fakes {

struct RegistryOptions {
  bool tls = false;    ///< with a certificate of an authority that nobody knows
  bool login = false;  ///< of kRegistryUser only
};
inline constexpr const char* kRegistryUser = "drover";
inline constexpr const char* kRegistryPassword = "s3cret";

/// Made before whatever shall pull from it: skopeo reads below $HOME that it may without TLS.
class Registry {
 public:
  explicit Registry(RegistryOptions options = {}) : options_(options) {
    const std::filesystem::path settings = folder_ / ".config/containers";
    std::filesystem::create_directories(settings);
    if (!options.tls) {
      std::ofstream(settings / "registries.conf")
          << "[[registry]]\nlocation = \"" << host() << "\"\ninsecure = true\n";
    }
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
    push("oci:" + layout + ":changed", name);
  }
  /// What skopeo reads as `image` becomes `name`, with all its architectures.
  void push(const std::string& image, const std::string& name) const {
    std::vector<std::string> copy{
        "skopeo", "copy", "--quiet", "--all", "--dest-cert-dir", folder_ / "certificates"};
    if (options_.login) {
      copy.insert(copy.end(),
                  {"--dest-creds", std::string(kRegistryUser) + ":" + kRegistryPassword});
    }
    copy.insert(copy.end(), {image, "docker://" + host() + "/" + name});
    run(copy);
  }
  /// Where it keeps a blob ("sha256:HEX").
  std::filesystem::path blob(const std::string& digest) const {
    const std::string digits = digest.substr(digest.find(':') + 1);
    return folder_ / "data/docker/registry/v2/blobs/sha256" / digits.substr(0, 2) / digits / "data";
  }
  /// How often a blob was sent.
  std::size_t sent(const std::string& digest) const {
    const std::string log = program_.said();
    std::size_t count = 0;
    for (std::size_t at = log.find("\"GET /v2/"); at != std::string::npos;
         at = log.find("\"GET /v2/", at + 1)) {
      const std::string line = log.substr(at, log.find('\n', at) - at);
      count += line.find("/blobs/" + digest) != std::string::npos ? 1 : 0;
    }
    return count;
  }
  /// Of the authority of its certificate.
  std::filesystem::path certificate() const { return folder_ / "certificates/ca.crt"; }

 private:
  static void run(const std::vector<std::string>& argv) {
    const auto ran = system::run_ok(argv, system::Stop());
    ASSERT_TRUE(ran) << ran.error().message;
  }
  std::string config() const {
    const std::filesystem::path file = folder_ / "config.yml";
    std::filesystem::create_directories(folder_ / "certificates");
    std::ofstream text(file);
    text << "version: 0.1\nlog: {level: info}\nhttp:\n  addr: \"127.0.0.1:0\"\n";
    if (options_.tls) {
      const std::string key = folder_ / "key";
      run({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
           "-nodes", "-days", "2", "-subj", "/CN=registry", "-addext",
           "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate()});
      text << "  tls: {certificate: " << certificate().native() << ", key: " << key << "}\n";
    }
    if (options_.login) {
      // Of kRegistryPassword, by bcrypt with its least cost.
      std::ofstream(folder_ / "users")
          << kRegistryUser << ":$2b$04$CL.cXbthJjOkFyUZcKuCAO76NfcEeIgO3GOV0T.OqnQZSlzwBRExO\n";
      text << "auth: {htpasswd: {realm: test, path: " << (folder_ / "users").native() << "}}\n";
    }
    text << "storage: {filesystem: {rootdirectory: " << (folder_ / "data").native() << "}}\n";
    return file;
  }

  RegistryOptions options_;
  const std::string home_ = getenv("HOME") == nullptr ? "/" : getenv("HOME");
  TempFolder folder_;
  LoopbackProgram program_{{"docker-registry", "serve", config()}, "listening on 127.0.0.1:"};
};

}  // namespace drover::fakes
