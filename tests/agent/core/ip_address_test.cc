#include "agent/core/ip_address.h"

#include <gtest/gtest.h>

namespace drover {
namespace {

TEST(IpAddress, ACidrIsAnAddressWithItsPrefixLength) {
  for (const char* good : {"10.0.0.1/8", "0.0.0.0/0", "fd00::1/64", "10.0.0.1/32"}) {
    EXPECT_TRUE(is_cidr(good)) << good;
  }
  for (const char* bad : {"", "10.0.0.1", "10.0.0.1/", "10.0.0.1/33", "10.0.0/8", "fd00::1/129",
                          "10.0.0.1/8x", "10.0.0.1/-1"}) {
    EXPECT_FALSE(is_cidr(bad)) << bad;
  }
}

TEST(IpAddress, AHostHasNeitherTheSubnetsOwnAddressNorOneOfNobody) {
  for (const char* good : {"10.84.0.1/24", "10.84.0.1/30", "192.168.255.254/16", "fd00::1/64"}) {
    EXPECT_TRUE(is_host_cidr(good)) << good;
  }
  for (const char* bad :
       {"0.0.0.0/0", "10.0.0.1/0", "127.0.0.1/8", "10.86.0.0/24", "10.86.0.255/24", "10.87.0.1/32",
        "10.87.0.1/31", "224.0.0.1/24", "255.255.255.254/24", "::1/64", "fd00::/64", "ff02::1/64",
        "fd00::1/128", "x"}) {
    EXPECT_FALSE(is_host_cidr(bad)) << bad;
  }
}

TEST(IpAddress, AHostMayBeAlone) {
  for (const char* good : {"10.84.0.1/24", "10.87.0.0/32", "10.87.0.0/31", "fd00::/128"}) {
    EXPECT_TRUE(is_assignable(good)) << good;
  }
  for (const char* bad : {"10.86.0.0/24", "10.86.0.255/24", "127.0.0.1/32", "fd00::/64", "x"}) {
    EXPECT_FALSE(is_assignable(bad)) << bad;
  }
}

TEST(IpAddress, IsWrittenInOneWay) {
  EXPECT_EQ(address_of("10.84.7.129/22"), "10.84.7.129");
  EXPECT_EQ(address_of("fd00:0:0:0::1"), "fd00::1");
  EXPECT_EQ(address_of(""), "");
  EXPECT_EQ(subnet_of("10.84.7.129/22"), "10.84.4.0/22");
  EXPECT_EQ(subnet_of("10.84.7.129/32"), "10.84.7.129/32");
  EXPECT_EQ(subnet_of("fd00:1:2:3:4::1/64"), "fd00:1:2:3::/64");
  EXPECT_EQ(subnet_of("10.84.7.129"), "");
}

TEST(IpAddress, ASubnetsAddressesAreCounted) {
  EXPECT_EQ(addresses_in("10.84.0.0/29"), 8U);
  EXPECT_EQ(addresses_in("10.84.0.9/32"), 1U);
  EXPECT_EQ(addresses_in("fd00::/64"), 1U << 20U);
  EXPECT_EQ(addresses_in("nothing"), 0U);
  EXPECT_EQ(address_in("10.84.0.0/29", 7), "10.84.0.7");
  EXPECT_EQ(address_in("10.84.0.0/29", 8), "") << "beyond its end";
  EXPECT_EQ(address_in("10.84.1.200/16", 0x1ff), "10.84.1.255");
  EXPECT_EQ(address_in("10.84.0.9/32", 0), "10.84.0.9");
  EXPECT_EQ(address_in("10.84.0.9/32", 1), "");
  EXPECT_EQ(address_in("fd00::/64", 0x10005), "fd00::1:5");
  EXPECT_EQ(address_in("nothing", 1), "");
}

TEST(IpAddress, SubnetsOverlapWhenOneHoldsTheOther) {
  EXPECT_TRUE(overlap("10.84.0.1/24", "10.84.0.9/24"));
  EXPECT_TRUE(overlap("10.84.0.1/24", "10.1.2.3/8"));
  EXPECT_FALSE(overlap("10.84.0.1/24", "10.84.1.1/24"));
  EXPECT_FALSE(overlap("10.84.0.1/24", "fd00::1/64"));
  EXPECT_FALSE(overlap("", "10.84.0.1/24")) << "a bridge without an address";
}

TEST(IpAddress, WhatLiesInASubnetLiesThereWhole) {
  EXPECT_TRUE(lies_in("10.84.0.1", "10.84.0.0/24"));
  EXPECT_TRUE(lies_in("10.84.0.0/24", "10.84.0.0/24"));
  EXPECT_TRUE(lies_in("10.84.0.0/25", "10.0.0.0/8"));
  EXPECT_FALSE(lies_in("10.0.0.0/8", "10.84.0.0/24"));
  EXPECT_FALSE(lies_in("10.84.1.1", "10.84.0.0/24"));
  EXPECT_TRUE(lies_in("fd00::1", "fc00::/7"));
  EXPECT_TRUE(lies_in("::/0", "::/0"));
  EXPECT_FALSE(lies_in("::1", "0.0.0.0/0"));
  EXPECT_FALSE(lies_in("", "0.0.0.0/0"));
}

}  // namespace
}  // namespace drover
