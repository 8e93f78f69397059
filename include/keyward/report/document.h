// What a report says, before it is a page, a CSV or JSON: sections with figures, charts and tables.
// Texts of cells come from records and policies and may hold anything; every writer escapes them.
#pragma once

#include <boost/json/object.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace keyward::report {

struct Cell {
  enum class Kind : std::uint8_t {
    text,
    name,      // of a key, principal, rule: in the typewriter face
    count,     // order = the number
    moment,    // order = microseconds since 1970; 0 = never
    duration,  // order = microseconds; negative = none
  };
  Kind kind = Kind::text;
  std::string text{};      // of text and name
  std::int64_t order = 0;  // of all others
};
[[nodiscard]] Cell text_cell(std::string text);
[[nodiscard]] Cell name_cell(std::string text);
[[nodiscard]] Cell count_cell(std::uint64_t count);
[[nodiscard]] Cell moment_cell(std::uint64_t time_us);
[[nodiscard]] Cell duration_cell(std::int64_t us);
// As a page shows it, and as a program wants it: "12,345" and "12345", "2026-11-22 08:15:03" and
// "2026-11-22T08:15:03.123456Z", "4 min 2 s" and seconds.
[[nodiscard]] std::string shown(const Cell& cell);
[[nodiscard]] std::string plain(const Cell& cell);

struct Column {
  std::string id{};     // in CSV and JSON
  std::string title{};  // on the page
};

struct Table {
  std::string id{};  // also names the CSV
  std::string title{};
  std::string note{};     // below the title; may be empty
  std::string nothing{};  // said when there are no rows
  std::vector<Column> columns{};
  std::vector<std::vector<Cell>> rows{};
  std::uint64_t left_out = 0;  // rows that found no room
};

// Counts over equal steps of time, the first of them beginning at `begin_us`.
struct Series {
  std::string name{};
  std::vector<std::uint64_t> values{};
};
struct Chart {
  std::string title{};
  std::uint64_t begin_us = 0, step_us = 0;
  std::vector<Series> series{};  // stacked, at most kMostSeries of them
  static constexpr std::size_t kMostSeries = 6;
};

struct Figure {
  std::string label{};
  std::string value{};
  bool bad = false;  // somebody has to look at it
};

// A text of several lines, folded away: a difference.
struct Listing {
  std::string title{}, text{};
};

struct Section {
  std::string id{}, criterion{}, title{};
  std::string asks{}, evidence{},
      limits{};  // what the auditor asks, what is shown, what cannot be told
  std::vector<Figure> figures{};
  std::vector<Chart> charts{};
  std::vector<Table> tables{};
  std::vector<Listing> listings{};
};

struct Document {
  std::string title{}, subtitle{};
  std::vector<Figure> about{};          // what it is made of: trail, period, policy, product
  std::vector<std::string> findings{};  // in one line each: what somebody has to look at
  std::vector<Section> sections{};
};

[[nodiscard]] boost::json::object document_json(const Document& document);
// One file that needs no other.
[[nodiscard]] std::string document_html(const Document& document);
// RFC 4180, UTF-8; what a spreadsheet would take for a formula has a ' in front.
[[nodiscard]] std::string table_csv(const Table& table);

}  // namespace keyward::report
