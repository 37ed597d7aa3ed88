#include "agent/cli/own_words.h"

#include <gtest/gtest.h>

namespace drover::cli {
namespace {

TEST(OwnWords, VerbsAreShownAsCommands) {
  EXPECT_EQ(in_own_words("container.run web-1: node pve1 is drained: undrain it (node.undrain)."),
            "run web-1: node pve1 is drained: undrain it (`drover undrain`).");
  EXPECT_EQ(in_own_words("volume.delete data: submit container.delete."),
            "volume rm data: submit `drover rm`.");
  EXPECT_EQ(in_own_words("volume.create data: give a size (size_mib); no less"),
            "volume create data: give a size (--size); no less");
  EXPECT_EQ(in_own_words("pve-lxc, resources.pids: none"), "pve-lxc, --pids: none");
  EXPECT_EQ(in_own_words("crun, mounts.tmpfs: none"), "crun, --tmpfs: none");
}

TEST(OwnWords, WhatIsNoVerbStays) {
  // A word that is none, names that hold one, and text without any.
  for (const char* text : {"container.thaw web-1", "container.runs", "/srv/container.run/x",
                           "my-node.drain", "", "no verb. At all..."}) {
    EXPECT_EQ(in_own_words(text), text);
  }
}

TEST(OwnWords, PointersAreShownAsFlags) {
  EXPECT_EQ(flag_of("/target"), "NAME");
  EXPECT_EQ(flag_of("/spec/restart/max_attempts"), "--restart");
  EXPECT_EQ(flag_of("/spec/stdin"), "--interactive");
  EXPECT_EQ(flag_of("/options/terminal"), "--tty");
  EXPECT_EQ(flag_of("/options/resources/memory_mib"), "--memory (in MiB)");
  EXPECT_EQ(flag_of("/spec/volumes/1/target"), "--volume or --mount number 2, target");
  EXPECT_EQ(flag_of("/spec/networks/0"), "--network number 1");
  EXPECT_EQ(flag_of("/spec/mounts/0/mode"), "--mount or --tmpfs number 1, mode");
  EXPECT_EQ(flag_of("/spec/devices/1/permissions"), "--device number 2, permissions");
  EXPECT_EQ(flag_of("/volumes/0/target"), "/volumes/0/target");
  EXPECT_EQ(flag_of("/spec/unknown/0"), "/spec/unknown/0");
  EXPECT_EQ(flag_of(""), "");
}

TEST(OwnWords, AnErrorIsToldInThemWithItsFaults) {
  const Error told = in_own_words(
      Error{Code::invalid, "container.update web-1: no", {{"/options/grace_s", "must be 0", 0}}});
  EXPECT_EQ(to_text(told), "update web-1: no\n  --grace: must be 0");
}

}  // namespace
}  // namespace drover::cli
