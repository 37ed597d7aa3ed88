#include "oci_schema.h"

#include <rapidjson/document.h>

#include <fstream>
#include <sstream>
#include <stdexcept>
#include <valijson/adapters/rapidjson_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

namespace drover::runtimes {
namespace {

const valijson::Schema& loaded_schema() {
  static const valijson::Schema* const schema = [] {
    std::ifstream file(DROVER_OCI_SCHEMA);
    std::stringstream text;
    text << file.rdbuf();
    rapidjson::Document document;
    document.Parse(text.str().c_str());
    if (document.HasParseError()) {
      throw std::logic_error("the OCI schema is no JSON");
    }
    auto* made = new valijson::Schema;  // for as long as the program
    valijson::SchemaParser().populateSchema(valijson::adapters::RapidJsonAdapter(document), *made);
    return made;
  }();
  return *schema;
}

}  // namespace

std::string schema_faults(const json::Value& document) {
  rapidjson::Document parsed;
  parsed.Parse(json::write(document).c_str());
  valijson::Validator validator;
  valijson::ValidationResults results;
  std::string faults;
  if (!validator.validate(loaded_schema(), valijson::adapters::RapidJsonAdapter(parsed),
                          &results)) {
    for (valijson::ValidationResults::Error error; results.popError(error);) {
      for (const std::string& part : error.context) {
        faults += part;
      }
      faults += ": " + error.description + "\n";
    }
  }
  return faults;
}

}  // namespace drover::runtimes
