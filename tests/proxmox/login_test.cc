// Logging in by password: tickets, their end, and those who get none.
#include <gmock/gmock.h>

#include <fstream>

#include "api_fixture.h"
#include "proxmox/upid.h"

namespace drover::proxmox {
namespace {

using testing::HasSubstr;
using testing::Not;

class LoginTest : public ApiFixture {
 protected:
  LoginTest() { endpoint_ = node_.endpoint_by_password(); }
  void write_password(const std::string& text) {
    endpoint_.password_file = folder_ / "password";
    std::ofstream(endpoint_.password_file) << text;
    std::filesystem::permissions(endpoint_.password_file, std::filesystem::perms::owner_read);
  }

  fakes::TempFolder folder_;
};

TEST_F(LoginTest, APasswordReadsAndWrites) {
  make_client();
  EXPECT_TRUE(version());
  const auto made = allocate("vm-9000-a.raw");
  EXPECT_TRUE(made) << to_text(made.error());
}

TEST_F(LoginTest, ItsTasksBearTheUserAndNoToken) {
  make_client();
  EXPECT_EQ(client_->user(), "root@pam");
  ASSERT_TRUE(allocate("vm-9000-a.raw"));
  const auto begun =
      client_->del("/nodes/pve1/storage/local/content/local:9000%2Fvm-9000-a.raw", {}, stop_);
  ASSERT_TRUE(begun) << to_text(begun.error());
  EXPECT_EQ(Upid::parse(begun->string_or("")).value().user, "root@pam");
}

TEST_F(LoginTest, ATicketIsRenewedBeforeItsTwoHoursAreOver) {
  make_client();
  ASSERT_TRUE(version());
  clock_.advance(std::chrono::minutes(59));
  node_.set_fault("second-factor", 1, "ticket");
  EXPECT_TRUE(version()) << "it was renewed too early";
  clock_.advance(std::chrono::minutes(1));
  EXPECT_EQ(version().error().code, Code::refused) << "it was not renewed";
}

TEST_F(LoginTest, ATicketThatIsNoLongerTakenIsReplacedAlsoForAWrite) {
  make_client();
  ASSERT_TRUE(version());
  node_.set_fault("expired", 1, "ticket");
  const auto made = allocate("vm-9000-a.raw");
  EXPECT_TRUE(made) << to_text(made.error());
  EXPECT_EQ(allocate("vm-9000-a.raw").error().code, Code::conflict);
}

TEST_F(LoginTest, ASecondFactorIsRefusedWithWhatToDo) {
  node_.set_fault("second-factor", 1, "ticket");
  make_client();
  const auto refused = version();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::refused);
  EXPECT_THAT(refused.error().message, HasSubstr("proxmox.token_file"));
}

TEST_F(LoginTest, AWrongPasswordIsNeverShownAndNotTriedAgainForAMinute) {
  write_password("swordfish");
  make_client();
  const auto refused = version();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::refused);
  EXPECT_THAT(refused.error().message, HasSubstr("authentication failure"));
  EXPECT_THAT(refused.error().message, HasSubstr("proxmox.password_file"));
  EXPECT_THAT(refused.error().message, Not(HasSubstr("swordfish")));
  // Nobody is asked: with a node that has gone the answer would be another.
  node_.end();
  EXPECT_EQ(version().error().code, Code::refused);
  clock_.advance(std::chrono::minutes(1));
  EXPECT_EQ(version().error().code, Code::unavailable);
}

TEST_F(LoginTest, APasswordThatOthersMayReadIsNotUsed) {
  write_password("swordfish");
  std::filesystem::permissions(endpoint_.password_file, static_cast<std::filesystem::perms>(0644));
  EXPECT_EQ(make_https_client(endpoint_, clock_).error().code, Code::refused);
}

TEST_F(LoginTest, AUserIsOfARealm) {
  endpoint_.user = "root";
  EXPECT_EQ(make_https_client(endpoint_, clock_).error().code, Code::invalid);
}

}  // namespace
}  // namespace drover::proxmox
