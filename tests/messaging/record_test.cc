#include "messaging/record.h"

#include <gtest/gtest.h>

namespace drover::messaging {
namespace {

TEST(Record, ManyTravelInOnePacket) {
  std::string packet;
  ASSERT_TRUE(encode({{{"kind", "job.submit"}, {"peer", 7}}, "{\"id\":\"a\"}", ""}, packet));
  ASSERT_TRUE(encode({{{"kind", "stream.data"}}, "", std::string("\0\xff", 2)}, packet));
  const Result<std::vector<Record>> records = decode(packet);
  ASSERT_TRUE(records) << records.error().message;
  ASSERT_EQ(records->size(), 2U);
  EXPECT_EQ(records->at(0).header.find("peer")->integer_or(0), 7);
  EXPECT_EQ(records->at(0).body, "{\"id\":\"a\"}");
  EXPECT_EQ(records->at(1).data, std::string("\0\xff", 2));
}

TEST(Record, TheLargestFitsAndOneByteMoreDoesNot) {
  Record record{{{"kind", "event"}}, std::string(kMostBody, 'b'), std::string(kMostData, 'd')};
  std::string packet;
  ASSERT_TRUE(encode(record, packet));
  EXPECT_TRUE(decode(packet));
  record.body += 'b';
  std::string more;
  const Result<> refused = encode(record, more);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::invalid);
  EXPECT_TRUE(more.empty());
}

TEST(Record, EveryCutOfAPacketIsInvalid) {
  std::string packet;
  ASSERT_TRUE(encode({{{"kind", "x"}}, "body", "data"}, packet));
  for (std::size_t size = 0; size < packet.size(); ++size) {
    const Result<std::vector<Record>> cut = decode(std::string_view(packet).substr(0, size));
    ASSERT_FALSE(cut) << size;
    EXPECT_EQ(cut.error().code, Code::invalid);
  }
}

TEST(Record, SizesBeyondTheirBoundsAreInvalid) {
  EXPECT_FALSE(decode(std::string(12, '\xff')));
  std::string not_json("\x01\0\0\0\0\0\0\0\0\0\0\0[", 13);
  EXPECT_FALSE(decode(not_json));
  std::string array("\x02\0\0\0\0\0\0\0\0\0\0\0[]", 14);
  EXPECT_FALSE(decode(array));
  EXPECT_FALSE(decode(std::string(kMostPacket + 1, '\0')));
}

}  // namespace
}  // namespace drover::messaging
