#include "agent/system/file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "fakes/private_mounts.h"
#include "fakes/temp_folder.h"

namespace drover::system {
namespace {

using testing::HasSubstr;

class FileTest : public testing::Test {
 protected:
  Path write(const Path& name, std::string_view content, mode_t mode = 0600) {
    const Path path = folder_ / name;
    std::ofstream(path) << content;
    EXPECT_EQ(chmod(path.c_str(), mode), 0);
    return path;
  }
  static mode_t mode_of(const Path& path) {
    struct stat found {};
    EXPECT_EQ(lstat(path.c_str(), &found), 0) << path;
    return found.st_mode & 07777;
  }

  fakes::TempFolder folder_;
};

TEST_F(FileTest, ReadsAWholeFileWithinItsBound) {
  EXPECT_EQ(read_file(write("a", "text")).value(), "text");
  EXPECT_EQ(read_file(write("empty", "")).value(), "");
  EXPECT_EQ(read_file(write("exact", "12345"), 5).value(), "12345");
  EXPECT_EQ(read_file(write("large", "123456"), 5).error().code, Code::invalid);
  EXPECT_EQ(read_file(folder_ / "missing").error().code, Code::not_found);
  EXPECT_EQ(read_file(write("plain", "") / "below").error().code, Code::not_found);
  EXPECT_FALSE(read_file(folder_.path()));
  EXPECT_FALSE(read_file("/proc/self/status").value().empty());
}

TEST_F(FileTest, AnEndlessFileEndsAtTheBound) {
  EXPECT_EQ(read_file("/dev/zero", 100'000).error().code, Code::invalid);
}

TEST_F(FileTest, ASecretIsReadWithoutItsNewline) {
  EXPECT_EQ(read_secret(write("a", "s3cret\n")).value(), "s3cret");
  EXPECT_EQ(read_secret(write("b", "s3cret")).value(), "s3cret");
  EXPECT_EQ(read_secret(write("c", "s\n\n", 0400)).value(), "s\n");
}

TEST_F(FileTest, ASecretThatOthersMayReadIsRefused) {
  for (const mode_t mode : {0640U, 0604U, 0620U, 0602U, 0610U, 0777U}) {
    const auto secret = read_secret(write("a", "s3cret", mode));
    ASSERT_FALSE(secret) << mode;
    EXPECT_EQ(secret.error().code, Code::refused);
    EXPECT_THAT(secret.error().message, HasSubstr("chmod 600"));
    EXPECT_THAT(secret.error().message, testing::Not(HasSubstr("s3cret")));
  }
}

TEST_F(FileTest, ASecretThatIsNoFileOfRootsIsRefused) {
  const Path foreign = write("foreign", "x");
  ASSERT_EQ(chown(foreign.c_str(), 12345, 12345), 0);
  EXPECT_EQ(read_secret(foreign).error().code, Code::refused);
  std::filesystem::create_symlink(write("real", "x"), folder_ / "link");
  EXPECT_FALSE(read_secret(folder_ / "link"));
  ASSERT_EQ(mkfifo((folder_ / "fifo").c_str(), 0600), 0);
  EXPECT_EQ(read_secret(folder_ / "fifo").error().code, Code::refused);
  EXPECT_EQ(read_secret(folder_.path()).error().code, Code::refused);
  EXPECT_EQ(read_secret("/dev/null").error().code, Code::refused);
  EXPECT_EQ(read_secret(folder_ / "missing").error().code, Code::not_found);
  EXPECT_EQ(read_secret(write("large", std::string(65537, 'x'))).error().code, Code::invalid);
}

TEST_F(FileTest, WritesTheOldOrTheNewOneWhole) {
  const Path path = folder_ / "a";
  ASSERT_TRUE(write_atomically(path, "first", 0640));
  EXPECT_EQ(mode_of(path), 0640U);
  const UniqueFd before(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(write_atomically(path, "second"));
  EXPECT_EQ(read_file(path).value(), "second");
  // Who has the old one open still reads it whole.
  char text[8] = {};
  EXPECT_EQ(read(before.get(), text, sizeof text), 5);
  EXPECT_STREQ(text, "first");
}

TEST_F(FileTest, TheModeDoesNotDependOnTheUmask) {
  const mode_t before = umask(0077);
  ASSERT_TRUE(write_atomically(folder_ / "a", "x", 0644));
  ASSERT_TRUE(make_folders(folder_ / "b/c", 0755));
  umask(before);
  EXPECT_EQ(mode_of(folder_ / "a"), 0644U);
  EXPECT_EQ(mode_of(folder_ / "b"), 0755U);
  EXPECT_EQ(mode_of(folder_ / "b/c"), 0755U);
}

TEST_F(FileTest, AFailedWriteLeavesNothingBeside) {
  std::filesystem::create_directories(folder_ / "taken/inside");
  EXPECT_FALSE(write_atomically(folder_ / "taken", "x"));
  EXPECT_EQ(write_atomically(folder_ / "no/where", "x").error().code, Code::not_found);
  const auto entries = std::distance(std::filesystem::directory_iterator(folder_.path()),
                                     std::filesystem::directory_iterator());
  EXPECT_EQ(entries, 1);
}

TEST_F(FileTest, AFullDiskKeepsTheOldOne) {
  const Path small = folder_ / "small";
  std::filesystem::create_directory(small);
  ASSERT_EQ(mount("none", small.c_str(), "tmpfs", 0, "size=64k"), 0);
  ASSERT_TRUE(write_atomically(small / "a", "old"));
  const auto written = write_atomically(small / "a", std::string(1 << 20, 'x'));
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Code::unavailable);
  EXPECT_EQ(read_file(small / "a").value(), "old");
  ASSERT_EQ(umount(small.c_str()), 0);
}

TEST_F(FileTest, ASymlinkInPlaceOfTheFileIsReplacedAndNotFollowed) {
  const Path target = write("target", "kept");
  std::filesystem::create_symlink(target, folder_ / "link");
  ASSERT_TRUE(write_atomically(folder_ / "link", "new"));
  EXPECT_EQ(read_file(target).value(), "kept");
  EXPECT_FALSE(std::filesystem::is_symlink(folder_ / "link"));
}

TEST_F(FileTest, WritersAtOnceDoNotMix) {
  const Path path = folder_ / "a";
  std::vector<std::thread> writers;
  for (const char c : std::string("abcd")) {
    writers.emplace_back([&path, c] {
      for (int i = 0; i < 20; ++i) {
        EXPECT_TRUE(write_atomically(path, std::string(10'000, c)));
      }
    });
  }
  for (std::thread& writer : writers) {
    writer.join();
  }
  const std::string content = read_file(path).value();
  EXPECT_EQ(content, std::string(10'000, content.at(0)));
}

TEST_F(FileTest, MakesFoldersAndKeepsThoseThatAreThere) {
  std::filesystem::create_directory(folder_ / "a");
  ASSERT_EQ(chmod((folder_ / "a").c_str(), 0711), 0);
  ASSERT_TRUE(make_folders(folder_ / "a/b/c", 0700));
  EXPECT_EQ(mode_of(folder_ / "a"), 0711U);
  EXPECT_EQ(mode_of(folder_ / "a/b"), 0700U);
  EXPECT_TRUE(make_folders(folder_ / "a/b/c", 0755));
  EXPECT_EQ(mode_of(folder_ / "a/b/c"), 0700U);
  write("file", "");
  EXPECT_FALSE(make_folders(folder_ / "file"));
  EXPECT_FALSE(make_folders(folder_ / "file/below"));
}

TEST_F(FileTest, RemovesATreeAndFollowsNoSymlink) {
  const Path outside = folder_ / "outside";
  std::filesystem::create_directories(outside);
  std::ofstream(outside / "kept") << "x";
  const Path tree = folder_ / "tree";
  std::filesystem::create_directories(tree / "a/b/c");
  std::ofstream(tree / "a/file") << "x";
  std::filesystem::create_symlink(outside, tree / "a/out");
  std::filesystem::create_symlink("/nowhere", tree / "dangling");
  ASSERT_TRUE(remove_tree(tree));
  EXPECT_FALSE(std::filesystem::exists(tree));
  EXPECT_TRUE(std::filesystem::exists(outside / "kept"));
  EXPECT_TRUE(remove_tree(tree));
}

TEST_F(FileTest, RemovesASymlinkItselfAndAFile) {
  std::filesystem::create_directory(folder_ / "kept");
  std::filesystem::create_symlink(folder_ / "kept", folder_ / "link");
  ASSERT_TRUE(remove_tree(folder_ / "link"));
  EXPECT_TRUE(std::filesystem::exists(folder_ / "kept"));
  ASSERT_TRUE(remove_tree(write("file", "x")));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "file"));
}

TEST_F(FileTest, RemovesADeepTree) {
  Path deep = folder_ / "deep";
  for (int i = 0; i < 200; ++i) {
    deep /= "d";
  }
  std::filesystem::create_directories(deep);
  EXPECT_TRUE(remove_tree(folder_ / "deep"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "deep"));
}

/// As any program makes one, by names relative to where it is: it ended the agent that removed it.
TEST_F(FileTest, RemovesATreeThatIsDeeperThanAStackAndWiderThanIsRememberedAtOnce) {
  constexpr int kDepth = 20'000;
  const auto deeper = [](const UniqueFd& folder, const std::string& name) {
    EXPECT_EQ(mkdirat(folder.get(), name.c_str(), 0755), 0);
    return UniqueFd(openat(folder.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  };
  // A disk takes its time for so many.
  const Path memory = folder_ / "memory";
  std::filesystem::create_directories(memory);
  ASSERT_EQ(mount("none", memory.c_str(), "tmpfs", 0, nullptr), 0);
  UniqueFd top(open(memory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  UniqueFd folder = deeper(top, "deep");
  for (int i = 0; i < kDepth; ++i) {
    // Beside it names that are given on the way up.
    const std::string beside = fmt::format(".{}", i);
    if (i % 2 == 0) {
      deeper(deeper(folder, beside), "full");
    } else {
      const UniqueFd file(openat(folder.get(), beside.c_str(), O_CREAT | O_WRONLY, 0600));
    }
    folder = deeper(folder, "d");
  }
  for (int i = 0; i < 3000; ++i) {
    deeper(folder, std::to_string(i));
  }
  const auto removed = remove_tree(memory / "deep");
  EXPECT_TRUE(removed) << removed.error().message.substr(0, 500);
  EXPECT_FALSE(std::filesystem::exists(memory / "deep"));
  folder.reset();
  top.reset();
  EXPECT_EQ(umount(memory.c_str()), 0);
}

TEST_F(FileTest, NeverRemovesWhatIsMounted) {
  const Path tree = folder_ / "tree";
  const Path inner = tree / "volume";
  std::filesystem::create_directories(inner);
  for (const Path& at : {inner, tree}) {
    ASSERT_EQ(mount("none", at.c_str(), "tmpfs", 0, nullptr), 0);
    std::ofstream(at / "kept") << "x";
    const auto removed = remove_tree(tree);
    EXPECT_FALSE(removed);
    EXPECT_EQ(removed.error().code, Code::conflict);
    EXPECT_TRUE(std::filesystem::exists(at / "kept"));
    ASSERT_EQ(umount(at.c_str()), 0);
  }
}

TEST_F(FileTest, NeverRemovesThroughABindOfTheSameFileSystem) {
  const Path outside = folder_ / "outside";
  const Path inner = folder_ / "tree/volume";
  std::filesystem::create_directories(outside);
  std::filesystem::create_directories(inner);
  std::ofstream(outside / "kept") << "x";
  ASSERT_EQ(mount(outside.c_str(), inner.c_str(), nullptr, MS_BIND, nullptr), 0);
  EXPECT_FALSE(remove_tree(folder_ / "tree"));
  EXPECT_TRUE(std::filesystem::exists(outside / "kept"));
  ASSERT_EQ(umount(inner.c_str()), 0);
}

class InRootTest : public FileTest {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(root_ / "etc");
    std::ofstream(root_ / "etc/inside") << "inside";
    std::ofstream(folder_ / "outside") << "outside";
  }
  std::string read(const Path& relative) {
    const auto fd = open_in_root(root_, relative, O_RDONLY);
    if (!fd) {
      return "";
    }
    char text[64] = {};
    EXPECT_GE(::read(fd->get(), text, sizeof text - 1), 0);
    return text;
  }

  const Path root_ = folder_ / "root";
};

TEST_F(InRootTest, OpensWhatIsInside) {
  EXPECT_EQ(read("etc/inside"), "inside");
  EXPECT_EQ(read("/etc/inside"), "inside");
  EXPECT_EQ(read("etc/../etc/./inside"), "inside");
  EXPECT_EQ(open_in_root(root_, "missing", O_RDONLY).error().code, Code::not_found);
}

TEST_F(InRootTest, DotsLeadNowhereElse) {
  EXPECT_EQ(read("../outside"), "");
  EXPECT_EQ(read("../../../../../../../../../etc/hostname"), "");
  // At the top ".." is the top.
  EXPECT_EQ(read("../../etc/inside"), "inside");
}

TEST_F(InRootTest, SymlinksAreReadAsTheContainerReadsThem) {
  std::filesystem::create_symlink("/etc/inside", root_ / "absolute");
  std::filesystem::create_symlink("../../../etc/inside", root_ / "etc/relative");
  std::filesystem::create_symlink("../outside", root_ / "escape");
  std::filesystem::create_symlink((folder_ / "outside").native(), root_ / "host");
  std::filesystem::create_symlink("..", root_ / "up");
  EXPECT_EQ(read("absolute"), "inside");
  EXPECT_EQ(read("etc/relative"), "inside");
  EXPECT_EQ(read("escape"), "");
  EXPECT_EQ(read("host"), "");
  EXPECT_EQ(read("up/outside"), "");
}

TEST_F(InRootTest, MagicLinksAreRefused) {
  std::filesystem::create_directory(root_ / "proc");
  ASSERT_EQ(mount("proc", (root_ / "proc").c_str(), "proc", 0, nullptr), 0);
  EXPECT_FALSE(open_in_root(root_, "proc/self/root/etc/hostname", O_RDONLY));
  EXPECT_FALSE(open_in_root(root_, "proc/self/cwd", O_RDONLY));
  ASSERT_EQ(umount((root_ / "proc").c_str()), 0);
}

// openat2 says EAGAIN then, and nothing is wrong.
TEST_F(InRootTest, APathWithDotsIsOpenedThoughOthersAreRenamedMeanwhile) {
  std::filesystem::create_directories(root_ / "a/b");
  std::ofstream(root_ / "c") << "";
  std::atomic<bool> ends = false;
  std::thread renames([&] {
    while (!ends) {
      std::filesystem::rename(root_ / "c", root_ / "d");
      std::filesystem::rename(root_ / "d", root_ / "c");
    }
  });
  for (int tried = 0; tried < 20'000; ++tried) {
    const auto fd = open_in_root(root_, "a/b/../../a/b/../..", O_PATH);
    if (!fd) {
      ADD_FAILURE() << fd.error().message << " at try " << tried;
      break;
    }
  }
  ends = true;
  renames.join();
}

TEST_F(InRootTest, CreatesInside) {
  const auto fd = open_in_root(root_, "/../new", O_CREAT | O_WRONLY, 0640);
  ASSERT_TRUE(fd) << to_text(fd.error());
  EXPECT_EQ(mode_of(root_ / "new") & ~0640U, 0U);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "new"));
}

TEST_F(InRootTest, MakesFoldersInside) {
  const auto made = make_folders_in_root(root_, "/srv/a/b");
  ASSERT_TRUE(made) << to_text(made.error());
  EXPECT_EQ(*made, std::filesystem::canonical(root_) / "srv/a/b");
  EXPECT_TRUE(std::filesystem::is_directory(root_ / "srv/a/b"));
  EXPECT_EQ(make_folders_in_root(root_, "/srv/a/b").value(), *made);
  EXPECT_EQ(make_folders_in_root(root_, "/").value(), std::filesystem::canonical(root_));
}

TEST_F(InRootTest, MakesFoldersBelowASymlinkInside) {
  std::filesystem::create_symlink("/etc", root_ / "link");
  EXPECT_EQ(make_folders_in_root(root_, "/link/new").value(),
            std::filesystem::canonical(root_) / "etc/new");
  // A link to what is outside names the same path inside, or nothing.
  std::filesystem::create_symlink(folder_.path(), root_ / "out");
  const auto made = make_folders_in_root(root_, "/out/new");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "new"));
  EXPECT_FALSE(made);
}

TEST_F(InRootTest, DotsInFoldersToMakeStayInside) {
  const auto made = make_folders_in_root(root_, "/../../srv/../x");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "x"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "srv"));
  if (made) {
    EXPECT_EQ(*made, std::filesystem::canonical(root_) / "x");
  }
}

TEST_F(InRootTest, BeneathItNoLinkIsFollowedOut) {
  std::filesystem::create_symlink("etc", root_ / "inside");
  std::filesystem::create_symlink("/etc", root_ / "absolute");
  std::filesystem::create_symlink("..", root_ / "up");
  EXPECT_TRUE(open_beneath(root_, "inside", O_PATH | O_DIRECTORY));
  EXPECT_TRUE(open_beneath(root_, ".", O_PATH | O_DIRECTORY));
  for (const char* out : {"absolute", "up", "up/x", "..", "etc/../..", "/etc"}) {
    const auto opened = open_beneath(root_, out, O_PATH);
    ASSERT_FALSE(opened) << out;
    EXPECT_EQ(opened.error().code, Code::refused) << out;
  }
  EXPECT_EQ(open_beneath(root_, "missing", O_PATH).error().code, Code::not_found);
  EXPECT_EQ(open_beneath(folder_ / "missing", "x", O_PATH).error().code, Code::not_found);
  EXPECT_FALSE(open_beneath("/", "proc/self/cwd", O_PATH));
}

TEST_F(InRootTest, AFileInTheWayIsTold) {
  EXPECT_FALSE(make_folders_in_root(root_, "/etc/inside/x"));
  EXPECT_FALSE(make_folders_in_root(folder_ / "missing", "/x"));
}

TEST_F(FileTest, WriteAllFailsWhereNothingCanBeWritten) {
  const UniqueFd full(open("/dev/full", O_WRONLY | O_CLOEXEC));
  const auto written = write_all(full.get(), "x");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Code::unavailable);
  EXPECT_FALSE(write_all(-1, "x"));
  EXPECT_TRUE(write_all(full.get(), ""));
}

}  // namespace
}  // namespace drover::system
