#include "runtimes/oci/spec.h"

#include "runtimes/oci/validate_spec.h"

namespace drover::runtimes {
namespace {

json::Array to_array(const std::vector<std::string>& strings) {
  return {strings.begin(), strings.end()};
}

std::vector<std::string> texts_in(const json::Value& value) {
  std::vector<std::string> strings;
  if (const json::Array* array = value.array()) {
    for (const json::Value& element : *array) {
      strings.emplace_back(element.string_or(""));
    }
  }
  return strings;
}

/// The member `at`; what is missing or no object on the way there is made one.
json::Value& member(json::Value& document, std::initializer_list<std::string_view> at) {
  json::Value* value = &document;
  for (const std::string_view key : at) {
    if (value->object() == nullptr) {
      *value = json::Object();
    }
    json::Value* next = value->object()->find(key);
    value = next != nullptr ? next : &value->object()->set(key, json::Value());
  }
  return *value;
}

/// RFC 7396: null takes a member away, an object changes the members that it has, and all else
/// stands for itself.
void merge_into(json::Value& target, const json::Object& patch) {
  if (target.object() == nullptr) {
    target = json::Object();
  }
  for (const auto& [key, value] : patch) {
    if (value.is_null()) {
      target.object()->erase(key);
    } else if (const json::Object* inner = value.object()) {
      json::Value* member = target.object()->find(key);
      merge_into(member != nullptr ? *member : target.object()->set(key, json::Object()), *inner);
    } else {
      target.object()->set(key, value);
    }
  }
}

}  // namespace

Spec::Spec() : document_(json::Object{{"ociVersion", "1.0.2"}}) {}

Result<Spec> Spec::parse(std::string_view text) {
  json::ParseOptions options;
  options.max_bytes = Spec::kMostBytes;
  Spec spec(TRY(json::parse(text, options)));
  Faults faults(text);
  validate_spec(spec.document_, faults);
  TRY(faults.result("the OCI configuration is not valid"));
  return spec;
}

Result<> Spec::validate() const {
  Faults faults;
  validate_spec(document_, faults);
  return faults.result("the OCI configuration is not valid");
}

std::string Spec::emit() const {
  return json::write_pretty(document_);
}

Result<std::string> Spec::written() const {
  std::string text = emit();
  if (text.size() > kMostBytes) {
    return fail(Code::refused,
                "the OCI configuration would have {} bytes, and at most {} are read again; give "
                "the container fewer variables, arguments and annotations, or an image with fewer",
                text.size(), kMostBytes);
  }
  return text;
}

std::vector<std::string> Spec::args() const {
  return texts_in(document_.at("process").at("args"));
}

std::vector<std::string> Spec::env() const {
  return texts_in(document_.at("process").at("env"));
}

std::vector<std::string> Spec::bounding() const {
  return texts_in(document_.at("process").at("capabilities").at("bounding"));
}

std::string_view Spec::cwd() const {
  return document_.at("process").at("cwd").string_or("");
}

std::string_view Spec::hostname() const {
  return document_.at("hostname").string_or("");
}

std::string_view Spec::root() const {
  return document_.at("root").at("path").string_or("");
}

std::string_view Spec::annotation(std::string_view name) const {
  return document_.at("annotations").at(name).string_or("");
}

void Spec::set_args(const std::vector<std::string>& args) {
  set({"process", "args"}, to_array(args));
}

void Spec::set_env(const std::vector<std::string>& env) {
  set({"process", "env"}, to_array(env));
}

void Spec::set_cwd(std::string_view cwd) {
  set({"process", "cwd"}, cwd);
}

void Spec::set_user(const ImageUser& user) {
  set({"process", "user", "uid"}, user.uid);
  set({"process", "user", "gid"}, user.gid);
  set({"process", "user", "additionalGids"},
      json::Array(user.additional_gids.begin(), user.additional_gids.end()));
}

void Spec::set_hostname(std::string_view hostname) {
  set({"hostname"}, hostname);
}

void Spec::set_root(const system::Path& path, bool read_only) {
  set({"root", "path"}, path.native());
  set({"root", "readonly"}, read_only);
}

void Spec::set_annotation(std::string_view name, std::string_view value) {
  set({"annotations", name}, value);
}

void Spec::add_mount(std::string_view destination, std::string_view type, std::string_view source,
                     const std::vector<std::string>& options) {
  array_at({"mounts"})
      .emplace_back(json::Object{{"destination", destination},
                                 {"type", type},
                                 {"source", source},
                                 {"options", to_array(options)}});
}

void Spec::add_device(json::Object device) {
  array_at({"linux", "devices"}).emplace_back(std::move(device));
}

void Spec::allow_device(json::Object rule) {
  array_at({"linux", "resources", "devices"}).emplace_back(std::move(rule));
}

void Spec::add_namespace(std::string_view type, const system::Path& path) {
  json::Object added{{"type", type}};
  if (!path.empty()) {
    added.set("path", path.native());
  }
  array_at({"linux", "namespaces"}).emplace_back(std::move(added));
}

void Spec::set(std::initializer_list<std::string_view> at, json::Value value) {
  member(document_, at) = std::move(value);
}

void Spec::merge(const json::Object& patch) {
  merge_into(document_, patch);
}

json::Array& Spec::array_at(std::initializer_list<std::string_view> at) {
  json::Value& value = member(document_, at);
  if (value.array() == nullptr) {
    value = json::Array();
  }
  return *value.array();
}

}  // namespace drover::runtimes
