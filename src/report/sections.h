// The sections of a report, each from the same input. What somebody has to look at goes to
// `findings` in a line.
#pragma once

#include "keyward/report/compose.h"

#include <string>
#include <vector>

namespace keyward::report {

using Findings = std::vector<std::string>;

Section logical_access(const Input& input, Findings& findings);       // CC6.1
Section joining_and_leaving(const Input& input, Findings& findings);  // CC6.2
Section least_privilege(const Input& input, Findings& findings);      // CC6.3
Section boundary(const Input& input, Findings& findings);             // CC6.6
Section transmission(const Input& input, Findings& findings);         // CC6.7
Section scripts(const Input& input, Findings& findings);              // CC6.8
Section configuration(const Input& input, Findings& findings);        // CC7.1
Section monitoring(const Input& input, Findings& findings);           // CC7.2
Section response(const Input& input, Findings& findings);             // CC7.3, CC7.4
Section changes(const Input& input, Findings& findings);              // CC8.1
Section completeness(const Input& input, Findings& findings);         // A1, PI1
Section confidentiality(const Input& input, Findings& findings);      // C1

// Shared by them.
[[nodiscard]] Figure figure(std::string label, std::uint64_t count, bool bad = false);
[[nodiscard]] std::vector<std::string> parts(std::string_view joined_name);  // by kBetween
[[nodiscard]] std::string counted(std::uint64_t count, std::string_view one, std::string_view many);
[[nodiscard]] std::string or_none(std::string text);  // "none" for nothing
// A table of a tally: its names in `names` columns, then count, first and last.
[[nodiscard]] Table tally_table(std::string id, std::string title, const Tally& tally,
                                std::vector<Column> names);
// Happenings of a kind as a table; `columns` says what of them is shown.
struct HappeningColumn {
  Column column;
  Cell (*cell)(const Happening&);
};
[[nodiscard]] Table happenings_table(std::string id, std::string title, const Facts& facts,
                                     const std::vector<std::string_view>& kinds,
                                     const std::vector<HappeningColumn>& columns);
// Counts by step over the whole period.
[[nodiscard]] Series series_of(std::string name, const ReadTrail& read,
                               const std::map<std::uint64_t, std::uint64_t>& steps);
[[nodiscard]] Series flow_of(std::string name, const ReadTrail& read, Flow flow);
[[nodiscard]] Chart chart_of(std::string title, const ReadTrail& read);

}  // namespace keyward::report
