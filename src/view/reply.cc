#include "keyward/view/reply.h"

namespace keyward::view {

Shape shape_of(const command::Command&, const policy::Permit&, const policy::Grants&) {
  return Shape::as_is;
}

bool show(Shape, const Lens&, std::string_view, std::string&) { return false; }
bool show_frame(const Lens&, std::string_view, std::string&) { return false; }

}  // namespace keyward::view
