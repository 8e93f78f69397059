#include "keyward/report/document.h"

#include "keyward/report/visible.h"

#include <boost/json/array.hpp>

#include <ctime>
#include <fmt/chrono.h>
#include <fmt/format.h>

namespace keyward::report {
namespace {

namespace json = boost::json;

constexpr std::int64_t kSecond = 1'000'000;

std::string grouped(std::uint64_t number) {
  std::string out = std::to_string(number);
  for (std::size_t at = out.size(); at > 3;) out.insert(at -= 3, 1, ',');
  return out;
}

std::tm utc(std::int64_t time_us) {
  const std::time_t seconds = static_cast<std::time_t>(time_us / kSecond);
  std::tm out{};
  gmtime_r(&seconds, &out);
  return out;
}

// The two largest units that say something.
std::string span_text(std::int64_t us) {
  if (us < 1000) return fmt::format("{} µs", us);
  if (us < kSecond) return fmt::format("{} ms", us / 1000);
  const std::int64_t seconds = us / kSecond;
  if (seconds < 60) return fmt::format("{}.{} s", seconds, us / 100'000 % 10);
  if (seconds < 3600) return fmt::format("{} min {} s", seconds / 60, seconds % 60);
  if (seconds < 86'400) return fmt::format("{} h {} min", seconds / 3600, seconds / 60 % 60);
  return fmt::format("{} d {} h", seconds / 86'400, seconds / 3600 % 24);
}

json::value cell_json(const Cell& cell) {
  switch (cell.kind) {
    case Cell::Kind::count:
      return cell.order;
    case Cell::Kind::moment:
      return cell.order == 0 ? json::value(nullptr) : json::value(plain(cell));
    case Cell::Kind::duration:
      return cell.order < 0 ? json::value(nullptr)
                            : json::value(static_cast<double>(cell.order) / kSecond);
    default:
      return json::value(visible(cell.text));
  }
}

json::object table_json(const Table& table) {
  json::array rows;
  for (const auto& row : table.rows) {
    json::object one;
    for (std::size_t i = 0; i < row.size(); ++i) one[table.columns[i].id] = cell_json(row[i]);
    rows.push_back(std::move(one));
  }
  json::object out{{"rows", std::move(rows)}};
  if (table.left_out > 0) out["left_out"] = table.left_out;
  return out;
}

json::array figures_json(const std::vector<Figure>& figures) {
  json::array out;
  for (const Figure& figure : figures)
    out.push_back({{"label", figure.label}, {"value", visible(figure.value)}});
  return out;
}

json::object chart_json(const Chart& chart) {
  json::object series;
  for (const Series& one : chart.series) {
    json::array values;
    for (const std::uint64_t value : one.values) values.emplace_back(value);
    series[visible(one.name)] = std::move(values);
  }
  return {{"title", chart.title},
          {"begin", plain(moment_cell(chart.begin_us))},
          {"step_seconds", chart.step_us / kSecond},
          {"series", std::move(series)}};
}

bool looks_like_formula(std::string_view text) {
  return !text.empty() && std::string_view("=+-@\t\r").find(text.front()) != std::string_view::npos;
}

std::string csv_field(const Cell& cell) {
  std::string text = visible(plain(cell));
  const bool written_by_others = cell.kind == Cell::Kind::text || cell.kind == Cell::Kind::name;
  if (written_by_others && looks_like_formula(text)) text = "'" + text;
  if (text.find_first_of(",\"'\r\n ;") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + "\"";
}

}  // namespace

Cell text_cell(std::string text) { return {Cell::Kind::text, std::move(text), 0}; }
Cell name_cell(std::string text) { return {Cell::Kind::name, std::move(text), 0}; }
Cell count_cell(std::uint64_t count) {
  return {Cell::Kind::count, {}, static_cast<std::int64_t>(count)};
}
Cell moment_cell(std::uint64_t time_us) {
  return {Cell::Kind::moment, {}, static_cast<std::int64_t>(time_us)};
}
Cell duration_cell(std::int64_t us) { return {Cell::Kind::duration, {}, us}; }

std::string shown(const Cell& cell) {
  switch (cell.kind) {
    case Cell::Kind::count:
      return grouped(static_cast<std::uint64_t>(cell.order));
    case Cell::Kind::moment:
      return cell.order == 0 ? "never" : fmt::format("{:%Y-%m-%d %H:%M:%S}", utc(cell.order));
    case Cell::Kind::duration:
      return cell.order < 0 ? "none" : span_text(cell.order);
    default:
      return cell.text;
  }
}

std::string plain(const Cell& cell) {
  switch (cell.kind) {
    case Cell::Kind::count:
      return std::to_string(cell.order);
    case Cell::Kind::moment:
      return cell.order == 0 ? ""
                             : fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:06}Z", utc(cell.order),
                                           cell.order % kSecond);
    case Cell::Kind::duration:
      return cell.order < 0 ? ""
                            : fmt::format("{}.{:06}", cell.order / kSecond, cell.order % kSecond);
    default:
      return cell.text;
  }
}

json::object document_json(const Document& document) {
  json::object out{{"title", visible(document.title)},
                   {"subtitle", visible(document.subtitle)},
                   {"about", figures_json(document.about)}};
  json::array findings;
  for (const std::string& finding : document.findings) findings.emplace_back(visible(finding));
  out["findings"] = std::move(findings);
  json::array sections;
  for (const Section& section : document.sections) {
    json::object tables;
    for (const Table& table : section.tables) tables[table.id] = table_json(table);
    json::array charts;
    for (const Chart& chart : section.charts) charts.push_back(chart_json(chart));
    sections.push_back(json::object{{"id", section.id},
                                    {"criterion", section.criterion},
                                    {"title", section.title},
                                    {"figures", figures_json(section.figures)},
                                    {"charts", std::move(charts)},
                                    {"tables", std::move(tables)}});
  }
  out["sections"] = std::move(sections);
  return out;
}

std::string table_csv(const Table& table) {
  std::string out;
  for (const Column& column : table.columns) {
    if (!out.empty()) out += ',';
    out += column.id;
  }
  out += "\r\n";
  for (const auto& row : table.rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (i > 0) out += ',';
      out += csv_field(row[i]);
    }
    out += "\r\n";
  }
  return out;
}

}  // namespace keyward::report
