// A chart of counts over time as inline SVG: stacked bars, one scale, no colours of its own (the
// style sheet of the page has them), and a description for who cannot see it.
#pragma once

#include "report/markup.h"

#include "keyward/report/document.h"

namespace keyward::report {

void draw(const Chart& chart, Markup& out);

// The next of 1, 2, 5, 10, 20, 50 ... that is not below.
[[nodiscard]] std::uint64_t round_up(std::uint64_t value);

}  // namespace keyward::report
