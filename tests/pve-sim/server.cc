#include "tests/pve-sim/server.h"

#include <fmt/format.h>
#include <httplib.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <stdexcept>
#include <thread>
#include <vector>

#include "agent/system/clock.h"
#include "agent/system/file.h"
#include "tests/pve-sim/reason_phrase.h"
#include "tests/pve-sim/trace.h"

namespace drover::pve_sim {

namespace {

constexpr std::string_view kRoot = "/api2/json";
constexpr std::string_view kInterfaceRoot = "/api2/extjs";  ///< what the web interface asks
constexpr const char* kLogin = "/access/ticket";
constexpr std::size_t kMostParts = 8;
constexpr std::size_t kMostUpload = std::size_t{64} << 20;
constexpr std::size_t kMostBody = std::size_t{512} << 10;

// JSON bodies give the same parameters as a form; true and false are taken there.
Answer read_body(const httplib::Request& request, const std::string& text, Form& form) {
  const std::string type = request.get_header_value("Content-Type");
  if (text.empty()) {
    return {};
  }
  if (text.size() > kMostBody) {
    return {501, "for data too large", nullptr, "for data too large"};
  }
  if (type.starts_with("application/json")) {
    const Result<json::Value> body = json::parse(text);
    if (!body || body->object() == nullptr) {
      return error("malformed JSON string");
    }
    for (const auto& [name, value] : *body->object()) {
      const bool* boolean = value.boolean();
      const std::string* string = value.string();
      form[name].push_back(boolean != nullptr  ? (*boolean ? "1" : "0")
                           : string != nullptr ? *string
                                               : json::write(value));
    }
  } else if (type.empty() || type.starts_with("application/x-www-form-urlencoded")) {
    read_form(text, form);
  } else {
    const std::string why = "upload 'Content-Type '" + type + "' not implemented";
    return {506, why, nullptr, why};
  }
  return {};
}

// The web interface is always told that all is well, and whether it is so in the body.
Answer for_interface(Answer answer) {
  json::Object body;
  if (const json::Object* given = answer.body.object()) {
    body = *given;
  }
  body.set("success", answer.status == 200 ? 1 : 0);
  if (answer.status != 200) {
    body.set("status", std::to_string(answer.status));
  }
  return {200, "OK", std::move(body)};
}

}  // namespace

/// When this thread's request was read; its answer is written when it is logged.
thread_local std::int64_t request_begin = 0;

struct Server::Http {
  Http(const Place& where, Secrets secrets, std::chrono::milliseconds delay)
      : place(where),
        server((place.directory / "cert.pem").c_str(), (place.directory / "key.pem").c_str()),
        users(place),
        api(place, users),
        logins(place, std::move(secrets), users),
        auth_delay(delay) {
    if (!server.is_valid()) {
      throw std::runtime_error("the certificate cannot be used");
    }
    // Head and body are two writes; without this the second waits for who reads to acknowledge the
    // first, which takes its 40 ms.
    server.set_tcp_nodelay(true);
    // As pveproxy, whose workers are recycled after a thousand requests and which closes what is
    // idle for five seconds. Each connection holds a thread as long as it is kept.
    server.set_keep_alive_max_count(1000);
    server.set_keep_alive_timeout(5);
    server.new_task_queue = [] { return new httplib::ThreadPool(128); };
    const auto bare = [this](const httplib::Request& request, httplib::Response& response) {
      write(answer(request, [](Form&) { return Answer(); }), response);
    };
    server.Get(".*", bare);
    server.Delete(".*", bare);
    server.Post("/api2/json/nodes/[^/]+/storage/[^/]+/upload",
                [this](const httplib::Request& request, httplib::Response& response,
                       const httplib::ContentReader& reader) {
                  write(answer(request, [&](Form& form) { return read_upload(reader, form); }),
                        response);
                });
    // The library reads no form that is longer than 8 KiB, and one without a length to the
    // connection's end.
    const auto with_body = [this](const httplib::Request& request, httplib::Response& response,
                                  const httplib::ContentReader& reader) {
      std::string text;
      if (request.has_header("Content-Length") || request.has_header("Transfer-Encoding")) {
        reader([&text](const char* data, std::size_t size) {
          text.append(data, size);
          return text.size() <= kMostUpload;
        });
      }
      write(answer(request, [&](Form& form) { return read_body(request, text, form); }), response);
    };
    server.Post(".*", with_body);
    server.Put(".*", with_body);
    server.set_logger([this](const httplib::Request& request, const httplib::Response&) {
      const std::string target = percent_decode(request.path, false);
      trace(place.trace,
            request.method + " " + target.substr(std::min(kRoot.size(), target.size())),
            request_begin, now_ns());
    });
    server.set_pre_routing_handler([](const httplib::Request& request,
                                      httplib::Response& response) {
      request_begin = now_ns();
      if (request.method != "HEAD" && request.method != "OPTIONS" && request.method != "PATCH") {
        return httplib::Server::HandlerResponse::Unhandled;
      }
      write({501, "method '" + request.method + "' not available", nullptr}, response);
      return httplib::Server::HandlerResponse::Handled;
    });
  }

  /// `read` adds the parameters of the request's body, or refuses it.
  using ReadBody = std::function<Answer(Form&)>;

  Answer answer(const httplib::Request& request, const ReadBody& read) {
    const std::size_t question = std::min(request.target.find('?'), request.target.size());
    const std::string target = percent_decode(request.target.substr(0, question), false);
    const bool logs_in = request.method == "POST" && target == std::string(kRoot) + kLogin;
    const Caller caller =
        logins.caller(request.get_header_value("Authorization"), request.get_header_value("Cookie"),
                      request.get_header_value("CSRFPreventionToken"), request.method == "GET");
    Answer given = answer(request, read, target, question, caller, logs_in);
    if (given.status == 401) {
      (void)system::SystemClock().sleep_for(auth_delay, ending).has_value();
    }
    return given;
  }

  Answer answer(const httplib::Request& request, const ReadBody& read, const std::string& target,
                std::size_t question, const Caller& caller, bool logs_in) {
    if (logs_in && caller.by_token) {
      return error(
          "Permission check failed (URI '/access/ticket' not available with API token, need proper "
          "ticket.\n)",
          403);
    }
    if (!logs_in && caller.user.empty()) {
      return unauthorized(caller.refusal);
    }
    const bool interface = target.starts_with(kInterfaceRoot);
    if (!interface && !target.starts_with(kRoot)) {
      return error("no such file '" + target + "'", 404);
    }
    const std::string length = request.get_header_value("Content-Length");
    if (request.method == "GET" && !length.empty() && length != "0") {
      return {501, "Unexpected content for method 'GET'", nullptr};
    }
    Form form;
    read_form(
        std::string_view(request.target).substr(std::min(question + 1, request.target.size())),
        form);
    if (Answer refused = read(form); refused.status != 200) {
      return refused;
    }
    if (logs_in) {
      return logins.log_in(form);
    }
    const std::size_t below = (interface ? kInterfaceRoot : kRoot).size();
    Answer given = api.handle(request.method, target.substr(below), form, caller.user);
    return interface ? for_interface(std::move(given)) : given;
  }

  /// Keeps the file until its task takes it, and tells where. The parts come in one order only:
  /// what is not where it is looked for is not found, and a checksum before its algorithm ends the
  /// request.
  Answer read_upload(const httplib::ContentReader& reader, Form& form) {
    std::vector<httplib::MultipartFormData> parts;
    reader(
        [&parts](const httplib::MultipartFormData& part) {
          parts.push_back(part);
          return parts.size() <= kMostParts;
        },
        [&parts](const char* data, std::size_t size) {
          parts.back().content.append(data, size);
          return parts.back().content.size() <= kMostUpload;
        });
    for (const httplib::MultipartFormData& part : parts) {
      if (part.name == "checksum" && !form.contains("checksum-algorithm")) {
        return {400, "Bad Request", nullptr};
      }
      if (part.name != "filename") {
        form[part.name].push_back(part.content);
        continue;
      }
      form["filename"].push_back(part.filename);
      const path file = place.uploads() / fmt::format("pveupload-{:08x}", uploads++);
      if (!system::make_folders(place.uploads()) || !system::write_atomically(file, part.content)) {
        return error("unable to create file '" + file.string() + "'");
      }
      form["tmpfilename"].push_back(file);
      break;
    }
    return {};
  }

  static void write(const Answer& answer, httplib::Response& response) {
    set_reason_phrase(answer.reason);
    response.status = answer.status;
    if (answer.status >= 400) {
      response.set_header("Connection", "close");
    }
    if (!answer.text.empty()) {
      response.set_content(answer.text, "text/plain");
    } else if (!answer.body.is_null()) {
      response.set_content(json::write(answer.body), "application/json;charset=UTF-8");
    }
  }

  const Place& place;
  std::atomic<unsigned> uploads = 0;
  httplib::SSLServer server;
  Users users;
  Api api;
  Logins logins;
  std::chrono::milliseconds auth_delay;
  system::Stop ending;
  std::atomic<bool> served = false;
};

Server::Server(const Place& place, Secrets secrets, std::chrono::milliseconds auth_delay)
    : http_(std::make_unique<Http>(place, std::move(secrets), auth_delay)) {}
Server::~Server() = default;

int Server::bind(int port) {
  if (port == 0) {
    return http_->server.bind_to_any_port("127.0.0.1");
  }
  return http_->server.bind_to_port("127.0.0.1", port) ? port : -1;
}

void Server::serve() {
  http_->server.listen_after_bind();
  http_->served = true;
}

void Server::stop() {
  http_->ending.request();
  // One that is about to listen takes no notice of its stop.
  while (!http_->server.is_running() && !http_->served) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  http_->server.stop();
}

}  // namespace drover::pve_sim
