#include "tests/pve-sim/logins.h"

#include <fmt/format.h>

#include <ctime>

#include "tests/pve-sim/checked.h"

namespace drover::pve_sim {
namespace {

constexpr std::string_view kToken = "PVEAPIToken=";
constexpr std::string_view kCookie = "PVEAuthCookie=";

}  // namespace

Caller Logins::caller(std::string_view authorization, std::string_view cookie,
                      std::string_view csrf, bool reads) {
  if (!authorization.empty()) {
    if (authorization == std::string(kToken) + secrets_.token) {
      return {secrets_.token.substr(0, secrets_.token.find('=')), true};
    }
    const std::optional<std::string> owner =
        authorization.starts_with(kToken) ? users_.owner_of(authorization.substr(kToken.size()))
                                          : std::nullopt;
    return owner ? Caller{*owner, true} : Caller{"", false, "Authentication failed!"};
  }
  if (!cookie.starts_with(kCookie)) {
    return {"", false, "No ticket"};
  }
  const std::lock_guard lock(mutex_);
  if (faults_.take("expired", "ticket")) {
    tickets_.clear();
  }
  const auto ticket = tickets_.find(cookie.substr(kCookie.size()));
  if (ticket == tickets_.end()) {
    return {"", false, "Authentication failed!"};
  }
  return reads || csrf == ticket->second
             ? Caller{place_.user, false}
             : Caller{"", false, "Permission denied - invalid csrf token"};
}

Answer Logins::log_in(const Form& form) {
  const Parameters given = CHECKED("POST /access/ticket", {});
  if (given.at("username") != place_.user || given.at("password") != secrets_.password) {
    return error("authentication failure", 401);
  }
  const Result<std::string> signature = random_uuid();
  const Result<std::string> csrf_signature = random_uuid();
  if (!signature || !csrf_signature) {
    return error("unable to sign ticket");
  }
  const std::string now = fmt::format("{:08X}", std::time(nullptr));
  std::string ticket = fmt::format("PVE:{}:{}::{}==", place_.user, now, *signature);
  std::string csrf = now + ":" + *csrf_signature;
  json::Object data{{"ticket", ticket},
                    {"CSRFPreventionToken", csrf},
                    {"username", place_.user},
                    {"cap", json::Object{}}};
  if (faults_.take("second-factor", "ticket")) {
    // Its ticket is good for answering the challenge only.
    data.set("NeedTFA", 1);
    return with_data(std::move(data));
  }
  const std::lock_guard lock(mutex_);
  tickets_.emplace(std::move(ticket), std::move(csrf));
  return with_data(std::move(data));
}

}  // namespace drover::pve_sim
