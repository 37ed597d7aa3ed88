// Whom an ImageStore fetches from, and what it says when it may not, or cannot.
#include "fetching.h"
#include "runtimes/images/skopeo.h"

namespace drover::runtimes {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class ImageTrustTest : public Fetching {
 protected:
  Error refusal(const SkopeoOptions& options, const std::string& reference) {
    ImageStore store(layout_, options);
    const auto image = fetch(store, reference);
    EXPECT_FALSE(image);
    return image ? Error{} : image.error();
  }
};

TEST_F(ImageTrustTest, OfARegistryWithALoginTheAuthFileIsUsedAndStaysOutOfTheArguments) {
  const fakes::Registry registry({.tls = false, .login = true});
  registry.push(make("app", {"motd"}), "private:1");
  const std::string name = "docker://" + registry.host() + "/private:1";
  SkopeoOptions options = this->options();
  const Error none = refusal(options, name);
  EXPECT_EQ(none.code, Code::refused);
  EXPECT_THAT(none.message, AllOf(HasSubstr("skopeo login --authfile FILE " + registry.host()),
                                  HasSubstr("images.auth_file")));
  options.auth_file = folder_ / "auth.json";
  EXPECT_EQ(refusal(options, name).code, Code::refused);
  run({"skopeo", "login", "--tls-verify=false", "--authfile", options.auth_file, "--username",
       fakes::kRegistryUser, "--password", fakes::kRegistryPassword, registry.host()});
  const std::string logins = system::read_file(options.auth_file).value();
  chmod(options.auth_file.c_str(), 0640);
  EXPECT_THAT(refusal(options, name).message, HasSubstr("only root may read"));
  chmod(options.auth_file.c_str(), 0600);
  const Path said = folder_ / "said";
  {
    const OtherSkopeo other(folder_ / "bin", "echo \"$*\" >>" + said.native() +
                                                 "\ntr '\\0' '\\n' </proc/self/environ >>" +
                                                 said.native() + "\nexec $REAL \"$@\"\n");
    ImageStore store(layout_, options);
    const auto image = fetch(store, name);
    ASSERT_TRUE(image) << image.error().message;
    EXPECT_EQ(text_in(*image, "motd"), "motd");
  }
  const json::Value document = json::parse(logins).value();
  const std::string secret(document.at("auths").at(registry.host()).at("auth").string_or("?"));
  EXPECT_THAT(system::read_file(said).value(),
              AllOf(HasSubstr("--src-authfile"), Not(HasSubstr(secret)),
                    Not(HasSubstr(fakes::kRegistryPassword))));
  std::string wrong = logins;
  wrong.replace(wrong.find(secret), secret.size(), "ZHJvdmVyOndyb25n");
  std::ofstream(options.auth_file) << wrong;
  EXPECT_THAT(refusal(options, "docker://" + registry.host() + "/private:1").message,
              HasSubstr("does not take the login"));
}

TEST_F(ImageTrustTest, OfAPrivateAuthorityTheCertificateIsLookedForInTheRegistrysFolder) {
  const fakes::Registry registry({.tls = true, .login = false});
  registry.push(make("app", {"motd"}), "app:1");
  const std::string name = "docker://" + registry.host() + "/app:1";
  SkopeoOptions options = this->options();
  const Error unknown = refusal(options, name);
  EXPECT_EQ(unknown.code, Code::refused);
  EXPECT_THAT(unknown.message, HasSubstr("/etc/containers/certs.d/" + registry.host() + "/ca.crt"));
  options.certificate_folder = folder_ / "certs.d";
  EXPECT_EQ(refusal(options, name).code, Code::refused);
  const Path own = options.certificate_folder / registry.host();
  std::filesystem::create_directories(own);
  std::filesystem::copy_file(registry.certificate(), own / "ca.crt");
  ImageStore store(layout_, options);
  const auto image = fetch(store, name);
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_EQ(text_in(*image, "motd"), "motd");
}

TEST_F(ImageTrustTest, TheSignaturePolicyDecidesWhatIsLetIn) {
  const fakes::Registry registry;
  registry.push(make("app", {"motd"}), "trusted/app:1");
  registry.push(make("app", {"motd"}), "other/app:1");
  std::ofstream(policy()) << R"({"default":[{"type":"reject"}],"transports":{"docker":{")"
                          << registry.host()
                          << R"(/trusted":[{"type":"insecureAcceptAnything"}]}}})";
  ImageStore store(layout_, options());
  const auto trusted = fetch(store, "docker://" + registry.host() + "/trusted/app:1");
  ASSERT_TRUE(trusted) << trusted.error().message;
  const Error other = refusal(options(), "docker://" + registry.host() + "/other/app:1");
  EXPECT_EQ(other.code, Code::refused);
  EXPECT_THAT(other.message, HasSubstr(policy().native()));
  SkopeoOptions without = options();
  without.policy_file = folder_ / "none.json";
  const Error none = refusal(without, "docker://" + registry.host() + "/trusted/app:1");
  EXPECT_EQ(none.code, Code::refused);
  EXPECT_THAT(none.message, AllOf(HasSubstr("no signature policy"), HasSubstr("apt install")));
  EXPECT_EQ(SkopeoOptions().policy_file, "/etc/containers/policy.json");
}

/// Keys of GnuPG, and signatures where skopeo looks for them (containers-registries.d(5)).
class Signer {
 public:
  Signer(Path folder, std::string host) : folder_(std::move(folder)), host_(std::move(host)) {
    std::filesystem::create_directories(folder_ / "keys");
    chmod((folder_ / "keys").c_str(), 0700);
    setenv("GNUPGHOME", (folder_ / "keys").c_str(), 1);
    const Path settings = Path(getenv("HOME")) / ".config/containers/registries.d";
    std::filesystem::create_directories(settings);
    std::ofstream(settings / "test.yaml") << "docker:\n  " << host_ << ":\n    lookaside: file://"
                                          << (folder_ / "signatures").native() << "\n";
  }
  Signer(const Signer&) = delete;
  Signer& operator=(const Signer&) = delete;
  ~Signer() {
    [[maybe_unused]] const auto ended = system::run({"gpgconf", "--kill", "all"}, stop_);
    unsetenv("GNUPGHOME");
  }
  /// Makes a key of that name; its public half.
  Path make_key(const std::string& name) {
    run({"gpg", "--batch", "--quiet", "--passphrase", "", "--quick-generate-key", name + "@test",
         "ed25519", "sign", "never"});
    const Path file = folder_ / (name + ".gpg");
    run({"gpg", "--batch", "--output", file, "--export", name + "@test"});
    return file;
  }
  /// Signs the image that is there as `image` ("app:1"), saying that it is `claimed`.
  void sign(const std::string& key, const std::string& image, const std::string& claimed) {
    const Path manifest = folder_ / "manifest";
    std::ofstream(manifest, std::ios::binary)
        << run({"skopeo", "inspect", "--raw", "docker://" + host_ + "/" + image});
    const Path signatures = folder_ / "signatures" /
                            (image.substr(0, image.find(':')) +
                             "@sha256=" + proxmox::sha256_of_path(manifest, stop_).value());
    std::filesystem::create_directories(signatures);
    run({"skopeo", "standalone-sign", manifest, host_ + "/" + claimed, fingerprint(key), "--output",
         signatures / "signature-1"});
  }

 private:
  std::string run(const std::vector<std::string>& argv) {
    Result<std::string> ran = system::run_ok(argv, stop_);
    EXPECT_TRUE(ran) << ran.error().message;
    return ran.value_or("");
  }
  std::string fingerprint(const std::string& key) {
    const std::string listed =
        run({"gpg", "--batch", "--with-colons", "--list-keys", key + "@test"});
    const std::size_t at = listed.find("\nfpr:::::::::") + 13;
    return listed.substr(at, listed.find(':', at) - at);
  }

  system::Stop stop_;
  Path folder_;
  std::string host_;
};

TEST_F(ImageTrustTest, OnlyWhatTheRightKeyHasSignedUnderItsOwnNameIsLetIn) {
  const fakes::Registry registry;
  Signer signer(folder_ / "signer", registry.host());
  const Path ours = signer.make_key("ours");
  signer.make_key("theirs");
  std::ofstream(policy()) << R"({"default":[{"type":"reject"}],"transports":{"docker":{")"
                          << registry.host()
                          << R"(":[{"type":"signedBy","keyType":"GPGKeys","keyPath":")"
                          << ours.native() << R"("}]}}})";
  for (const std::string image : {"signed", "unsigned", "theirs", "renamed"}) {
    registry.push(make(image, {image}), image + "/app:1");
  }
  signer.sign("ours", "signed/app:1", "signed/app:1");
  signer.sign("theirs", "theirs/app:1", "theirs/app:1");
  signer.sign("ours", "renamed/app:1", "signed/app:1");
  ImageStore store(layout_, options());
  const auto image = fetch(store, "docker://" + registry.host() + "/signed/app:1");
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_EQ(text_in(*image, "signed"), "signed");
  for (const std::string refused : {"unsigned", "theirs", "renamed"}) {
    const Error error =
        refusal(options(), "docker://" + registry.host() + "/" + refused + "/app:1");
    EXPECT_EQ(error.code, Code::refused) << refused;
    EXPECT_THAT(error.message, HasSubstr(policy().native())) << refused;
  }
  // A tag that was moved to another image has not that one's signature.
  registry.push(make("evil", {"evil"}), "signed/app:1");
  EXPECT_EQ(refusal(options(), "docker://" + registry.host() + "/signed/app:1").code,
            Code::refused);
}

TEST_F(ImageTrustTest, WhatGoesWrongIsToldWithWhatCanBeDone) {
  const fakes::Registry registry;
  const std::string host = registry.host();
  EXPECT_EQ(refusal(options(), "docker://" + host + "/nothing:1").code, Code::not_found);
  const Error silent = refusal(options(), "docker://127.0.0.1:1/app:1");
  EXPECT_EQ(silent.code, Code::unavailable);
  EXPECT_THAT(silent.message, HasSubstr("does not answer"));
  const std::string path = std::getenv("PATH");
  setenv("PATH", "/nonexistent", 1);
  const Error without = refusal(options(), "docker://" + host + "/nothing:1");
  setenv("PATH", path.c_str(), 1);
  EXPECT_EQ(without.code, Code::refused);
  EXPECT_THAT(without.message, HasSubstr("apt install skopeo"));
  const ImageReference image = parse_image_reference("docker://alpine:3").value();
  EXPECT_THAT(skopeo_error("time=\"x\" level=fatal msg=\"unauthorized: say \\\"please\\\"\"", image,
                           options())
                  .message,
              AllOf(HasSubstr("say \"please\""), HasSubstr("docker.io")));
  EXPECT_EQ(skopeo_error("", image, options()).code, Code::broken);
}

TEST_F(ImageTrustTest, AFetchThatTakesTooLongIsEnded) {
  SkopeoOptions options = this->options();
  options.timeout = std::chrono::milliseconds(50);
  const OtherSkopeo other(folder_ / "bin", "\nexec tail -f /dev/null\n");
  const Error late = refusal(options, "docker://127.0.0.1:1/app:1");
  EXPECT_EQ(late.code, Code::unavailable);
  EXPECT_THAT(late.message, HasSubstr("images.timeout_s"));
  EXPECT_TRUE(roots().empty());
}

}  // namespace
}  // namespace drover::runtimes
