// drover version.
#include <fmt/format.h>

// App.hpp only declares what these two define, and programs that link this library need it once.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <memory>

#include "agent/cli/command.h"
#include "agent/cli/exit_code.h"

namespace drover::cli {

void add_version(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("version", "Print the version of this program");
  const auto as_json = std::make_shared<bool>(false);
  command->add_flag("--json", *as_json, "As JSON");
  command->callback([&action, as_json] {
    action = [as_json](Session&) -> Result<int> {
      if (*as_json) {
        fmt::print("{}\n", json::write(json::Object{{"version", DROVER_VERSION}}));
      } else {
        fmt::print("drover {}\n", DROVER_VERSION);
      }
      return kDone;
    };
  });
}

}  // namespace drover::cli
