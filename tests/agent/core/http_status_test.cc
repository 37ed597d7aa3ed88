#include "agent/core/http_status.h"

#include <gtest/gtest.h>

namespace drover {
namespace {

TEST(HttpStatus, IsInTheFirstLine) {
  EXPECT_EQ(http_status("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"), 200);
  EXPECT_EQ(http_status("HTTP/1.0 503 Service Unavailable\n"), 503);
  EXPECT_EQ(http_status("HTTP/1.1 404\r\n"), 404);
  EXPECT_EQ(http_status("HTTP/1.1 204 "), 204);
  EXPECT_EQ(http_status("HTTP/1.1 599 x"), 599);
}

TEST(HttpStatus, OfAnythingElseThereIsNone) {
  for (const char* text :
       {"", "HTTP/1.1", "HTTP/1.1 ", "HTTP/1.1 20", "HTTP/1.1 2000 OK", "HTTP/1.1 2x0 OK",
        "HTTP/1.1  200 OK", "HTTP/1.x 200 OK", "HTTP/2 200 OK", "HTTP/1.1\t200 OK",
        "http/1.1 200 OK", "HTTP/1.1 600 x", "HTTP/1.1 099 x", "HTTP/1.1 -12 x",
        "SSH-2.0-OpenSSH_9.2\r\n", "\r\nHTTP/1.1 200 OK"}) {
    EXPECT_EQ(http_status(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace drover
