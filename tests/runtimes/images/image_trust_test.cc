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
