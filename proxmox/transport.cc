#include "proxmox/transport.h"

#include <poll.h>

#include <algorithm>
#include <new>
#include <utility>

namespace drover::proxmox {
namespace {

constexpr std::size_t kMostAnswer = std::size_t{16} << 20;
constexpr long kConnectTimeoutMs = 10'000;
/// pveproxy closes an idle connection after 5 s, and a request that meets that close is lost.
constexpr long kMostIdleSeconds = 3;

struct Libcurl {
  Libcurl() { curl_global_init(CURL_GLOBAL_DEFAULT); }
};

void free_list(curl_slist* list) {
  curl_slist_free_all(list);
}

/// Errors before anything of the request was on its way.
bool surely_not_sent(CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_PEER_FAILED_VERIFICATION:
      return true;
    default:
      return false;
  }
}

}  // namespace

struct Transport::Transfer {
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

  CURL* easy;
  CURLM* multi;  // keeps the connection between requests
  std::unique_ptr<curl_slist, void (*)(curl_slist*)> headers{nullptr, free_list};
  Answer answer;
  bool too_large = false;
  char message[CURL_ERROR_SIZE] = {};
};

namespace {

std::size_t take_body(char* data, std::size_t, std::size_t size, void* to) {
  auto& transfer = *static_cast<std::pair<Answer*, bool*>*>(to);
  if (transfer.first->body.size() + size > kMostAnswer) {
    *transfer.second = true;
    return 0;  // ends the transfer
  }
  transfer.first->body.append(data, size);
  return size;
}

/// Keeps the reason phrase, where the API puts an error's text.
std::size_t take_header(char* data, std::size_t, std::size_t size, void* to) {
  std::string_view line(data, size);
  if (line.starts_with("HTTP/")) {
    while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) {
      line.remove_suffix(1);
    }
    const std::size_t status = line.find(' ');
    const std::size_t reason =
        status == std::string_view::npos ? status : line.find(' ', status + 1);
    static_cast<Answer*>(to)->reason =
        reason == std::string_view::npos ? "" : line.substr(reason + 1);
  }
  return size;
}

}  // namespace

Transport::Transport(const Endpoint& endpoint, std::string authorization,
                     std::optional<CertificatePin> pin)
    : endpoint_(endpoint), authorization_(std::move(authorization)), pin_(std::move(pin)) {
  static const Libcurl libcurl;
}

Transport::~Transport() = default;

std::unique_ptr<Transport::Transfer> Transport::take() {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      std::unique_ptr<Transfer> transfer = std::move(idle_.back());
      idle_.pop_back();
      return transfer;
    }
  }
  return std::make_unique<Transfer>();
}

void Transport::give_back(std::unique_ptr<Transfer> transfer) {
  curl_easy_reset(transfer->easy);
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(transfer));
}

void Transport::prepare(Transfer& transfer, const Request& request) const {
  CURL* easy = transfer.easy;
  transfer.answer = {};
  transfer.too_large = false;
  transfer.message[0] = '\0';
  curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https");
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_1_1});
  curl_easy_setopt(easy, CURLOPT_SSLVERSION, long{CURL_SSLVERSION_TLSv1_2});
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, kConnectTimeoutMs);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(endpoint_.timeout.count()));
  curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, kMostIdleSeconds);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer.message);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, &transfer.answer);
  if (pin_) {
    pin_->apply(easy);
  } else {
    curl_easy_setopt(easy, CURLOPT_CAINFO, endpoint_.ca_file.c_str());
  }
  transfer.headers.reset(curl_slist_append(nullptr, ("Authorization: " + authorization_).c_str()));
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer.headers.get());
  curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  if (request.method == "POST" || request.method == "PUT") {
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, static_cast<long>(request.body.size()));
    curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, request.body.c_str());
  }
}

Result<> Transport::perform(Transfer& transfer, const Request& request, const Stop& stop) const {
  const std::string what = request.method + " " + request.url.substr(0, request.url.find('?'));
  curl_multi_add_handle(transfer.multi, transfer.easy);
  const auto wait = [&]() -> Result<CURLcode> {
    for (;;) {
      int running = 0;
      if (const CURLMcode code = curl_multi_perform(transfer.multi, &running); code != CURLM_OK) {
        return fail(Code::broken, "{}: {}", what, curl_multi_strerror(code));
      }
      int left = 0;
      while (const CURLMsg* message = curl_multi_info_read(transfer.multi, &left)) {
        if (message->msg == CURLMSG_DONE) {
          return message->data.result;
        }
      }
      curl_waitfd stopped{stop.fd(), CURL_WAIT_POLLIN, 0};
      curl_multi_poll(transfer.multi, &stopped, 1, 1000, nullptr);
      TRY(stop.check(what));
    }
  };
  const Result<CURLcode> done = wait();
  curl_multi_remove_handle(transfer.multi, transfer.easy);
  if (!done) {
    return Failure(done.error());
  }
  if (*done == CURLE_OK) {
    return {};
  }
  const std::string_view text =
      transfer.message[0] != '\0' ? transfer.message : curl_easy_strerror(*done);
  if (transfer.too_large) {
    return fail(Code::broken, "{}: the answer is larger than {} bytes", what, kMostAnswer);
  }
  if (*done == CURLE_PEER_FAILED_VERIFICATION || *done == CURLE_SSL_CACERT_BADFILE) {
    return fail(Code::refused,
                "{}: the server's certificate is not the one that is trusted ({}); check "
                "proxmox.ca_file or proxmox.fingerprint",
                what, text);
  }
  return fail(
      surely_not_sent(*done) || request.method == "GET" ? Code::unavailable : Code::timed_out,
      "{}: {}", what, text);
}

Result<Answer> Transport::send(const Request& request, const Stop& stop) {
  std::unique_ptr<Transfer> transfer = take();
  std::pair<Answer*, bool*> into(&transfer->answer, &transfer->too_large);
  prepare(*transfer, request);
  curl_easy_setopt(transfer->easy, CURLOPT_WRITEFUNCTION, take_body);
  curl_easy_setopt(transfer->easy, CURLOPT_WRITEDATA, &into);
  const Result<> performed = perform(*transfer, request, stop);
  if (!performed) {
    // Its connection may be in any state: it goes with it.
    return Failure(performed.error());
  }
  long status = 0;
  curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
  transfer->answer.status = static_cast<int>(status);
  Answer answer = std::move(transfer->answer);
  give_back(std::move(transfer));
  return answer;
}

}  // namespace drover::proxmox
