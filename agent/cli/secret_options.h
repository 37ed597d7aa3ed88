// The option --secret of `drover run`.
#pragma once

#include <string_view>

#include "agent/core/result.h"
#include "agent/core/secret_spec.h"

namespace drover::cli {

/// "NAME[,target=PATH][,uid=N][,gid=N][,mode=MODE]". `invalid` names the option.
Result<SecretSpec> read_secret_option(std::string_view text);

}  // namespace drover::cli
