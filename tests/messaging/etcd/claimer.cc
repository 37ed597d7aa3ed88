// claimer NODE ENDPOINT...: takes the claim "one" whenever nobody has it, keeps it as long as it
// can, and says on standard output, a line each, with times of system::boot_time in nanoseconds:
//   took ATTEMPT AT UNTIL, renewed ATTEMPT AT UNTIL, lost ATTEMPT AT
#include <unistd.h>

#include <string>

#include "agent/system/clock.h"
#include "messaging/etcd/claims.h"

using namespace drover;  // NOLINT: a program of one function

namespace {

constexpr std::chrono::milliseconds kRenewed{200};

void say(const char* what, const etcd::Claim& claim, const std::string& more) {
  const std::string line =
      fmt::format("{} {} {}{}\n", what, claim.attempt, system::boot_time().count(), more);
  [[maybe_unused]] const ssize_t written = write(STDOUT_FILENO, line.data(), line.size());
}

void hold(etcd::Claims& claims, etcd::Claim claim, system::Clock& clock, const system::Stop& stop) {
  const auto until = [&] { return " " + std::to_string(claim.good_until.count()); };
  say("took", claim, until());
  while (claims.holds(claim)) {
    [[maybe_unused]] const Result<> waited = clock.sleep_for(kRenewed, stop);
    const Result<> renewed = claims.renew(claim, stop);
    if (renewed) {
      say("renewed", claim, until());
    } else if (renewed.error().code == Code::not_found) {
      break;
    }
  }
  say("lost", claim, "");
}

}  // namespace

int main(int count, char** words) {
  if (count < 3) {
    return 2;
  }
  etcd::Settings settings;
  settings.endpoints.assign(words + 2, words + count);
  settings.timeout = std::chrono::milliseconds(700);
  const auto gateway = etcd::Gateway::make(settings);
  if (!gateway) {
    return 1;
  }
  etcd::Client client(**gateway);
  etcd::Claims claims(client, "test", {std::chrono::seconds(2), std::chrono::seconds(1)});
  system::SystemClock clock;
  const system::Stop stop;
  for (;;) {
    if (const auto taken = claims.take("one", words[1], stop)) {
      if (const auto* claim = std::get_if<etcd::Claim>(&*taken)) {
        hold(claims, *claim, clock, stop);
      }
    }
    [[maybe_unused]] const Result<> waited = clock.sleep_for(kRenewed, stop);
  }
}
