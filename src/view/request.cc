#include "keyward/view/request.h"

namespace keyward::view {

std::string RequestNames::qualify(command::Command&, const policy::Grants&) {
  return "NOPERM this command cannot be run under a namespace";
}

}  // namespace keyward::view
