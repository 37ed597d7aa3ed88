#include "agent/cli/probe_options.h"

#include <CLI/App.hpp>
#include <charconv>
#include <chrono>
#include <string_view>
#include <utility>

namespace drover::cli {
namespace {

Result<std::uint16_t> read_probe_port(std::string_view option, std::string_view text) {
  std::uint16_t port = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || stop != text.data() + text.size() || port == 0) {
    return fail(Code::invalid, "{}: \"{}\" is no port from 1 to 65535", option, text);
  }
  return port;
}

Result<ProbeSpec> read_http(std::string_view text) {
  const std::size_t slash = text.find('/');
  ProbeSpec probe;
  probe.kind = ProbeSpec::Kind::http;
  probe.port = TRY(read_probe_port("--probe-http", text.substr(0, slash)));
  probe.path = slash == std::string_view::npos ? "/" : text.substr(slash);
  probe.name = fmt::format("http-{}", probe.port);
  return probe;
}

Result<ProbeSpec> read_tcp(std::string_view text) {
  ProbeSpec probe;
  probe.kind = ProbeSpec::Kind::tcp;
  probe.port = TRY(read_probe_port("--probe-tcp", text));
  probe.name = fmt::format("tcp-{}", probe.port);
  return probe;
}

Result<std::vector<std::string>> read_words(std::string_view text) {
  std::vector<std::string> words;
  if (text.starts_with('[')) {
    const Result<json::Value> value = json::parse(text);
    bool fits = value && value->array() != nullptr;
    for (std::size_t i = 0; fits && i < value->array()->size(); ++i) {
      const std::string* word = value->array()->at(i).string();
      fits = word != nullptr;
      words.push_back(fits ? *word : "");
    }
    if (!fits) {
      words.clear();
    }
  } else {
    while (!text.empty()) {
      const std::size_t end = text.find(' ');
      if (end != 0) {
        words.emplace_back(text.substr(0, end));
      }
      text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
  }
  if (words.empty() || words.front().empty()) {
    return fail(Code::invalid,
                "--probe-exec: neither a program with its arguments, spaces between, nor a JSON "
                "array of them");
  }
  return words;
}

Result<ProbeSpec> read_exec(std::string_view text, std::size_t number) {
  ProbeSpec probe;
  probe.command = TRY(read_words(text));
  probe.name = number == 0 ? "exec" : fmt::format("exec-{}", number + 1);
  return probe;
}

void set_seconds(std::chrono::seconds& member, const std::optional<std::int64_t>& given) {
  if (given) {
    member = std::chrono::seconds(*given);
  }
}

}  // namespace

Result<std::vector<ProbeSpec>> read_probes(const ProbeOptions& options) {
  const bool has_settings =
      options.interval_s || options.timeout_s || options.failures || options.start_period_s;
  if (has_settings && options.http.empty() && options.tcp.empty() && options.exec.empty()) {
    return fail(Code::invalid,
                "--probe-interval, --probe-timeout, --probe-failures and --probe-start-period: go "
                "with --probe-http, --probe-tcp or --probe-exec");
  }
  std::vector<ProbeSpec> probes;
  for (const std::string& text : options.http) {
    ProbeSpec probe = TRY(read_http(text));
    probes.push_back(std::move(probe));
  }
  for (const std::string& text : options.tcp) {
    ProbeSpec probe = TRY(read_tcp(text));
    probes.push_back(std::move(probe));
  }
  for (std::size_t i = 0; i < options.exec.size(); ++i) {
    ProbeSpec probe = TRY(read_exec(options.exec[i], i));
    probes.push_back(std::move(probe));
  }
  for (ProbeSpec& probe : probes) {
    set_seconds(probe.interval, options.interval_s);
    set_seconds(probe.timeout, options.timeout_s);
    set_seconds(probe.start_period, options.start_period_s);
    probe.failures = options.failures.value_or(probe.failures);
  }
  return probes;
}

void add_probe_options(CLI::App& command, ProbeOptions& options) {
  constexpr std::int64_t kDay = 86400;
  const auto probes = [&](const char* name, std::vector<std::string>& values, const char* type,
                          const char* help) {
    command.add_option(name, values, help)->type_name(type)->allow_extra_args(false);
  };
  const auto number = [&](const char* name, std::optional<std::int64_t>& value, std::int64_t least,
                          std::int64_t most, const char* type, const char* help) {
    command.add_option(name, value, help)->check(CLI::Range(least, most))->type_name(type);
  };
  probes("--probe-http", options.http, "PORT[/PATH]",
         "It is healthy while GET inside answers 200 to 399; may be repeated, as the next two");
  probes("--probe-tcp", options.tcp, "PORT", "While a port inside takes connections");
  probes("--probe-exec", options.exec, "CMD",
         "While a program inside ends with 0: words with spaces between, or a JSON array of them");
  number("--probe-interval", options.interval_s, 1, kDay, "SECONDS", "How often (default: 10)");
  number("--probe-timeout", options.timeout_s, 1, kDay, "SECONDS",
         "How long an answer may take (default: 2)");
  number("--probe-failures", options.failures, 1, 1000, "NUMBER",
         "So many in a row end the container (default: 3)");
  number("--probe-start-period", options.start_period_s, 0, kDay, "SECONDS",
         "Failures so soon after the start do not count, up to the first success (default: 0)");
}

}  // namespace drover::cli
