// OtherSkopeo: a script that is found before the real skopeo.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "agent/system/child.h"

namespace drover::fakes {

/// As long as it lives, `script` is what is run as skopeo; in it $REAL is the one that was there.
class OtherSkopeo {
 public:
  OtherSkopeo(const std::filesystem::path& folder, const std::string& script) {
    std::filesystem::create_directories(folder);
    const auto real = system::run_ok({"which", "skopeo"}, system::Stop());
    EXPECT_TRUE(real);
    std::ofstream(folder / "skopeo") << "#!/bin/sh\nREAL=" << *real << script;
    std::filesystem::permissions(folder / "skopeo", std::filesystem::perms::owner_all);
    setenv("PATH", (folder.native() + ":" + path_).c_str(), 1);
  }
  OtherSkopeo(const OtherSkopeo&) = delete;
  OtherSkopeo& operator=(const OtherSkopeo&) = delete;
  ~OtherSkopeo() { setenv("PATH", path_.c_str(), 1); }

 private:
  std::string path_ = getenv("PATH");
};

}  // namespace drover::fakes
