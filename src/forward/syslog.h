// Syslog messages: RFC 5424, framed by octet counting (RFC 6587 3.4.1, RFC 5425 4.3).
#pragma once

#include "forward/item.h"

#include <string>
#include <string_view>

namespace keyward::forward {

// Facility 13 (log audit) and a severity made of OCSF's and of the outcome.
[[nodiscard]] int syslog_priority(const Item& item);

// "<bytes> <PRI>1 TIME HOST keyward PID KIND [keyward@32473 ...] LINE". `host` is cut and cleaned
// to what RFC 5424 allows.
[[nodiscard]] std::string syslog_frame(const Item& item, std::string_view host,
                                       std::string_view instance, long process);

}  // namespace keyward::forward
