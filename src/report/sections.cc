#include "report/sections.h"

#include <algorithm>

namespace keyward::report {
namespace {

// A record outside of the period's steps cannot be: the chart has one for each.
constexpr std::size_t kMostSteps = 2000;

std::uint64_t first_step(const ReadTrail& read) {
  return read.period.from_us / std::max<std::uint64_t>(read.facts.step_us, 1);
}

std::size_t step_count(const ReadTrail& read) {
  if (read.period.to_us <= read.period.from_us) return 1;
  const std::uint64_t step = std::max<std::uint64_t>(read.facts.step_us, 1);
  const std::uint64_t last = (read.period.to_us - 1) / step;
  return std::min<std::size_t>(static_cast<std::size_t>(last - first_step(read) + 1), kMostSteps);
}

}  // namespace

Figure figure(std::string label, std::uint64_t count, bool bad) {
  return {std::move(label), shown(count_cell(count)), bad};
}

std::vector<std::string> parts(std::string_view joined_name) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at <= joined_name.size();) {
    const std::size_t end = std::min(joined_name.find(kBetween, at), joined_name.size());
    out.emplace_back(joined_name.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

std::string counted(std::uint64_t count, std::string_view one, std::string_view many) {
  return shown(count_cell(count)) + " " + std::string(count == 1 ? one : many);
}

std::string or_none(std::string text) { return text.empty() ? "none" : std::move(text); }

Table tally_table(std::string id, std::string title, const Tally& tally,
                  std::vector<Column> names) {
  Table out;
  out.id = std::move(id);
  out.title = std::move(title);
  out.columns = std::move(names);
  const std::size_t width = out.columns.size();
  out.columns.push_back({"count", "Count"});
  out.columns.push_back({"first", "First"});
  out.columns.push_back({"last", "Last"});
  for (const auto& [name, uses] : tally.sorted()) {
    auto& row = out.rows.emplace_back();
    auto texts = parts(name);
    texts.resize(width);
    for (std::string& text : texts) row.push_back(name_cell(or_none(std::move(text))));
    row.push_back(count_cell(uses.count));
    row.push_back(moment_cell(uses.first_us));
    row.push_back(moment_cell(uses.last_us));
  }
  out.left_out = tally.left_out();
  return out;
}

Table happenings_table(std::string id, std::string title, const Facts& facts,
                       const std::vector<std::string_view>& kinds,
                       const std::vector<HappeningColumn>& columns) {
  Table out;
  out.id = std::move(id);
  out.title = std::move(title);
  out.columns.push_back({"time", "Time"});
  for (const HappeningColumn& one : columns) out.columns.push_back(one.column);
  std::set<const Happening*,
           decltype([](const Happening* a, const Happening* b) { return *a < *b; })>
      all;
  for (const std::string_view kind : kinds) {
    const Happenings& of = facts.of(kind);
    out.left_out += of.count - of.kept.size();
    for (const Happening& one : of.kept) all.insert(&one);
  }
  for (const Happening* one : all) {
    auto& row = out.rows.emplace_back();
    row.push_back(moment_cell(one->time_us));
    for (const HappeningColumn& column : columns) row.push_back(column.cell(*one));
  }
  return out;
}

Series series_of(std::string name, const ReadTrail& read,
                 const std::map<std::uint64_t, std::uint64_t>& steps) {
  Series out;
  out.name = std::move(name);
  out.values.resize(step_count(read));
  for (const auto& [step, count] : steps) {
    const std::uint64_t at = step - first_step(read);
    if (step >= first_step(read) && at < out.values.size())
      out.values[static_cast<std::size_t>(at)] += count;
  }
  return out;
}

Series flow_of(std::string name, const ReadTrail& read, Flow flow) {
  std::map<std::uint64_t, std::uint64_t> steps;
  for (const auto& [step, counts] : read.facts.flow)
    steps[step] = counts[static_cast<std::size_t>(flow)];
  return series_of(std::move(name), read, steps);
}

Chart chart_of(std::string title, const ReadTrail& read) {
  Chart out;
  out.title = std::move(title);
  out.step_us = read.facts.step_us;
  out.begin_us = first_step(read) * out.step_us;
  return out;
}

}  // namespace keyward::report
