#include "agent/jobs/keep/ask_probe.h"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "agent/core/http_status.h"
#include "agent/core/utf8.h"
#include "agent/jobs/inner_network.h"
#include "agent/system/inner_connection.h"

namespace drover::jobs {
namespace {

using system::UniqueFd;

/// Of what a program or a server has said, as much as a person wants to see in an event.
constexpr std::size_t kMostSaid = 256;

Finding failure(std::string message) {
  return {Finding::What::failure, std::move(message)};
}

Finding unasked(const Error& error) {
  return {Finding::What::unasked, error.message};
}

std::string shown(std::string_view text) {
  std::string said = repair_utf8(text.substr(0, kMostSaid));
  for (char& c : said) {
    c = static_cast<unsigned char>(c) < ' ' ? ' ' : c;
  }
  return said.substr(0, said.find_last_not_of(' ') + 1);
}

Finding ask_exec(const ProbeSpec& probe, const runtimes::Container& container,
                 runtimes::Runtime& runtime, const system::Stop& stop) {
  std::string said;
  const auto keep = [&said](std::string_view chunk) {
    said += chunk.substr(0, kMostSaid - std::min(said.size(), kMostSaid));
  };
  const Result<int> code = runtime.exec(container, {probe.command, {}, "", ""}, keep, keep, stop);
  if (code) {
    return *code == 0 ? Finding{Finding::What::success}
                      : failure(fmt::format("{} ended with {}{}{}", probe.command.front(), *code,
                                            said.empty() ? "" : ": ", shown(said)));
  }
  // The program cannot be run, which is the image's fault; anything else is the node's.
  return code.error().code == Code::invalid ? failure(code.error().message) : unasked(code.error());
}

std::vector<std::string> addresses_of(const ContainerRecord& record) {
  std::vector<std::string> addresses;
  const auto add = [&addresses](const std::string& cidr) {
    if (!cidr.empty()) {
      addresses.push_back(cidr.substr(0, cidr.find('/')));
    }
  };
  for (const runtimes::Attachment& attachment : record.interfaces) {
    add(attachment.address);
  }
  if (record.interfaces.empty() && record.container.spec.networks) {
    for (const NetworkSpec& network : *record.container.spec.networks) {
      add(network.address);
    }
  }
  addresses.emplace_back("127.0.0.1");
  addresses.emplace_back("::1");
  return addresses;
}

struct Connection {
  UniqueFd fd;
  std::string address;
};

/// `conflict` when none of the addresses takes it.
Result<Connection> connect_inside(const ProbeSpec& probe, const ContainerRecord& record,
                                  runtimes::Runtime& runtime, const system::Stop& stop) {
  const system::Path netns = TRY(inner_network(record.container, runtime, stop));
  std::string refused;
  for (const std::string& address : addresses_of(record)) {
    Result<UniqueFd> fd = system::connect_within(netns, address, probe.port, stop);
    if (fd) {
      return Connection{std::move(*fd), address};
    }
    if (fd.error().code != Code::conflict) {
      return Failure(fd.error());
    }
    refused = refused.empty() ? fd.error().message : refused;
  }
  return fail(Code::conflict, "{}", refused);
}

/// The answer's beginning, up to the end of its first line. `conflict` when there is none.
Result<std::string> get(const ProbeSpec& probe, const Connection& connection,
                        const system::Stop& stop) {
  const bool six = connection.address.find(':') != std::string::npos;
  const std::string request = fmt::format(
      "GET {} HTTP/1.1\r\nHost: {}{}{}:{}\r\nUser-Agent: drover-probe\r\nAccept: */*\r\n"
      "Connection: close\r\n\r\n",
      probe.path, six ? "[" : "", connection.address, six ? "]" : "", probe.port);
  const std::string what = fmt::format("GET {} from port {}", probe.path, probe.port);
  // Of a new connection the buffer takes a request of this size whole.
  if (send(connection.fd.get(), request.data(), request.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(request.size())) {
    return fail(Code::conflict, "{}: {}", what, std::strerror(errno));
  }
  std::string answer;
  std::array<char, kMostStatusLine> buffer{};
  while (answer.find('\n') == std::string::npos && answer.size() < kMostStatusLine) {
    TRY(system::wait_for(connection.fd.get(), POLLIN, stop, what));
    const ssize_t size = recv(connection.fd.get(), buffer.data(), buffer.size(), 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
      continue;
    }
    if (size <= 0) {
      return fail(Code::conflict, "{}: {}", what,
                  size == 0 ? "hung up without an answer" : std::strerror(errno));
    }
    answer.append(buffer.data(), static_cast<std::size_t>(size));
  }
  return answer;
}

Finding ask_network(const ProbeSpec& probe, const ContainerRecord& record,
                    runtimes::Runtime& runtime, const system::Stop& stop) {
  const auto of_error = [](const Error& error) {
    return error.code == Code::conflict ? failure(error.message) : unasked(error);
  };
  const Result<Connection> connection = connect_inside(probe, record, runtime, stop);
  if (!connection) {
    return of_error(connection.error());
  }
  if (probe.kind == ProbeSpec::Kind::tcp) {
    return {Finding::What::success};
  }
  const Result<std::string> answer = get(probe, *connection, stop);
  if (!answer) {
    return of_error(answer.error());
  }
  const std::optional<int> status = http_status(*answer);
  if (status && *status >= 200 && *status < 400) {
    return {Finding::What::success};
  }
  return failure(fmt::format("GET {} from port {}: {} \"{}\"", probe.path, probe.port,
                             status ? "the answer is" : "no HTTP answer:",
                             shown(std::string_view(*answer).substr(0, answer->find('\n')))));
}

}  // namespace

Finding ask_probe(const ProbeSpec& probe, const ContainerRecord& record, runtimes::Runtime& runtime,
                  const system::Stop& stop) {
  return probe.kind == ProbeSpec::Kind::exec ? ask_exec(probe, record.container, runtime, stop)
                                             : ask_network(probe, record, runtime, stop);
}

}  // namespace drover::jobs
