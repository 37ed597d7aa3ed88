#include "messaging/etcd/connection.h"

#include <curl/curl.h>

#include <new>
#include <utility>

namespace drover::etcd {
namespace {

/// etcd takes requests of 1.5 MiB; what a range answers is bounded by who asks for it.
constexpr std::size_t kMostBody = std::size_t{16} << 20;
constexpr long kMostIdleSeconds = 60;

struct LibcurlInUse {
  LibcurlInUse() { curl_global_init(CURL_GLOBAL_DEFAULT); }
};

void free_headers(curl_slist* list) {
  curl_slist_free_all(list);
}

}  // namespace

struct Connection::Transfer {
  Transfer() : easy(curl_easy_init()), multi(curl_multi_init()) {
    if (easy == nullptr || multi == nullptr) {
      throw std::bad_alloc();
    }
  }
  ~Transfer() {
    curl_easy_cleanup(easy);
    curl_multi_cleanup(multi);
  }
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  void add_header(const std::string& header) {
    curl_slist* const longer = curl_slist_append(headers.get(), header.c_str());
    if (longer == nullptr) {
      throw std::bad_alloc();
    }
    static_cast<void>(headers.release());
    headers.reset(longer);
  }

  // Callbacks of libcurl; `to` is the transfer.

  static std::size_t take_body(char* data, std::size_t, std::size_t size, void* to) {
    auto& transfer = *static_cast<Transfer*>(to);
    if (transfer.answer.body.size() + size > kMostBody) {
      transfer.too_large = true;
      return 0;  // ends the transfer
    }
    transfer.answer.body.append(data, size);
    return size;
  }
  /// Once there is a connection, before anything of the request is sent on it. libcurl would send
  /// it again by itself when a kept connection was closed meanwhile.
  static int before_request(void* to, char*, char*, int, int) {
    auto& transfer = *static_cast<Transfer*>(to);
    const bool again = std::exchange(transfer.reached, true);
    return again && !transfer.repeatable ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
  }

  /// Until it has ended, however.
  Result<CURLcode> run(const std::string& what, const system::Stop& stop) {
    curl_multi_add_handle(multi, easy);
    const Result<CURLcode> done = await(what, stop);
    curl_multi_remove_handle(multi, easy);
    return done;
  }

  CURL* easy;
  CURLM* multi;  // keeps the connection between requests
  std::unique_ptr<curl_slist, void (*)(curl_slist*)> headers{nullptr, free_headers};
  HttpAnswer answer{};
  bool too_large = false;
  bool repeatable = false;
  bool reached = false;  // a member was there to take the request
  char message[CURL_ERROR_SIZE] = {};

 private:
  Result<CURLcode> await(const std::string& what, const system::Stop& stop) {
    for (;;) {
      int running = 0;
      if (const CURLMcode code = curl_multi_perform(multi, &running); code != CURLM_OK) {
        return fail(Code::broken, "{}: {}", what, curl_multi_strerror(code));
      }
      int left = 0;
      while (const CURLMsg* said = curl_multi_info_read(multi, &left)) {
        if (said->msg == CURLMSG_DONE) {
          return said->data.result;
        }
      }
      curl_waitfd stopped{stop.fd(), CURL_WAIT_POLLIN, 0};
      curl_multi_poll(multi, &stopped, 1, 1000, nullptr);
      TRY(stop.check(what));
    }
  }
};

Connection::Connection(const Settings& settings, std::string url)
    : settings_(settings), url_(std::move(url)) {
  static const LibcurlInUse libcurl;
}

Connection::~Connection() = default;

void Connection::prepare(const HttpRequest& request) {
  if (!transfer_) {
    transfer_ = std::make_unique<Transfer>();
  }
  CURL* const easy = transfer_->easy;
  curl_easy_reset(easy);
  transfer_->answer = {};
  transfer_->too_large = false;
  transfer_->repeatable = request.repeatable;
  transfer_->reached = false;
  transfer_->message[0] = '\0';
  curl_easy_setopt(easy, CURLOPT_URL, (url_ + request.path).c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_1_1});
  // etcd offers "h2" alone, and Go ends a handshake whose offers have nothing in common.
  curl_easy_setopt(easy, CURLOPT_SSL_ENABLE_ALPN, 0L);
  curl_easy_setopt(easy, CURLOPT_SSLVERSION, long{CURL_SSLVERSION_TLSv1_2});
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(settings_.timeout.count()));
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(settings_.timeout.count()));
  curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, kMostIdleSeconds);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer_->message);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, Transfer::take_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer_.get());
  curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, Transfer::before_request);
  curl_easy_setopt(easy, CURLOPT_PREREQDATA, transfer_.get());
  // Nobody is trusted but the authority that is named.
  curl_easy_setopt(easy, CURLOPT_CAPATH, nullptr);
  curl_easy_setopt(easy, CURLOPT_CAINFO,
                   settings_.ca_file.empty() ? nullptr : settings_.ca_file.c_str());
  if (!settings_.certificate_file.empty()) {
    curl_easy_setopt(easy, CURLOPT_SSLCERT, settings_.certificate_file.c_str());
    curl_easy_setopt(easy, CURLOPT_SSLKEY, settings_.key_file.c_str());
  }
  transfer_->headers.reset();
  transfer_->add_header("Content-Type: application/json");
  transfer_->add_header(
      "Expect:");  // a large body is not announced first, which would be waited for
  if (!request.token.empty()) {
    transfer_->add_header("Authorization: " + request.token);
  }
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer_->headers.get());
  curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, static_cast<long>(request.body.size()));
  curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, request.body.c_str());
}

Result<HttpAnswer> Connection::post(const HttpRequest& request, const system::Stop& stop) {
  prepare(request);
  const std::string what = "POST " + url_ + request.path;
  Result<CURLcode> done = transfer_->run(what, stop);
  if (done && *done == CURLE_OK) {
    long status = 0;
    curl_easy_getinfo(transfer_->easy, CURLINFO_RESPONSE_CODE, &status);
    transfer_->answer.status = static_cast<int>(status);
    return std::move(transfer_->answer);
  }
  // One that fails leaves its connection in any state: it goes with it.
  const std::unique_ptr<Transfer> failed = std::move(transfer_);
  if (!done) {
    return Failure(std::move(done.error()));
  }
  std::string_view text = failed->message[0] != '\0' ? failed->message : curl_easy_strerror(*done);
  if (*done == CURLE_ABORTED_BY_CALLBACK) {
    text = "the member has closed the kept connection";
  }
  if (failed->too_large) {
    return fail(Code::broken, "{}: the answer is larger than {} bytes", what, kMostBody);
  }
  if (*done == CURLE_PEER_FAILED_VERIFICATION || *done == CURLE_SSL_CACERT_BADFILE ||
      *done == CURLE_SSL_CERTPROBLEM) {
    return fail(Code::refused,
                "{}: {}; check the authority (ca_file) of etcd's members, and the certificate_file "
                "and key_file of this one",
                what, text);
  }
  return fail(failed->reached ? Code::timed_out : Code::unavailable, "{}: {}", what, text);
}

}  // namespace drover::etcd
