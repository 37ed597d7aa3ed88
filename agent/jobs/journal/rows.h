// Rows: what a query of the journal gives, as values.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "agent/jobs/journal/database.h"

namespace drover::jobs {

/// "SELECT columns FROM table " and which rows of it.
inline std::string selecting(std::string_view columns, std::string_view which) {
  return std::string(columns) += which;
}

/// Of these, `read` makes a value of the statement's current row.
template <class Read>
using RowOf = std::invoke_result_t<Read, const Statement&>;

/// None when the query gives no row.
template <class Read>
Result<std::optional<RowOf<Read>>> first_row(Statement& query, const Read& read) {
  std::optional<RowOf<Read>> row;
  if (TRY(query.step())) {
    row = read(query);
  }
  return row;
}

template <class Read>
Result<std::vector<RowOf<Read>>> all_rows(Statement& query, const Read& read) {
  std::vector<RowOf<Read>> rows;
  while (TRY(query.step())) {
    rows.push_back(read(query));
  }
  return rows;
}

}  // namespace drover::jobs
