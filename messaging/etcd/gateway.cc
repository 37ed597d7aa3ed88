#include "messaging/etcd/gateway.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "agent/system/file.h"

namespace drover::etcd {
namespace {

/// Why an answer is none: the member has no leader, or its time was up, and another one may do
/// better.
std::optional<Error> passing_trouble(const HttpAnswer& answer, std::string_view what) {
  if (answer.status == 200 || wants_login(answer)) {
    return std::nullopt;
  }
  const Result<json::Value> read = read_answer(answer, what);
  if (read || (read.error().code != Code::unavailable && read.error().code != Code::timed_out)) {
    return std::nullopt;
  }
  return read.error();
}

void add(std::optional<Error>& all, Error error) {
  if (!all) {
    all = std::move(error);
    return;
  }
  // Who can be tried again matters more than who is not trusted.
  if (all->code == Code::refused) {
    all->code = error.code;
  }
  all->message += "; " + error.message;
}

}  // namespace

Gateway::Gateway(Settings settings) : settings_(std::move(settings)) {
  for (const std::string& url : settings_.endpoints) {
    members_.push_back(std::make_unique<Connection>(settings_, url));
  }
}

Result<std::unique_ptr<Gateway>> Gateway::make(Settings settings) {
  if (settings.endpoints.empty()) {
    return fail(Code::invalid, "etcd has no endpoints: name those of all its members");
  }
  bool tls = false;
  for (const std::string& url : settings.endpoints) {
    const bool https = url.starts_with("https://");
    if ((!https && !url.starts_with("http://")) || url.ends_with('/')) {
      return fail(Code::invalid,
                  "etcd endpoint \"{}\" is neither http://HOST:PORT nor https://HOST:PORT", url);
    }
    tls = tls || https;
  }
  if (tls && settings.ca_file.empty()) {
    return fail(Code::invalid, "etcd has endpoints of https and no ca_file says whom to trust");
  }
  if (settings.certificate_file.empty() != settings.key_file.empty()) {
    return fail(Code::invalid, "etcd's certificate_file and key_file go together");
  }
  if (settings.user.empty() != settings.password_file.empty()) {
    return fail(Code::invalid, "etcd's user and password_file go together");
  }
  return std::unique_ptr<Gateway>(new Gateway(std::move(settings)));
}

Result<HttpAnswer> Gateway::ask(const HttpRequest& request, const system::Stop& stop) {
  std::optional<Error> all;
  for (std::size_t tried = 0; tried < members_.size(); ++tried) {
    Connection& member = *members_[current_];
    Result<HttpAnswer> answer = member.post(request, stop);
    std::optional<Error> error;
    if (!answer) {
      error = answer.error();
    } else {
      error = passing_trouble(*answer, "POST " + member.url() + request.path);
    }
    if (!error) {
      return answer;
    }
    if (error->code == Code::cancelled || error->code == Code::broken) {
      return Failure(std::move(*error));
    }
    current_ = (current_ + 1) % members_.size();
    if (error->code == Code::timed_out) {
      if (!request.repeatable) {
        return Failure(std::move(*error));
      }
      error->code = Code::unavailable;
    }
    add(all, std::move(*error));
  }
  return Failure(std::move(*all));
}

Result<> Gateway::log_in(const system::Stop& stop) {
  const std::string what = "log in to etcd as " + settings_.user;
  const std::string password =
      TRY(system::read_secret(settings_.password_file).context(what + ": read its password_file"));
  const HttpRequest request{
      "/v3/auth/authenticate",
      json::write(json::Object{{"name", settings_.user}, {"password", password}}), "", true};
  const HttpAnswer answer = TRY(ask(request, stop).context(what));
  const Result<json::Value> body = read_answer(answer, what);
  if (!body) {
    return Failure(body.error());
  }
  token_ = TRY(read_token(*body, what));
  return {};
}

Result<json::Value> Gateway::call(const Call& call, const system::Stop& stop) {
  HttpRequest request{"/v3" + call.path, json::write(call.body), "", call.repeatable};
  if (!settings_.user.empty() && token_.empty()) {
    TRY(log_in(stop));
  }
  request.token = token_;
  HttpAnswer answer = TRY(ask(request, stop));
  if (!settings_.user.empty() && wants_login(answer)) {
    // Nothing was done, so that it may be sent again, whatever it is. Tokens end after some
    // minutes, and with each change of the user.
    TRY(log_in(stop));
    request.token = token_;
    answer = TRY(ask(request, stop));
  }
  const std::string what = "POST " + members_[current_]->url() + request.path;
  return call.streamed ? read_first_answer(answer, what) : read_answer(answer, what);
}

}  // namespace drover::etcd
