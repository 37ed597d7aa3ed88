// Fetching: images of a few files, and what tests of fetching them need besides.
#pragma once

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "agent/system/child.h"
#include "fakes/other_skopeo.h"
#include "fakes/registry.h"
#include "fakes/temp_folder.h"
#include "proxmox/file_digest.h"
#include "runtimes/images/image_store.h"

namespace drover::runtimes {

using fakes::OtherSkopeo;

class Fetching : public testing::Test {
 protected:
  Fetching() {
    layout_.state = folder_ / "state";
    std::ofstream(policy()) << R"({"default":[{"type":"insecureAcceptAnything"}]})";
  }

  Path policy() const { return folder_ / "policy.json"; }
  SkopeoOptions options() const {
    SkopeoOptions options;
    options.policy_file = policy();
    return options;
  }
  static void run(const std::vector<std::string>& argv) {
    const auto ran = system::run_ok(argv, system::Stop());
    ASSERT_TRUE(ran) << ran.error().message;
  }
  /// A layout's image `tag` with a layer for each of `files`, /etc/NAME, that holds its own text.
  /// Returns what skopeo calls it.
  std::string make(const std::string& tag, const std::vector<std::string>& files) {
    const std::string layout = folder_ / "made";
    const std::string image = layout + ":" + tag;
    if (!std::filesystem::exists(layout)) {
      run({"umoci", "init", "--layout", layout});
    }
    run({"umoci", "new", "--image", image});
    for (const std::string& file : files) {
      std::ofstream(folder_ / "file") << file;
      run({"umoci", "insert", "--image", image, folder_ / "file", "/etc/" + file});
    }
    return "oci:" + image;
  }
  ImageManifest made(const std::string& tag) const {
    return read_image({.layout = folder_ / "made", .tag = tag}).value();
  }
  /// Of the file that `reference` names, opened as whoever asks for it does.
  static system::UniqueFd open_file(const Path& file) {
    return system::UniqueFd(open(file.c_str(), O_RDONLY | O_CLOEXEC));
  }
  Result<Image> fetch(ImageStore& store, const std::string& reference) {
    const Result<ImageReference> image = parse_image_reference(reference);
    system::UniqueFd file;
    if (image && image->lies_on_node()) {
      file = open_file(image->place);
    }
    return store.fetch(
        reference, std::move(file), stop_, [](const std::string&) {}, std::chrono::seconds(5));
  }
  Path blob(const std::string& digest) const {
    return layout_.image_blobs() / "sha256" / digest.substr(7);
  }
  static void flip_a_byte(const Path& file) {
    std::string content = system::read_file(file).value();
    content.at(content.size() / 2) ^= 1;
    std::ofstream(file) << content;
  }
  /// What lies in the store beside its blobs and layers.
  std::vector<std::string> roots() const {
    std::vector<std::string> names;
    for (const Path& path : system::children_of(layout_.images())) {
      if (path != layout_.image_blobs() && path != layout_.image_layers()) {
        names.push_back(path.filename());
      }
    }
    return names;
  }
  static std::string text_in(const Image& image, const std::string& file) {
    for (auto part = image.parts.rbegin(); part != image.parts.rend(); ++part) {
      if (const Result<std::string> text = system::read_file(*part / "etc" / file)) {
        return *text;
      }
    }
    return "";
  }

  fakes::TempFolder folder_;
  system::Stop stop_;
  Layout layout_;
};

}  // namespace drover::runtimes
