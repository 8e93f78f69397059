#include "keyward/base/diagnostics_json.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

namespace keyward {

boost::json::value to_json(const Diagnostics& diagnostics) {
  boost::json::array out;
  for (const Diagnostic& one : diagnostics.all()) {
    out.push_back(
        boost::json::object{{"level", one.level == Diagnostic::Level::error ? "error" : "warning"},
                            {"file", one.file},
                            {"line", one.line},
                            {"column", one.column},
                            {"what", one.what},
                            {"instead", one.instead}});
  }
  return out;
}

}  // namespace keyward
