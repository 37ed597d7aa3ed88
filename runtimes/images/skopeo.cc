#include "runtimes/images/skopeo.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "agent/system/child.h"

namespace drover::runtimes {
namespace {

using Kind = ImageReference::Kind;
using system::Path;

constexpr int kArchive = 3;  ///< numbers of descriptors of skopeo's
constexpr int kLogins = 4;
constexpr std::string_view kFetchedTag = "image";

/// What skopeo has in its message, and what that is to whoever asked for the image. `help` may have
/// {host}, {auth} and {policy}.
struct Meaning {
  std::string_view text;
  Code code;
  std::string_view help;
};
constexpr std::array kMeanings{
    Meaning{"is rejected by policy", Code::refused,
            "the signature policy of this node, {policy}, does not let it in (images.policy_file, "
            "containers-policy.json(5))"},
    Meaning{"Source image rejected", Code::refused,
            "the signature policy of this node, {policy}, does not let it in (images.policy_file, "
            "containers-policy.json(5))"},
    Meaning{"Error loading trust policy", Code::refused,
            "mend the signature policy {policy} (containers-policy.json(5))"},
    Meaning{"unauthorized", Code::refused, "{auth}"},
    Meaning{"authentication required", Code::refused, "{auth}"},
    Meaning{"requested access to the resource is denied", Code::refused, "{auth}"},
    Meaning{"certificate signed by unknown authority", Code::refused,
            "put the certificate of its authority into /etc/containers/certs.d/{host}/ca.crt, or "
            "into the folder of the registry below images.certificate_folder"},
    Meaning{"x509: ", Code::refused,
            "its certificate is not for this name, or not for this time; certificates are always "
            "checked"},
    Meaning{"server gave HTTP response to HTTPS client", Code::refused,
            "the registry speaks without TLS; if it may, say so in "
            "/etc/containers/registries.conf.d (insecure = true)"},
    Meaning{"manifest unknown", Code::not_found, "look at its name and tag"},
    Meaning{"name unknown", Code::not_found, "look at its name and tag"},
    Meaning{"no image found in manifest list", Code::not_found,
            "it was not made for this architecture"},
    Meaning{"no image found in image index", Code::not_found,
            "it was not made for this architecture"},
    Meaning{"no descriptor found for reference", Code::not_found, "the archive has no such tag"},
    Meaning{"more than one image in oci", Code::invalid,
            "the archive has several images: name the tag of one behind its file"},
    Meaning{"\" not found", Code::not_found, "the archive has no such image"},
    Meaning{"no space left on device", Code::unavailable,
            "the node's disk is full: remove images (drover image prune)"},
    Meaning{"toomanyrequests", Code::unavailable, "the registry gives no more for a while"},
    Meaning{"connection refused", Code::unavailable, "the registry does not answer"},
    Meaning{"no such host", Code::unavailable, "there is no such registry, or no name server"},
    Meaning{"timeout", Code::unavailable, "the registry does not answer"},
    Meaning{"network is unreachable", Code::unavailable, "the node has no way to the registry"},
    Meaning{"no route to host", Code::unavailable, "the node has no way to the registry"},
    Meaning{"connection reset", Code::unavailable, "the registry broke it off"},
    Meaning{"unexpected EOF", Code::unavailable, "the registry broke it off"},
    Meaning{"received unexpected HTTP status: 5", Code::unavailable, "the registry has failed"},
};

std::string registry_of(const ImageReference& image) {
  const std::string first = image.place.substr(0, image.place.find('/'));
  // What has none is docker.io's, as skopeo takes it.
  return first.find_first_of(".:") == std::string::npos && first != "localhost" ? "docker.io"
                                                                                : first;
}

std::string filled_in(std::string_view help, std::string_view name, std::string_view value) {
  std::string text(help);
  if (const std::size_t at = text.find(name); at != std::string::npos) {
    text.replace(at, name.size(), value);
  }
  return text;
}

/// What stands in msg="..." of a line of its log; the line itself where it has none.
std::string message_in(std::string_view line) {
  constexpr std::string_view kMessage = "msg=\"";
  const std::size_t at = line.find(kMessage);
  if (at == std::string_view::npos) {
    return std::string(line);
  }
  std::string text;
  for (std::size_t i = at + kMessage.size(); i < line.size() && line[i] != '"'; ++i) {
    if (line[i] == '\\' && i + 1 < line.size()) {
      ++i;
      text.push_back(line[i] == 'n' || line[i] == 't' ? ' ' : line[i]);
    } else {
      text.push_back(line[i]);
    }
  }
  return text;
}

/// As skopeo shall read it, which is not where it lies: the archive is held open.
std::string skopeo_source(const ImageReference& image, const Path& folder) {
  const std::string tag = image.tag.empty() ? "" : ":" + image.tag;
  switch (image.kind) {
    case Kind::registry:
      return fmt::format("docker://{}{}", image.place,
                         image.digest.empty() ? tag : "@" + image.digest);
    case Kind::docker_archive:
      return fmt::format("docker-archive:/proc/self/fd/{}{}", kArchive, tag);
    case Kind::oci_archive:
      return fmt::format("oci-archive:{}{}", (folder / "archive").native(), tag);
    case Kind::layout:
    case Kind::pushed:
    case Kind::root_archive:  // they are none of skopeo's (template_layout.h)
      break;
  }
  return fmt::format("oci:{}{}", image.place, tag);
}

/// skopeo resolves the path of an OCI archive before it opens it, so that a descriptor would become
/// a name again, which may be another file's by now. It unpacks the archive beside itself anyway.
Result<> copy_archive(int archive, const Path& target, const system::Stop& stop) {
  const system::UniqueFd copy(open(target.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (copy.valid() && ioctl(copy.get(), FICLONE, archive) == 0) {
    return {};
  }
  constexpr std::size_t kPiece = std::size_t{16} << 20;
  off_t at = 0;
  for (;;) {
    TRY(stop.check("copy the archive"));
    const ssize_t copied = copy.valid() ? sendfile(copy.get(), archive, &at, kPiece) : -1;
    if (copied == 0) {
      return {};
    }
    if (copied < 0 && errno != EINTR) {
      return fail(errno == ENOSPC ? Code::unavailable : Code::broken, "copy the archive to {}: {}",
                  target.native(), std::strerror(errno));
    }
  }
}

class SkopeoLines {
 public:
  explicit SkopeoLines(const std::function<void(std::string_view)>& line) : line_(line) {}

  void add(std::string_view chunk) {
    constexpr std::size_t kMost = 4096;
    for (const char c : chunk) {
      if (c != '\n') {
        if (text_.size() < kMost) {
          text_.push_back(c);
        }
      } else if (!text_.empty()) {
        last_ = std::move(text_);
        text_.clear();
        line_(last_);
      }
    }
  }
  std::string last() const { return text_.empty() ? last_ : text_; }

 private:
  const std::function<void(std::string_view)>& line_;
  std::string text_;
  std::string last_;
};

}  // namespace

Result<system::UniqueFd> open_auth_file(const Path& file) {
  system::UniqueFd fd(open(file.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat found {};
  if (!fd.valid() || fstat(fd.get(), &found) != 0) {
    return fail(Code::refused, "open images.auth_file {}: {}", file.native(), std::strerror(errno));
  }
  const bool is_own = found.st_uid == 0 || found.st_uid == geteuid();
  if (!S_ISREG(found.st_mode) || !is_own || (found.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return fail(Code::refused,
                "images.auth_file {}: must be a file that only root may read (chown root, chmod "
                "600)",
                file.native());
  }
  return fd;
}

Result<> check_policy_file(const Path& file) {
  if (access(file.c_str(), R_OK) != 0) {
    return fail(Code::refused,
                "there is no signature policy {}, without which no image is fetched: apt install "
                "golang-github-containers-common, or name another (images.policy_file)",
                file.native());
  }
  return {};
}

Error skopeo_error(std::string_view last_line, const ImageReference& image,
                   const SkopeoOptions& options) {
  const std::string message = message_in(last_line);
  const std::string host = registry_of(image);
  for (const Meaning& meaning : kMeanings) {
    if (message.find(meaning.text) == std::string::npos) {
      continue;
    }
    std::string help = filled_in(meaning.help, "{host}", host);
    help = filled_in(help, "{policy}", options.policy_file.native());
    help = filled_in(
        help, "{auth}",
        options.auth_file.empty()
            ? fmt::format("the registry wants a login: skopeo login --authfile FILE {}, and "
                          "name FILE in the configuration (images.auth_file)",
                          host)
            : fmt::format("the registry does not take the login of images.auth_file {}, or "
                          "there is no such image: skopeo login --authfile {} {}",
                          options.auth_file.native(), options.auth_file.native(), host));
    return Error{meaning.code, fmt::format("{}: {}", message, help), {}};
  }
  return Error{Code::broken, "skopeo: " + message, {}};
}

Result<> fetch_by_skopeo(const ImageReference& image, const system::UniqueFd& file,
                         const Path& folder, const SkopeoOptions& options, const system::Stop& stop,
                         const std::function<void(std::string_view)>& line) {
  TRY(check_policy_file(options.policy_file));
  std::vector<std::string> argv{
      "skopeo", "--policy", options.policy_file, "--override-os", "linux", "--tmpdir", folder};
  if (!image.architecture.empty()) {
    argv.insert(argv.end(), {"--override-arch", image.architecture});
  }
  if (!image.variant.empty()) {
    argv.insert(argv.end(), {"--override-variant", image.variant});
  }
  // They are held against the policy all the same, and a layout has no place for them: with one
  // that has any skopeo would copy nothing.
  argv.insert(argv.end(), {"copy", "--remove-signatures"});
  system::ChildOptions child;
  // Its thread waits for it.
  child.dies_with_parent = true;
  system::UniqueFd logins;
  if (image.kind == Kind::registry) {
    argv.emplace_back(options.auth_file.empty() ? "--src-no-creds" : "--src-authfile");
    if (!options.auth_file.empty()) {
      // What was checked is what it reads, and only a number is in its arguments.
      logins = TRY(open_auth_file(options.auth_file));
      child.descriptors.emplace_back(logins.get(), kLogins);
      argv.emplace_back(fmt::format("/proc/self/fd/{}", kLogins));
    }
    const Path certificates = options.certificate_folder / registry_of(image);
    std::error_code error;
    if (!options.certificate_folder.empty() && std::filesystem::is_directory(certificates, error)) {
      argv.insert(argv.end(), {"--src-cert-dir", certificates});
    }
  } else {
    child.descriptors.emplace_back(file.get(), kArchive);
  }
  if (image.kind == Kind::oci_archive) {
    TRY(copy_archive(file.get(), folder / "archive", stop));
  }
  argv.push_back(skopeo_source(image, folder));
  argv.push_back(fmt::format("oci:{}:{}", (folder / "layout").native(), kFetchedTag));
  const std::function<void(std::string_view)> nobody = [](std::string_view) {};
  SkopeoLines said(line);
  SkopeoLines complaints(nobody);
  const Result<system::Ending> ended = system::run_streaming(
      argv, stop, child, [&](std::string_view chunk) { said.add(chunk); },
      [&](std::string_view chunk) { complaints.add(chunk); }, options.timeout);
  if (!ended) {
    if (ended.error().code == Code::not_found) {
      return fail(Code::refused,
                  "this node has no skopeo, which fetches images of registries and archives: apt "
                  "install skopeo");
    }
    if (ended.error().code == Code::timed_out) {
      return fail(Code::unavailable,
                  "it was not here after {} s (images.timeout_s); what is here already is not "
                  "fetched again by the next pull",
                  std::chrono::duration_cast<std::chrono::seconds>(options.timeout).count());
    }
    return Failure(ended.error());
  }
  if (ended->code != 0) {
    return Failure(skopeo_error(
        ended->signal != 0 ? fmt::format("ended by signal {}", ended->signal) : complaints.last(),
        image, options));
  }
  return {};
}

}  // namespace drover::runtimes
