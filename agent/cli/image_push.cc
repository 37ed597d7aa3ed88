#include "agent/cli/image_push.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>

#include "agent/cli/archive_form.h"
#include "agent/cli/exit_code.h"
#include "agent/cli/job_run.h"
#include "agent/cli/text.h"
#include "agent/core/image_reference.h"
#include "agent/system/unique_fd.h"
#include "messaging/client/input_stream.h"
#include "proxmox/file_digest.h"

namespace drover::cli {
namespace {

struct PushOptions {
  std::string file;
  std::string name;
  std::string form;
  std::string tag;
  JobFlags flags;
};

struct PushedFile {
  system::UniqueFd fd;
  std::uint64_t bytes = 0;

  Result<std::size_t> read_at(std::uint64_t offset, std::span<char> into) const {
    std::size_t got = 0;
    while (got < into.size()) {
      const ssize_t size =
          pread(fd.get(), into.data() + got, into.size() - got, static_cast<off_t>(offset + got));
      if (size < 0 && errno != EINTR) {
        return fail(Code::broken, "read it: {}", std::strerror(errno));
      }
      if (size == 0) {
        break;
      }
      got += size < 0 ? 0 : static_cast<std::size_t>(size);
    }
    return got;
  }
};

/// pushed:NAME, by default that of the file, with the tag "latest" where none is named.
Result<std::string> reference_of(const PushOptions& options) {
  std::string name =
      options.name.empty() ? std::filesystem::path(options.file).stem().native() : options.name;
  constexpr std::string_view kPrefix = "pushed:";
  name.erase(0, name.starts_with(kPrefix) ? kPrefix.size() : 0);
  const std::size_t slash = name.rfind('/');
  if (name.find(':', slash == std::string::npos ? 0 : slash) == std::string::npos) {
    name += ":latest";
  }
  std::string reference = std::string(kPrefix) + name;
  const Result<ImageReference> read = parse_image_reference(reference);
  if (!read) {
    return fail(Code::invalid, "{}{}", read.error().message,
                options.name.empty() ? ": give it a name, as drover image push FILE NAME:TAG" : "");
  }
  return reference;
}

Result<PushedFile> open_file(const std::string& path) {
  PushedFile file;
  file.fd.reset(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  struct stat facts {};
  if (!file.fd.valid() || fstat(file.fd.get(), &facts) != 0) {
    return fail(errno == ENOENT ? Code::not_found : Code::refused, "open {}: {}", path,
                std::strerror(errno));
  }
  if (!S_ISREG(facts.st_mode) || facts.st_size == 0) {
    return fail(Code::invalid, "{} is no file with content", path);
  }
  file.bytes = static_cast<std::uint64_t>(facts.st_size);
  return file;
}

/// Sends it from where the node is, and returns what the node calls it.
Result<std::string> send_file(Session& session, messaging::Client& client, const PushedFile& file,
                              const std::string& sha256, bool quiet) {
  using State = messaging::InputStream::State;
  const system::Stop& stop = session.interrupt.first();
  messaging::InputStream stream =
      TRY(messaging::InputStream::to_upload(client, sha256, file.bytes));
  constexpr std::chrono::seconds kTurn{1};
  const bool shows = !quiet && isatty(STDERR_FILENO) == 1;
  auto next = std::chrono::steady_clock::now();
  while (stream.state() != State::finished && stream.state() != State::ended) {
    if (!stream.upload().empty() && stream.end() < file.bytes && stream.room() > 0) {
      std::string part(std::min<std::uint64_t>(stream.room(), file.bytes - stream.end()), '\0');
      const std::size_t got = TRY(file.read_at(stream.end(), part));
      if (got < part.size()) {
        return fail(Code::conflict, "the file has become shorter while it was sent");
      }
      stream.give(part);
    }
    if (!stream.upload().empty() && stream.end() >= file.bytes) {
      stream.finish();
    }
    TRY(stream.work(std::chrono::steady_clock::now() + kTurn, stop));
    if (shows && std::chrono::steady_clock::now() >= next) {
      fmt::print(stderr, "\rsent {} of {}  ", size_text(stream.end()), size_text(file.bytes));
      next = std::chrono::steady_clock::now() + kTurn;
    }
  }
  if (shows) {
    fmt::print(stderr, "\r{:40}\r", "");
  }
  return stream.state() == State::finished
             ? Result<std::string>(stream.upload())
             : fail(Code::unavailable, "the node takes it no more; push it again");
}

Result<int> push(Session& session, const PushOptions& options) {
  const Result<std::string> reference = reference_of(options);
  if (!reference) {
    return wrong_usage(reference.error());
  }
  Result<JobRequest> request = make_request(Verb::image_pull, *reference, options.flags);
  if (!request) {
    return wrong_usage(request.error());
  }
  const PushedFile file = TRY(open_file(options.file));
  std::string form = options.form;
  if (form.empty()) {
    form = TRY(archive_form([&file](std::uint64_t offset, std::span<char> into) {
                 return file.read_at(offset, into);
               }).context(options.file));
  }
  const std::string sha256 =
      TRY(proxmox::sha256_of(file.fd.get(), session.interrupt.first()).context(options.file));
  messaging::Client client = TRY(session.connect());
  const std::string upload = TRY(send_file(session, client, file, sha256, options.flags.quiet)
                                     .context("send " + options.file));
  request->options.from =
      fmt::format("{}:{}{}{}", form, upload, options.tag.empty() ? "" : ":", options.tag);
  request->options.checksum = "sha256:" + sha256;
  return run_one(session, request, options.flags.quiet,
                 [](const std::string& target, const json::Value&) { fmt::print("{}\n", target); });
}

}  // namespace

void add_image_push(CLI::App& group, Action& action) {
  CLI::App* command = group.add_subcommand(
      "push", "Send an archive of an image from here to the node, as pushed:NAME");
  const auto options = std::make_shared<PushOptions>();
  command
      ->add_option("FILE", options->file,
                   "What docker save has written, or an OCI image layout in a tar file")
      ->required();
  command->add_option("NAME", options->name,
                      "REPOSITORY[:TAG] of the image there; by default that of the file");
  command
      ->add_option("--format", options->form,
                   "oci-archive or docker-archive; by default what is in the file tells, but of a "
                   "compressed one, which is taken for the latter")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"oci-archive", "docker-archive"}));
  command
      ->add_option("--tag", options->tag,
                   "Of a file with several images: a tag, or REPOSITORY:TAG of docker's")
      ->type_name("TAG");
  add_job_flags(*command, options->flags);
  command->footer(
      fmt::format("What was broken off goes on where it was when the file is pushed again within "
                  "an hour.\n\n"
                  "Example:\n"
                  "  docker save web:1 -o web.tar; drover image push web.tar web:1\n"
                  "  drover run --name web --image pushed:web:1\n\n{}",
                  kExitStatus));
  command->callback([&action, options] {
    action = [options](Session& session) { return push(session, *options); };
  });
}

}  // namespace drover::cli
