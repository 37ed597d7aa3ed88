#include "proxmox/transport.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <new>
#include <numeric>
#include <utility>

namespace drover::proxmox {
namespace {

constexpr std::size_t kMostAnswer = std::size_t{16} << 20;
constexpr long kConnectTimeoutMs = 10'000;
/// pveproxy closes an idle connection after 5 s, and a request that meets that close is lost.
constexpr std::chrono::seconds kMostIdle{3};
/// How long others are asked in place of a server that could not be reached.
constexpr std::chrono::seconds kPassedOver{2};

struct Libcurl {
  Libcurl() { curl_global_init(CURL_GLOBAL_DEFAULT); }
};

void free_list(curl_slist* list) {
  curl_slist_free_all(list);
}

void free_mime(curl_mime* mime) {
  curl_mime_free(mime);
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

  // Callbacks of libcurl; `to` is the transfer.

  static std::size_t take_body(char* data, std::size_t, std::size_t size, void* to) {
    auto& transfer = *static_cast<Transfer*>(to);
    if (transfer.answer.body.size() + size > kMostAnswer) {
      transfer.too_large = true;
      return 0;  // ends the transfer
    }
    transfer.answer.body.append(data, size);
    return size;
  }
  /// Once there is a connection, before anything of the request is sent on it.
  static int before_request(void* to, char*, char*, int, int) {
    auto& transfer = *static_cast<Transfer*>(to);
    const bool again = std::exchange(transfer.reached, true);
    return again && !transfer.repeatable ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
  }
  static std::size_t read_file(char* data, std::size_t, std::size_t size, void* from) {
    auto& transfer = *static_cast<Transfer*>(from);
    const std::uint64_t left = transfer.file_size - transfer.file_at;
    const ssize_t got = pread(transfer.file, data, std::min<std::uint64_t>(size, left),
                              static_cast<off_t>(transfer.file_at));
    // One that has become shorter has another content than was promised.
    if (got < 0 || (got == 0 && left > 0)) {
      transfer.file_failed = true;
      return CURL_READFUNC_ABORT;
    }
    transfer.file_at += static_cast<std::uint64_t>(got);
    return static_cast<std::size_t>(got);
  }

  CURL* easy;
  CURLM* multi;  // keeps the connection between requests
  std::unique_ptr<curl_slist, void (*)(curl_slist*)> headers{nullptr, free_list};
  std::unique_ptr<curl_mime, void (*)(curl_mime*)> parts{nullptr, free_mime};
  int file = -1;  // of the parts
  std::uint64_t file_size = 0;
  std::uint64_t file_at = 0;
  bool file_failed = false;
  Answer answer;
  bool too_large = false;
  bool repeatable = false;
  bool reached = false;  // a server was there to take the request
  char message[CURL_ERROR_SIZE] = {};
  system::Instant idle_since{};
};

namespace {

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

/// Until the transfer has ended, however; `stop` is heeded while it `may_stop`.
Result<CURLcode> run(CURL* easy, CURLM* multi, const std::string& what, const Stop& stop,
                     const std::function<bool()>& may_stop) {
  curl_multi_add_handle(multi, easy);
  const auto wait = [&]() -> Result<CURLcode> {
    for (;;) {
      int running = 0;
      if (const CURLMcode code = curl_multi_perform(multi, &running); code != CURLM_OK) {
        return fail(Code::broken, "{}: {}", what, curl_multi_strerror(code));
      }
      int left = 0;
      while (const CURLMsg* message = curl_multi_info_read(multi, &left)) {
        if (message->msg == CURLMSG_DONE) {
          return message->data.result;
        }
      }
      curl_waitfd stopped{stop.fd(), CURL_WAIT_POLLIN, 0};
      curl_multi_poll(multi, &stopped, may_stop() ? 1 : 0, 1000, nullptr);
      if (may_stop()) {
        TRY(stop.check(what));
      }
    }
  };
  const Result<CURLcode> done = wait();
  curl_multi_remove_handle(multi, easy);
  return done;
}

}  // namespace

Transport::Transport(const Endpoint& endpoint, std::vector<Target> servers, system::Clock& clock)
    : ca_file_(endpoint.ca_file),
      timeout_(endpoint.timeout),
      clock_(clock),
      servers_(std::move(servers)) {
  static const Libcurl libcurl;
}

Result<std::unique_ptr<Transport>> Transport::make(const Endpoint& endpoint, system::Clock& clock) {
  std::vector<Server> all = {endpoint.server};
  all.insert(all.end(), endpoint.others.begin(), endpoint.others.end());
  std::vector<Target> servers;
  for (const Server& server : all) {
    if (!server.url.starts_with("https://") || server.url.ends_with('/')) {
      return fail(Code::invalid, "proxmox url \"{}\" is not of the form https://HOST:PORT",
                  server.url);
    }
    Target target{server.url, std::nullopt};
    if (!server.fingerprint.empty()) {
      target.pin = TRY(CertificatePin::parse(server.fingerprint)
                           .context(fmt::format("proxmox fingerprint of {}", server.url)));
    } else if (endpoint.ca_file.empty()) {
      return fail(Code::invalid,
                  "neither proxmox.ca_file nor a fingerprint says how to trust {}; on a Proxmox "
                  "node the CA is /etc/pve/pve-root-ca.pem",
                  server.url);
    }
    servers.push_back(std::move(target));
  }
  return std::unique_ptr<Transport>(new Transport(endpoint, std::move(servers), clock));
}

Transport::~Transport() = default;

std::unique_ptr<Transport::Transfer> Transport::take() {
  std::vector<std::unique_ptr<Transfer>> stale;
  std::unique_ptr<Transfer> transfer;
  {
    const std::lock_guard lock(mutex_);
    // The one that was used last is at the back. What no longer has a connection that may be used
    // is only a burden.
    const auto fresh = std::find_if(idle_.begin(), idle_.end(), [this](const auto& idle) {
      return idle->idle_since + kMostIdle > clock_.now();
    });
    stale.assign(std::move_iterator(idle_.begin()), std::move_iterator(fresh));
    idle_.erase(idle_.begin(), fresh);
    if (!idle_.empty()) {
      transfer = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  return transfer ? std::move(transfer) : std::make_unique<Transfer>();
}

void Transport::give_back(std::unique_ptr<Transfer> transfer) {
  curl_easy_reset(transfer->easy);
  transfer->headers.reset();
  transfer->parts.reset();
  transfer->idle_since = clock_.now();
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(transfer));
}

void Transport::add_parts(Transfer& transfer, const Request::Parts& parts) {
  transfer.file = parts.file.fd;
  transfer.file_size = parts.file.size_bytes;
  transfer.file_at = 0;
  transfer.file_failed = false;
  transfer.parts.reset(curl_mime_init(transfer.easy));
  const auto add = [&transfer](const std::string& name) {
    curl_mimepart* const part = curl_mime_addpart(transfer.parts.get());
    if (part == nullptr || curl_mime_name(part, name.c_str()) != CURLE_OK) {
      throw std::bad_alloc();
    }
    return part;
  };
  for (const auto& [name, value] : parts.fields) {
    if (curl_mime_data(add(name), value.data(), value.size()) != CURLE_OK) {
      throw std::bad_alloc();
    }
  }
  curl_mimepart* const file = add("filename");
  curl_mime_filename(file, parts.file.name.c_str());
  curl_mime_type(file, "application/octet-stream");
  curl_mime_data_cb(file, static_cast<curl_off_t>(parts.file.size_bytes), Transfer::read_file,
                    nullptr, nullptr, &transfer);
  curl_easy_setopt(transfer.easy, CURLOPT_MIMEPOST, transfer.parts.get());
}

void Transport::prepare(Transfer& transfer, const Target& server, const Request& request) const {
  CURL* easy = transfer.easy;
  transfer.answer = {};
  transfer.too_large = false;
  transfer.repeatable = request.repeatable;
  transfer.reached = false;
  transfer.message[0] = '\0';
  curl_easy_setopt(easy, CURLOPT_URL, (server.url + request.target).c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https");
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_1_1});
  curl_easy_setopt(easy, CURLOPT_SSLVERSION, long{CURL_SSLVERSION_TLSv1_2});
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, kConnectTimeoutMs);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(timeout_.count()));
  curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, long{kMostIdle.count()});
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer.message);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, &transfer.answer);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, Transfer::take_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, Transfer::before_request);
  curl_easy_setopt(easy, CURLOPT_PREREQDATA, &transfer);
  // Nobody is trusted but who is named. Debian's libcurl would read every authority of the system
  // anew for each connection, too, which takes longer than all the rest.
  curl_easy_setopt(easy, CURLOPT_CAPATH, nullptr);
  curl_easy_setopt(easy, CURLOPT_CAINFO, nullptr);
  if (server.pin) {
    server.pin->apply(easy);
  } else {
    curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file_.c_str());
  }
  for (const std::string& header : request.headers) {
    curl_slist* const longer = curl_slist_append(transfer.headers.get(), header.c_str());
    if (longer == nullptr) {
      throw std::bad_alloc();
    }
    static_cast<void>(transfer.headers.release());
    transfer.headers.reset(longer);
  }
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer.headers.get());
  curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  if (request.parts) {
    add_parts(transfer, *request.parts);
    // However large it is, it passes byte by byte, and then the API has its time to answer.
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 0L);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME,
                     static_cast<long>(std::chrono::ceil<std::chrono::seconds>(timeout_).count()));
  } else if (request.method == "POST" || request.method == "PUT") {
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, static_cast<long>(request.body.size()));
    curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, request.body.c_str());
  }
}

Result<Answer> Transport::send_to(const Target& server, const Request& request, const Stop& stop,
                                  bool& reached) {
  std::unique_ptr<Transfer> transfer = take();
  prepare(*transfer, server, request);
  const std::string what =
      request.method + " " + server.url + request.target.substr(0, request.target.find('?'));
  // One that fails leaves its connection in any state: it goes with it.
  // A file that was sent whole is one that the API takes: then its answer is worth waiting for.
  const auto may_stop = [&] { return !request.parts || transfer->file_at < transfer->file_size; };
  const CURLcode done = TRY(run(transfer->easy, transfer->multi, what, stop, may_stop));
  reached = transfer->reached;
  if (done != CURLE_OK) {
    std::string_view text =
        transfer->message[0] != '\0' ? transfer->message : curl_easy_strerror(done);
    if (done == CURLE_ABORTED_BY_CALLBACK) {
      text = "the server has closed the kept connection";
    }
    if (transfer->file_failed) {
      return fail(Code::unavailable, "{}: the file {} was changed while it was sent", what,
                  request.parts->file.name);
    }
    if (transfer->too_large) {
      return fail(Code::broken, "{}: the answer is larger than {} bytes", what, kMostAnswer);
    }
    if (done == CURLE_PEER_FAILED_VERIFICATION || done == CURLE_SSL_CACERT_BADFILE) {
      return fail(Code::refused,
                  "{}: the server's certificate is not the one that is trusted ({}); check "
                  "proxmox.ca_file or its fingerprint",
                  what, text);
    }
    return fail(!reached || request.repeatable ? Code::unavailable : Code::timed_out, "{}: {}",
                what, text);
  }
  long status = 0;
  curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
  transfer->answer.status = static_cast<int>(status);
  Answer answer = std::move(transfer->answer);
  give_back(std::move(transfer));
  return answer;
}

std::vector<std::size_t> Transport::order() {
  std::vector<std::size_t> order(servers_.size());
  std::iota(order.begin(), order.end(), 0);
  const system::Instant now = clock_.now();
  const std::lock_guard lock(mutex_);
  std::stable_partition(order.begin(), order.end(), [&](std::size_t server) {
    return servers_.at(server).passed_over_until <= now;
  });
  return order;
}

void Transport::pass_over(std::size_t server) {
  const std::lock_guard lock(mutex_);
  servers_.at(server).passed_over_until = clock_.now() + kPassedOver;
}

Result<Answer> Transport::send(const Request& request, const Stop& stop) {
  std::optional<Error> first;
  const std::vector<std::size_t> servers =
      request.own_server_only ? std::vector<std::size_t>{0} : order();
  for (const std::size_t server : servers) {
    bool reached = false;
    Result<Answer> answer = send_to(servers_.at(server), request, stop, reached);
    if (answer || (reached && !request.repeatable)) {
      return answer;
    }
    // Whether another one can be trusted is no matter of the first, which may be back soon.
    const Code code = answer.error().code;
    if (code != Code::unavailable && !(first && code == Code::refused)) {
      return answer;
    }
    pass_over(server);
    if (!first) {
      first = answer.error();
    } else {
      first->message += "; " + answer.error().message;
    }
  }
  return Failure(*first);
}

}  // namespace drover::proxmox
