#include <algorithm>
#include <chrono>
#include <mutex>
#include <optional>
#include <utility>

#include "agent/system/file.h"
#include "proxmox/login.h"

namespace drover::proxmox {
namespace {

/// Half of what a ticket lives, so that no request has one that ends under way.
constexpr std::chrono::minutes kRenewed{60};
/// The API answers a wrong password after three seconds, and who watches its log may lock out
/// whoever goes on trying.
constexpr std::chrono::minutes kRefusedFor{1};
constexpr std::string_view kPath = "/api2/json/access/ticket";

/// Only what can stand in a header.
bool is_plain(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return c > ' ' && c < 0x7f && c != ';' && c != ',';
  });
}

class TicketLogin : public Login {
 public:
  TicketLogin(std::string user, std::string password, system::Clock& clock)
      : user_(std::move(user)), password_(std::move(password)), clock_(clock) {}

  const std::string& user() const override { return user_; }

  Result<std::vector<std::string>> headers(Transport& transport, std::string_view method,
                                           const Stop& stop) override {
    {
      const std::lock_guard lock(mutex_);
      if (ticket_ && clock_.now() < ticket_->renewed_at) {
        return ticket_->headers(method);
      }
      if (refusal_ && clock_.now() < refused_until_) {
        return Failure(*refusal_);
      }
    }
    // Several threads may do so at once at the beginning: each gets a ticket that is good.
    Ticket ticket = TRY(ask(transport, stop));
    const std::lock_guard lock(mutex_);
    ticket_ = std::move(ticket);
    return ticket_->headers(method);
  }

  bool forget(const std::vector<std::string>& headers) override {
    const std::lock_guard lock(mutex_);
    if (ticket_ && headers.front() == ticket_->cookie) {
      ticket_.reset();
    }
    return true;
  }

 private:
  struct Ticket {
    std::string cookie;
    std::string csrf;
    system::Instant renewed_at;

    std::vector<std::string> headers(std::string_view method) const {
      return method == "GET" ? std::vector{cookie} : std::vector{cookie, csrf};
    }
  };

  Result<Ticket> ask(Transport& transport, const Stop& stop) {
    const std::string what = "log in to Proxmox as " + user_;
    const system::Instant asked_at = clock_.now();
    const Request request{"POST", std::string(kPath),
                          {},     encode({{"username", user_}, {"password", password_}}),
                          true,   is_of_the_node_};
    const Answer answer = TRY(transport.send(request, stop).context(what));
    const Result<json::Value> read =
        read_answer(answer, "POST /access/ticket").context(what + " with proxmox.password_file");
    if (!read && answer.status == kUnauthorized) {
      const std::lock_guard lock(mutex_);
      refusal_ = read.error();
      refused_until_ = clock_.now() + kRefusedFor;
    }
    const json::Value given = TRY(read);
    if (given.at("NeedTFA").boolean_or(false)) {
      return fail(Code::refused,
                  "{}: this user has a second factor; give Drover an API token "
                  "(proxmox.token_file)",
                  what);
    }
    const std::string_view ticket = given.at("ticket").string_or("");
    const std::string_view csrf = given.at("CSRFPreventionToken").string_or("");
    if (!is_plain(ticket) || !is_plain(csrf)) {
      return fail(Code::broken, "{}: the answer has no ticket that could be used", what);
    }
    return Ticket{fmt::format("Cookie: PVEAuthCookie={}", ticket),
                  fmt::format("CSRFPreventionToken: {}", csrf), asked_at + kRenewed};
  }

  const std::string user_;
  const std::string password_;
  /// Of realm pam each node has its own passwords, and none passes a login on.
  const bool is_of_the_node_ = user_.ends_with("@pam");
  system::Clock& clock_;
  std::mutex mutex_;
  std::optional<Ticket> ticket_;     // guarded by mutex_
  std::optional<Error> refusal_;     // guarded by mutex_
  system::Instant refused_until_{};  // guarded by mutex_
};

}  // namespace

Result<std::unique_ptr<Login>> make_ticket_login(const std::string& user,
                                                 const std::filesystem::path& password_file,
                                                 system::Clock& clock) {
  if (user.find('@') == std::string::npos) {
    return fail(Code::invalid, "proxmox.user \"{}\" is not of the form USER@REALM", user);
  }
  std::string password =
      TRY(system::read_secret(password_file).context("read proxmox.password_file"));
  return std::unique_ptr<Login>(std::make_unique<TicketLogin>(user, std::move(password), clock));
}

}  // namespace drover::proxmox
