// pve-sim: a Proxmox VE node's API for tests and the demo.
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <exception>
#include <thread>

#include "agent/system/child.h"
#include "agent/system/file.h"
#include "agent/system/signals.h"
#include "tests/pve-sim/certificate.h"
#include "tests/pve-sim/guest_tasks.h"
#include "tests/pve-sim/guest_unit.h"
#include "tests/pve-sim/interfaces.h"
#include "tests/pve-sim/peers.h"
#include "tests/pve-sim/sdn_apply.h"
#include "tests/pve-sim/server.h"
#include "tests/pve-sim/storage_config.h"

namespace {

using namespace drover;

struct Arguments {
  pve_sim::Place place;
  int port = 0;
  bool keep = false;
  int allocation_ms = 0;
  int lock_wait_ms = 10000;
  int auth_delay_ms = 3000;
  std::filesystem::path request;
};

bool read_number(std::string_view text, int& out) {
  return std::from_chars(text.data(), text.data() + text.size(), out).ptr ==
         text.data() + text.size();
}

/// "NAME:TYPE".
bool read_storage(const std::string& text, pve_sim::Place& place) {
  const std::size_t colon = text.find(':');
  if (colon == 0 || colon == std::string::npos || text.find('/') != std::string::npos) {
    return false;
  }
  std::string type = text.substr(colon + 1);
  const bool known = type == "dir" || type == "btrfs";
  place.storages[text.substr(0, colon)] = std::move(type);
  return known;
}

bool read_arguments(int argc, char** argv, int first, Arguments& out) {
  for (int i = first; i < argc; i += 2) {
    const std::string_view name = argv[i];
    if (name == "--keep") {
      out.keep = true;
      --i;
      continue;
    }
    if (i + 1 == argc) {
      return false;
    }
    const std::string value = argv[i + 1];
    if (name == "--directory") {
      out.place.directory = std::filesystem::absolute(value);
    } else if (name == "--lxc-path") {
      out.place.lxc_path = std::filesystem::absolute(value);
    } else if (name == "--node") {
      out.place.node = value;
    } else if (name == "--bridge") {
      out.place.bridges.push_back(value);
    } else if (name == "--trace") {
      out.place.trace = std::filesystem::absolute(value);
    } else if (name == "--token") {
      out.place.token = value;
    } else if (name == "--request") {
      out.request = value;
    } else if (!(name == "--storage" && read_storage(value, out.place)) &&
               !(name == "--port" && read_number(value, out.port)) &&
               !(name == "--auth-delay-ms" && read_number(value, out.auth_delay_ms)) &&
               !(name == "--lock-wait-ms" && read_number(value, out.lock_wait_ms)) &&
               !(name == "--allocation-ms" && read_number(value, out.allocation_ms))) {
      return false;
    }
  }
  out.place.allocation = std::chrono::milliseconds(out.allocation_ms);
  out.place.lock_wait = std::chrono::milliseconds(out.lock_wait_ms);
  if (out.place.lxc_path.empty()) {
    out.place.lxc_path = out.place.directory / "lxc";
  }
  return !out.place.directory.empty();
}

// Also what a run that was killed left behind.
Result<> clean(const pve_sim::Place& place) {
  for (const std::string& vmid : pve_sim::guest_ids(place)) {
    TRY(pve_sim::destroy_guest(place, vmid));
  }
  TRY(pve_sim::forget_vnets(place, system::Stop()));
  TRY(pve_sim::forget_interfaces(place, system::Stop()));
  for (const auto& folder : {place.tasks(), place.guests()}) {
    TRY(system::remove_tree(folder));
    TRY(system::make_folders(folder));
  }
  for (const auto& [storage, config] : pve_sim::configured_storages(place)) {
    TRY(system::remove_tree(place.images(storage)));
    TRY(system::remove_tree(place.snapshots(storage)));
    TRY(system::remove_tree(place.dump(storage)));
  }
  return pve_sim::configure_storages(place, pve_sim::first_storages(place));
}

int serve(const Arguments& arguments) {
  const pve_sim::Place& place = arguments.place;
  system::Signals signals({SIGTERM, SIGINT});
  for (const auto& folder : {place.tasks(), place.guests(), place.templates(), place.lxc_path}) {
    if (const Result<> made = system::make_folders(folder); !made) {
      throw std::runtime_error(to_text(made.error()));
    }
  }
  for (const Result<>& done : {pve_sim::write_own_place(place), pve_sim::make_guest_units(place)}) {
    if (!done) {
      throw std::runtime_error(to_text(done.error()));
    }
  }
  // As a node that comes back: guests, volumes, tasks, its certificate and the token are as they
  // were.
  const bool comes_back = arguments.keep && std::filesystem::exists(place.directory / "token");
  if (!comes_back) {
    for (const Result<>& done : {clean(place), system::remove_tree(place.access())}) {
      if (!done) {
        throw std::runtime_error(to_text(done.error()));
      }
    }
  }
  const Result<std::string> fingerprint = comes_back
                                              ? system::read_file(place.directory / "fingerprint")
                                              : pve_sim::make_certificate(place.directory);
  const Result<std::string> token = comes_back
                                        ? pve_sim::read_line(place.directory / "token")
                                        : pve_sim::make_token(place, place.directory / "token");
  const Result<std::string> password = comes_back
                                           ? pve_sim::read_line(place.directory / "password")
                                           : pve_sim::make_password(place.directory / "password");
  for (const auto* made : {&fingerprint, &token, &password}) {
    if (!*made) {
      throw std::runtime_error(to_text(made->error()));
    }
  }
  pve_sim::Server server(place, {*token, *password},
                         std::chrono::milliseconds(arguments.auth_delay_ms));
  const int port = server.bind(arguments.port);
  if (port < 0) {
    throw std::runtime_error(fmt::format("cannot bind port {}", arguments.port));
  }
  std::thread serving([&server] { server.serve(); });
  fmt::print("pve-sim ready url=https://127.0.0.1:{} fingerprint={} token={} password={} ca={}\n",
             port, *fingerprint, (place.directory / "token").string(),
             (place.directory / "password").string(), (place.directory / "cert.pem").string());
  std::fflush(stdout);
  pollfd wait{signals.fd(), POLLIN, 0};
  while (poll(&wait, 1, -1) < 0) {
  }
  server.stop();
  serving.join();
  const Result<> cleaned = clean(place);
  if (!cleaned) {
    throw std::runtime_error(to_text(cleaned.error()));
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    Arguments arguments;
    const bool task = argc > 1 && std::string_view(argv[1]) == "task";
    if (!read_arguments(argc, argv, task ? 2 : 1, arguments)) {
      fmt::print(stderr,
                 "usage: pve-sim --directory DIR [--node NAME] [--bridge NAME]... [--port N] "
                 "[--storage NAME:dir|btrfs]... [--lxc-path DIR] [--token NAME] "
                 "[--auth-delay-ms N] [--lock-wait-ms N] "
                 "[--allocation-ms N] [--trace FILE] [--keep]\n");
      return 2;
    }
    return task ? pve_sim::run_task(arguments.place, arguments.request) : serve(arguments);
  } catch (const std::exception& failure) {
    fmt::print(stderr, "pve-sim: {}\n", failure.what());
    return 1;
  }
}
