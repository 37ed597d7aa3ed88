#include "runtimes/images/template_layout.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>
#include <vector>

#include "agent/core/json.h"
#include "agent/system/child.h"
#include "agent/system/disk_space.h"
#include "agent/system/pipe.h"
#include "proxmox/file_digest.h"
#include "runtimes/images/oci_layout.h"
#include "runtimes/images/umoci.h"

namespace drover::runtimes {
namespace {

using system::Path;
using system::UniqueFd;

/// How a file begins, and what makes the tar of it.
struct Format {
  std::string_view begin;
  std::string_view program;
  std::string_view package;
};
constexpr std::array kFormats{
    Format{"\x1f\x8b", "gzip", "gzip"},
    Format{{"\xfd\x37zXZ\0", 6}, "xz", "xz-utils"},
    Format{"\x28\xb5\x2f\xfd", "zstd", "zstd"},
    Format{"BZh", "bzip2", "bzip2"},
};
/// Of every other one: it is copied.
constexpr Format kNotCompressed{"", "cat", "coreutils"};

/// Where a tar's first header says what it is (POSIX ustar; GNU tar begins the same way).
constexpr off_t kMagicAt = 257;
constexpr std::string_view kMagic = "ustar";

/// Room for the tar is room for what is unpacked of it, too.
constexpr std::uint64_t kTarAndFiles = 2;

constexpr std::size_t kMostSaid = 4096;  ///< of what a program complains of

constexpr std::string_view kTarLayer = "application/vnd.oci.image.layer.v1.tar";

bool has_at(const UniqueFd& file, off_t at, std::string_view text) {
  std::array<char, 8> read{};
  return pread(file.get(), read.data(), text.size(), at) == static_cast<ssize_t>(text.size()) &&
         std::string_view(read.data(), text.size()) == text;
}

const Format& format_of(const UniqueFd& file) {
  const auto* const found =
      std::find_if(kFormats.begin(), kFormats.end(),
                   [&file](const Format& format) { return has_at(file, 0, format.begin); });
  return found == kFormats.end() ? kNotCompressed : *found;
}

/// What nobody has signed is let in where the policy takes anything: of the transport "tarball",
/// which is skopeo's for such files, or else of all (containers-policy.json(5)).
Result<> check_unsigned(const Path& policy_file) {
  TRY(check_policy_file(policy_file));
  const std::string text = TRY(system::read_file(policy_file));
  const Result<json::Value> policy = json::parse(text);
  if (!policy) {
    return fail(Code::refused, "mend the signature policy {} (containers-policy.json(5)): {}",
                policy_file.native(), policy.error().message);
  }
  const json::Value& own = policy->at("transports").at("tarball").at("");
  const json::Array* const needed = (own.is_null() ? policy->at("default") : own).array();
  const bool takes_anything =
      needed != nullptr && !needed->empty() &&
      std::all_of(needed->begin(), needed->end(), [](const json::Value& one) {
        return one.at("type").string_or("") == "insecureAcceptAnything";
      });
  return takes_anything
             ? Result<>()
             : fail(Code::refused,
                    "no template is signed, and the signature policy of this node, {}, does not "
                    "let it in: it may allow the transport \"tarball\" (images.policy_file, "
                    "containers-policy.json(5))",
                    policy_file.native());
}

Error failure_of(const Format& format, std::string_view complaint) {
  if (complaint.find("o space left on device") != std::string_view::npos) {
    return Error{
        Code::unavailable, "the node's disk is full: remove images (drover image prune)", {}};
  }
  return Error{Code::invalid,
               fmt::format("it is damaged, or not compressed by {}: {}", format.program, complaint),
               {}};
}

Error lacks_room(std::uint64_t bytes) {
  return Error{Code::unavailable,
               fmt::format("its tar is larger than {} MiB, half of what the disk has left: remove "
                           "images (drover image prune)",
                           bytes >> 20U),
               {}};
}

Result<> decompress(const UniqueFd& file, const Path& tar, const SkopeoOptions& options,
                    const system::Stop& stop) {
  const UniqueFd target(open(tar.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!target.valid() || lseek(file.get(), 0, SEEK_SET) != 0) {
    return fail(errno == ENOSPC ? Code::unavailable : Code::broken, "make {}: {}", tar.native(),
                std::strerror(errno));
  }
  const Format& format = format_of(file);
  std::vector<std::string> argv{std::string(format.program)};
  if (&format != &kNotCompressed) {
    argv.emplace_back("-dc");
  }
  system::Pipe complaints = TRY(system::make_pipe());
  system::ChildOptions child;
  // Its thread waits for it.
  child.dies_with_parent = true;
  // A file of a few MiB may stand for any number of zeros, for which others would have no disk.
  const system::DiskSpace disk = TRY(system::disk_space(tar.parent_path()));
  const rlimit most{disk.free / kTarAndFiles, disk.free / kTarAndFiles};
  child.before_exec = [&most] { return setrlimit(RLIMIT_FSIZE, &most) == 0; };
  child.descriptors = {{file.get(), 0}, {target.get(), 1}, {complaints.write.get(), 2}};
  Result<system::Child> started = system::Child::start(argv, child);
  if (!started) {
    return started.error().code != Code::not_found
               ? Failure(started.error())
               : fail(Code::refused, "this node has no {}, which decompresses it: apt install {}",
                      format.program, format.package);
  }
  complaints.write.reset();
  std::string said;
  const Result<system::Ending> ended = system::stream_child(
      std::move(*started), UniqueFd(), std::move(complaints.read), stop, [](std::string_view) {},
      [&said](std::string_view chunk) {
        said.append(chunk.substr(0, kMostSaid - std::min(kMostSaid, said.size())));
      },
      options.timeout);
  if (!ended && ended.error().code == Code::timed_out) {
    return fail(Code::unavailable, "{} was not done after {} s (images.timeout_s)", format.program,
                std::chrono::duration_cast<std::chrono::seconds>(options.timeout).count());
  }
  if (!ended) {
    return Failure(ended.error());
  }
  if (ended->signal == SIGXFSZ || said.find("ile too large") != std::string::npos) {
    return Failure(lacks_room(most.rlim_cur));
  }
  if (ended->code != 0) {
    std::replace(said.begin(), said.end(), '\n', ' ');
    return Failure(failure_of(format, said));
  }
  return {};
}

/// The tar among the blobs, which it gets into as a whole.
Result<ImageLayer> add_tar(const Path& tar, const Path& blobs, const system::Stop& stop) {
  const UniqueFd opened(open(tar.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat facts {};
  if (!opened.valid() || fstat(opened.get(), &facts) != 0) {
    return fail(Code::broken, "open {}: {}", tar.native(), std::strerror(errno));
  }
  if (!has_at(opened, kMagicAt, kMagic)) {
    return fail(Code::invalid,
                "it is no tar file, nor one that is compressed by gzip, xz, zstd or bzip2");
  }
  const std::string digits = TRY(proxmox::sha256_of(opened.get(), stop));
  if (::rename(tar.c_str(), (blobs / digits).c_str()) != 0) {
    return fail(Code::broken, "rename {} to {}: {}", tar.native(), (blobs / digits).native(),
                std::strerror(errno));
  }
  const std::string digest = "sha256:" + digits;
  return ImageLayer{digest, std::string(kTarLayer), static_cast<std::uint64_t>(facts.st_size),
                    digest};
}

}  // namespace

Result<> make_template_layout(const ImageReference& image, const UniqueFd& file, const Path& folder,
                              const SkopeoOptions& options, const system::Stop& stop,
                              const std::function<void(std::string_view)>& line) {
  TRY(check_unsigned(options.policy_file));
  const Path layout = folder / "layout";
  const Path blobs = layout / "blobs/sha256";
  // Its name is that of what skopeo has not yet got whole (fetch_progress.h).
  const Path tar = layout / "oci-put-blob-template";
  line(fmt::format("Reading {}", image.place));
  TRY(decompress(file, tar, options, stop).context(image.place));
  const ImageLayer layer = TRY(add_tar(tar, blobs, stop).context(image.place));
  line("Copying blob " + layer.digest);
  const std::string_view architecture =
      image.architecture.empty() ? node_architecture() : std::string_view(image.architecture);
  json::Object manifest =
      TRY(write_manifest(blobs, layer, architecture, {{"Cmd", json::Array{"/sbin/init"}}}));
  return write_layout(layout, std::move(manifest));
}

}  // namespace drover::runtimes
