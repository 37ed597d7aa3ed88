// drover stats: what containers use of the node.
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <cstdio>
#include <iterator>
#include <memory>

#include "agent/cli/command.h"
#include "agent/cli/exit_code.h"
#include "agent/cli/text.h"
#include "agent/core/container_status.h"
#include "agent/core/verb.h"

namespace drover::cli {
namespace {

/// As long as a rate is taken over.
constexpr std::chrono::milliseconds kBetween{1000};

struct StatsOptions {
  std::vector<std::string> names;
  bool json = false;
  bool watch = false;
};

Result<json::Array> ask_stats(Session& session, messaging::Client& client,
                              const StatsOptions& options) {
  const system::Stop& stop = session.interrupt.first();
  json::Array all;
  const auto take = [&all](json::Value& answer) {
    if (json::Value* list = answer.object()->find("stats"); list != nullptr && list->array()) {
      std::move(list->array()->begin(), list->array()->end(), std::back_inserter(all));
    }
  };
  for (const std::string& name : options.names) {
    json::Value one = TRY(client.query("query.stats", json::Object{{"name", name}}, stop));
    take(one);
  }
  if (options.names.empty()) {
    json::Value every = TRY(client.all("stats", stop));
    take(every);
    std::erase_if(all, [](const json::Value& one) {
      const std::string_view status = one.at("status").string_or("");
      return status != to_string(Status::running) && status != to_string(Status::paused);
    });
  }
  return all;
}

/// Sets cpu.percent of each that was there before, too: 100 is one core's whole time.
void add_rates(const json::Array& before, json::Array& now) {
  for (json::Value& one : now) {
    const auto earlier = std::find_if(
        before.begin(), before.end(),
        [&one](const json::Value& candidate) { return candidate.at("name") == one.at("name"); });
    json::Value* cpu = one.object() == nullptr ? nullptr : one.object()->find("cpu");
    if (earlier == before.end() || cpu == nullptr || cpu->object() == nullptr) {
      continue;
    }
    const double used = cpu->at("usage_ns").number() - earlier->at("cpu").at("usage_ns").number();
    const double time = one.at("at_ns").number() - earlier->at("at_ns").number();
    const bool known =
        cpu->find("usage_ns") != nullptr && earlier->at("cpu").find("usage_ns") != nullptr;
    // One that was started anew meanwhile has used less than before.
    if (known && time > 0 && used >= 0) {
      constexpr double kPercent = 100;
      cpu->object()->set("percent", kPercent * used / time);
    }
  }
}

std::string bytes_or_dash(const json::Value& value) {
  return value.is_number() ? size_text(static_cast<std::uint64_t>(value.number())) : "-";
}

std::string number_or_dash(const json::Value& value) {
  return value.is_number() ? fmt::format("{:.0f}", value.number()) : "-";
}

/// Of all interfaces together.
std::string network_sum(const json::Value& one, std::string_view member) {
  const json::Array* networks = one.at("networks").array();
  if (networks == nullptr) {
    return "-";
  }
  double sum = 0;
  for (const json::Value& network : *networks) {
    sum += network.at(member).number();
  }
  return size_text(static_cast<std::uint64_t>(sum));
}

std::string table_of(const json::Array& all) {
  std::vector<std::vector<std::string>> rows = {{"NAME", "STATUS", "CPU", "THROTTLED", "MEMORY",
                                                 "LIMIT", "SWAP", "PIDS", "READ", "WRITTEN",
                                                 "RECEIVED", "SENT"}};
  for (const json::Value& one : all) {
    const json::Value& cpu = one.at("cpu");
    const json::Value& memory = one.at("memory");
    const json::Value& percent = cpu.at("percent");
    const json::Value& throttled = cpu.at("throttled_ns");
    constexpr double kNanoInMilli = 1e6;
    rows.push_back(
        {std::string(one.at("name").string_or("")), std::string(one.at("status").string_or("")),
         percent.is_number() ? fmt::format("{:.1f}%", percent.number()) : "-",
         throttled.is_number()
             ? duration(static_cast<std::int64_t>(throttled.number() / kNanoInMilli))
             : "-",
         bytes_or_dash(memory.at("working_set_bytes")), bytes_or_dash(memory.at("limit_bytes")),
         bytes_or_dash(one.at("swap").at("usage_bytes")),
         number_or_dash(one.at("pids").at("current")), bytes_or_dash(one.at("io").at("read_bytes")),
         bytes_or_dash(one.at("io").at("write_bytes")), network_sum(one, "rx_bytes"),
         network_sum(one, "tx_bytes")});
  }
  return table(rows);
}

void show(const json::Array& all, const StatsOptions& options) {
  if (options.json) {
    // Followed, each time is one line.
    fmt::print("{}\n", options.watch ? json::write(all) : json::write_pretty(all));
  } else {
    const bool redraw = options.watch && isatty(STDOUT_FILENO) != 0;
    fmt::print("{}{}", redraw ? "\x1b[H\x1b[2J" : "", table_of(all));
    for (const json::Value& one : all) {
      if (const std::string_view why = one.at("message").string_or(""); !why.empty()) {
        fmt::print(stderr, "{}",
                   printable(fmt::format("{}: {}\n", one.at("name").string_or(""), why)));
      }
    }
  }
  std::fflush(stdout);
}

/// `cancelled` when it is interrupted meanwhile.
Result<> wait_between(const system::Stop& stop) {
  pollfd stopped{stop.fd(), POLLIN, 0};
  poll(&stopped, 1, static_cast<int>(kBetween.count()));
  return stop.check("watch what containers use");
}

Result<int> watch(Session& session, const StatsOptions& options) {
  messaging::Client client = TRY(
      options.names.size() == 1 ? session.connect_to(options.names.front()) : session.connect());
  json::Array before = TRY(ask_stats(session, client, options));
  do {
    TRY(wait_between(session.interrupt.first()));
    json::Array now = TRY(ask_stats(session, client, options));
    add_rates(before, now);
    show(now, options);
    before = std::move(now);
  } while (options.watch);
  return kDone;
}

Result<int> show_stats(Session& session, const StatsOptions& options) {
  for (const std::string& name : options.names) {
    if (const Result<> checked = check_target(TargetKind::container, name); !checked) {
      return wrong_usage(checked.error());
    }
  }
  const Result<int> shown = watch(session, options);
  return options.watch ? quiet_when_interrupted(shown, session.interrupt.first()) : shown;
}

}  // namespace

void add_stats(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand(
      "stats", "Show what containers use: CPU time, memory, processes, disks, networks");
  const auto options = std::make_shared<StatsOptions>();
  command->add_option("NAME", options->names, "Only these (default: all that run)");
  command->add_flag("--json", options->json, "As a JSON array; with --watch one a line");
  command->add_flag("-w,--watch", options->watch, "Again each second, until Ctrl-C");
  command->footer(
      "CPU is in percent of one core, over the last second; MEMORY without the caches that the\n"
      "kernel drops first. The other figures are since the container's start. \"-\" is what the\n"
      "kernel does not tell.\n\n" +
      std::string(kExitStatus));
  command->callback([&action, options] {
    action = [options](Session& session) { return show_stats(session, *options); };
  });
}

}  // namespace drover::cli
