#include "agent/system/window_size.h"

#include <sys/ioctl.h>

namespace drover::system {

void set_window_size(int terminal, const TerminalSize& size) {
  winsize told{};
  told.ws_col = size.columns;
  told.ws_row = size.rows;
  ioctl(terminal, TIOCSWINSZ, &told);
}

}  // namespace drover::system
