// Members of specs and jobs that say how a program is run.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "agent/core/fields.h"

namespace drover {

/// A string member that, when given, must be an absolute path without "..".
std::string read_path(Fields& fields, std::string_view key);
/// Such a member that must be given, and name something else than the root itself.
std::string read_place(Fields& fields, std::string_view key);
/// A fault when `text`, the value of member `key`, holds a NUL character.
void refuse_nul(Fields& fields, std::string_view key, std::string_view text);
/// A member that is a list of arguments, at most 1024.
std::vector<std::string> read_arguments(Fields& fields, std::string_view key);
/// The member "command": such a list whose first element names the program; an empty one is none of
/// a program.
std::vector<std::string> read_command(Fields& fields);
/// The member "env": names that a process can have.
std::map<std::string, std::string> read_environment(Fields& fields);

}  // namespace drover
