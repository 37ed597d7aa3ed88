// Spec: what an OCI runtime is told about a container, the config.json of a bundle.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "agent/core/json.h"
#include "agent/core/result.h"
#include "agent/system/file.h"
#include "runtimes/images/image_user.h"

namespace drover::runtimes {

/// The JSON document of the OCI runtime specification, version 1. It is kept whole, so that members
/// this class knows nothing of pass through unchanged.
class Spec {
 public:
  /// What `parse` takes, and `written` gives, at most.
  static constexpr std::size_t kMostBytes = std::size_t{1} << 20;

  /// An empty one. It is not valid before it has a process with arguments and a root.
  Spec();
  /// `invalid` with every fault and its pointer, as `validate` has it.
  static Result<Spec> parse(std::string_view text);

  /// Checks the members that runc and crun act on: types, absolute paths, known namespaces, numbers
  /// in range.
  Result<> validate() const;
  /// The document, indented.
  std::string emit() const;
  /// The same for a file, from which it must be read again: `refused` when it is larger than that.
  Result<std::string> written() const;
  const json::Value& document() const { return document_; }

  std::vector<std::string> args() const;
  std::vector<std::string> env() const;
  /// The capabilities that its programs may ever have.
  std::vector<std::string> bounding() const;
  std::string_view cwd() const;
  std::string_view hostname() const;
  std::string_view root() const;
  /// "" when there is none of that name.
  std::string_view annotation(std::string_view name) const;

  void set_args(const std::vector<std::string>& args);
  void set_env(const std::vector<std::string>& env);
  void set_cwd(std::string_view cwd);
  void set_user(const ImageUser& user);
  void set_hostname(std::string_view hostname);
  void set_root(const system::Path& path, bool read_only);
  void set_annotation(std::string_view name, std::string_view value);
  void add_mount(std::string_view destination, std::string_view type, std::string_view source,
                 const std::vector<std::string>& options);
  void add_device(json::Object device);
  /// Lets its programs use a device, behind the rules that stand there (linux.resources.devices).
  void allow_device(json::Object rule);
  /// `path` "" makes a new namespace, else the one that is there is joined.
  void add_namespace(std::string_view type, const system::Path& path = {});
  /// Any member: set({"linux", "resources", "pids", "limit"}, 100) makes the objects on the way.
  void set(std::initializer_list<std::string_view> at, json::Value value);

  /// Merges `patch` into the document (RFC 7396).
  void merge(const json::Object& patch);

 private:
  explicit Spec(json::Value document) : document_(std::move(document)) {}
  json::Array& array_at(std::initializer_list<std::string_view> at);

  json::Value document_;
};

}  // namespace drover::runtimes
