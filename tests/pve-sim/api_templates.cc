// How templates come to a storage by themselves: from a URL, and from a registry.
#include <fmt/format.h>

#include <regex>

#include "agent/system/child.h"
#include "agent/system/file.h"
#include "tests/pve-sim/api.h"
#include "tests/pve-sim/checked.h"
#include "tests/pve-sim/template_tasks.h"

namespace drover::pve_sim {
namespace {

// As the schema of the API has it.
const char* const kRepository =
    "(?:(?:[a-zA-Z\\d]|[a-zA-Z\\d][a-zA-Z\\d-]*[a-zA-Z\\d])"
    "(?:\\.(?:[a-zA-Z\\d]|[a-zA-Z\\d][a-zA-Z\\d-]*[a-zA-Z\\d]))*(?::\\d+)?/)?[a-z\\d]+"
    "(?:(?:[._]|__|-+)[a-z\\d]+)*(?:/[a-z\\d]+(?:(?:[._]|__|-+)[a-z\\d]+)*)*";

Answer no_match(const char* parameter) {
  return bad_parameters({{parameter, "value does not match the regex pattern"}});
}

}  // namespace

Answer Api::fetch_template(const std::string& method, const Form& form, const std::string& user) {
  const Parameters own{{"storage", "local"}};
  return method == "download-url"
             ? download_url(CHECKED("POST /nodes/{node}/storage/{storage}/download-url", own), user)
             : pull_oci(CHECKED("POST /nodes/{node}/storage/{storage}/oci-registry-pull", own),
                        user);
}

Answer Api::download_url(const Parameters& given, const std::string& user) {
  const auto text = [&given](const char* key) {
    return given.contains(key) ? given.at(key) : std::string();
  };
  if (!text("url").starts_with("http://") && !text("url").starts_with("https://")) {
    return no_match("url");
  }
  const std::string name = kept_name(given.at("filename"));
  if (given.at("content") != "vztmpl" || !is_template_name(name)) {
    return bad_parameters({{"filename", "wrong file extension"}});
  }
  return start_task({"download",
                     name,
                     {{"url", text("url")},
                      {"to", (place_.templates() / name).string()},
                      {"insecure", text("verify-certificates") == "0"},
                      {"algorithm", text("checksum-algorithm")},
                      {"checksum", text("checksum")}}},
                    user);
}

Answer Api::pull_oci(const Parameters& given, const std::string& user) {
  const std::string& reference = given.at("reference");
  if (!std::regex_match(reference, std::regex(kRepository + std::string(":\\w[\\w.-]{0,127}")))) {
    return no_match("reference");
  }
  const std::string name =
      kept_name(given.contains("filename") ? given.at("filename") : reference) + ".tar";
  if (std::filesystem::exists(place_.templates() / name)) {
    return error(fmt::format("refusing to override existing file '{}'", name));
  }
  return start_task({"ociregistrypull",
                     name,
                     {{"reference", reference}, {"to", (place_.templates() / name).string()}}},
                    user);
}

Answer Api::oci_tags(const Parameters& given) const {
  const std::string& reference = given.at("reference");
  if (!std::regex_match(reference, std::regex(kRepository))) {
    return no_match("reference");
  }
  const Result<std::string> listed =
      system::run_ok({"skopeo", "list-tags", "docker://" + reference}, system::Stop());
  const Result<json::Value> read = listed ? json::parse(*listed) : Failure(listed.error());
  return read ? with_data(read->at("Tags")) : error(read.error().message);
}

}  // namespace drover::pve_sim
