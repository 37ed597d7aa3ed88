// An image's ld.so that is not one: the kernel gives it whatever program of the node is run inside.
// It opens that for writing, which it cannot while it runs, and prints the number of the error that
// it gets: whether its mount may be written is looked at before that, where a file is to be
// emptied. Without a C library, as whose loader it would be called.
#include <fcntl.h>
#include <sys/syscall.h>

namespace {

long call(long number, long first, long second, long third) {
  long result = 0;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(number), "D"(first), "S"(second), "d"(third)
               : "rcx", "r11", "memory");
  return result;
}

}  // namespace

extern "C" [[noreturn]] __attribute__((force_align_arg_pointer)) void _start() {
  const char program[] = "/proc/self/exe";
  const long opened = call(SYS_open, reinterpret_cast<long>(program), O_WRONLY | O_TRUNC, 0);
  const long error = opened < 0 ? -opened : 0;
  const char text[] = {'e',
                       'r',
                       'r',
                       'o',
                       'r',
                       ' ',
                       static_cast<char>('0' + error / 10 % 10),
                       static_cast<char>('0' + error % 10),
                       '\n'};
  call(SYS_write, 1, reinterpret_cast<long>(text), sizeof text);
  for (;;) {
    call(SYS_exit_group, 0, 0, 0);
  }
}
