#include <gtest/gtest.h>

#include "runtimes/volumes/volume.h"

namespace drover::runtimes {
namespace {

TEST(VolumeRecordTest, ReadsWhatItWrote) {
  for (const VolumeKind kind : {VolumeKind::folder, VolumeKind::subvolume, VolumeKind::dataset,
                                VolumeKind::image, VolumeKind::block, VolumeKind::thin}) {
    const Volume volume{
        "data", "local", "local:9/vm-9-x.raw", "/var/lib/vz/images/9/vm-9-x.raw", kind, 16, "xfs"};
    const auto text = json::write(to_json(volume));
    const auto read = volume_from_json(json::parse(text).value());
    ASSERT_TRUE(read) << to_text(read.error());
    EXPECT_EQ(read->name, volume.name);
    EXPECT_EQ(read->storage, volume.storage);
    EXPECT_EQ(read->id, volume.id);
    EXPECT_EQ(read->path, volume.path);
    EXPECT_EQ(read->kind, volume.kind);
    EXPECT_EQ(read->size_mib, volume.size_mib);
    EXPECT_EQ(read->file_system, volume.file_system);
  }
}

TEST(VolumeRecordTest, ARecordThatLacksSomethingIsBroken) {
  const json::Object whole{
      {"name", "a"}, {"storage", "s"}, {"id", "i"}, {"path", "/p"}, {"kind", "image"}};
  ASSERT_TRUE(volume_from_json(whole));
  for (const char* missing : {"name", "id", "path", "kind"}) {
    json::Object part = whole;
    part.erase(missing);
    const auto read = volume_from_json(part);
    ASSERT_FALSE(read) << missing;
    EXPECT_EQ(read.error().code, Code::broken);
  }
}

TEST(VolumeRecordTest, AnUnknownKindIsNamed) {
  const auto read =
      volume_from_json(json::Object{{"name", "a"}, {"id", "i"}, {"path", "/p"}, {"kind", "tape"}});
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().message.find("\"tape\""), std::string::npos);
}

TEST(VolumeRecordTest, ANullIsBroken) {
  EXPECT_FALSE(volume_from_json(json::Value()));
}

}  // namespace
}  // namespace drover::runtimes
