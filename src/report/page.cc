#include "report/chart.h"
#include "report/markup.h"
#include "report/style.h"

#include "keyward/base/hash.h"
#include "keyward/report/document.h"

#include <fmt/format.h>

namespace keyward::report {
namespace {

// Of a table; all others are in its CSV.
constexpr std::size_t kMostShown = 200;

// Base64 as a content security policy has it: another alphabet than base64url, and padded.
std::string source_hash(Literal text) {
  const Digest digest = sha256(text.text());
  std::string out = base64url_encode(std::string(digest.begin(), digest.end()));
  for (char& c : out) c = c == '-' ? '+' : c == '_' ? '/' : c;
  return "'sha256-" + out + "='";
}

std::string column_class(const Table& table, std::size_t column) {
  if (table.rows.empty()) return {};
  switch (table.rows.front()[column].kind) {
    case Cell::Kind::count:
      return "n";
    case Cell::Kind::duration:
      return "d";
    case Cell::Kind::moment:
      return "m";
    case Cell::Kind::name:
      return "k";
    default:
      return {};
  }
}

// Holds a word that a column should not be as wide as.
bool long_word(std::string_view text) {
  constexpr std::size_t kWidest = 36;
  std::size_t run = 0;
  for (const char c : text) {
    run = c == ' ' ? 0 : run + 1;
    if (run > kWidest) return true;
  }
  return false;
}

void put_cell(const Cell& cell, const std::string& of_class, Markup& out) {
  const bool ordered = cell.kind != Cell::Kind::text && cell.kind != Cell::Kind::name;
  if (ordered) {
    const bool none = cell.kind == Cell::Kind::moment     ? cell.order == 0
                      : cell.kind == Cell::Kind::duration ? cell.order < 0
                                                          : cell.order == 0;
    out.element(
        "td", shown(cell),
        {{"class", of_class + (none ? " quiet" : "")}, {"data-s", std::to_string(cell.order)}});
    return;
  }
  const std::string both = of_class + (long_word(cell.text) ? " w" : "");
  if (both.empty()) {
    out.open("td").element("bdi", cell.text).close();
  } else {
    out.open("td", {{"class", both}}).element("bdi", cell.text).close();
  }
}

void put_table(const Table& table, Markup& out) {
  if (table.rows.empty()) {
    out.open("p", {{"class", "quiet"}, {"id", "table-" + table.id}});
    out.text(table.title + ": " + (table.nothing.empty() ? "none." : table.nothing)).close();
    out.newline();
    return;
  }
  out.open("div",
           {{"class", "wide"}, {"role", "region"}, {"tabindex", "0"}, {"aria-label", table.title}});
  out.open("table", {{"id", "table-" + table.id}}).open("caption").text(table.title);
  if (!table.note.empty()) out.element("span", table.note, {{"class", "note"}});
  out.close().open("thead").open("tr");
  std::vector<std::string> classes;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    classes.push_back(column_class(table, i));
    out.element("th", table.columns[i].title, {{"scope", "col"}, {"class", classes[i]}});
  }
  out.close().close().open("tbody").newline();
  for (std::size_t row = 0; row < std::min(table.rows.size(), kMostShown); ++row) {
    out.open("tr");
    for (std::size_t i = 0; i < table.rows[row].size(); ++i)
      put_cell(table.rows[row][i], classes[i], out);
    out.close().newline();
  }
  out.close().close().close().newline();
  std::string rest;
  if (table.rows.size() > kMostShown)
    rest = fmt::format("The first {} of {} rows; {}.csv holds all of them.", kMostShown,
                       shown(count_cell(table.rows.size())), table.id);
  if (table.left_out > 0)
    rest += fmt::format("{}{} more found no room and are in no file.", rest.empty() ? "" : " ",
                        shown(count_cell(table.left_out)));
  if (!rest.empty()) out.element("p", rest, {{"class", "rest"}}).newline();
}

void put_figures(const std::vector<Figure>& figures, Markup& out) {
  if (figures.empty()) return;
  out.open("dl", {{"class", "figures"}});
  for (const Figure& figure : figures) {
    out.open("div", {{"class", figure.bad ? "bad" : "fine"}});
    out.element("dt", figure.label).open("dd").element("bdi", figure.value).close().close();
  }
  out.close().newline();
}

void put_section(const Section& section, Markup& out) {
  out.open("section", {{"id", section.id}, {"aria-labelledby", section.id + "-title"}});
  out.open("h2", {{"id", section.id + "-title"}});
  if (!section.criterion.empty())
    out.element("span", section.criterion, {{"class", "criterion"}}).text(" ");
  out.text(section.title).close().newline();
  if (!section.asks.empty()) {
    out.open("div", {{"class", "frame"}});
    out.open("div").element("h3", "The auditor asks").element("p", section.asks).close();
    out.open("div").element("h3", "Shown here").element("p", section.evidence).close();
    out.open("div").element("h3", "Not to be concluded").element("p", section.limits).close();
    out.close().newline();
  }
  put_figures(section.figures, out);
  for (const Chart& chart : section.charts) draw(chart, out);
  for (const Table& table : section.tables) put_table(table, out);
  for (const Listing& listing : section.listings) {
    out.open("details").open("summary").element("bdi", listing.title).close();
    out.open("pre").lines(listing.text).close().close().newline();
  }
  out.close().newline();
}

void put_head(const Document& document, Markup& out) {
  out.literal("<!DOCTYPE html>\n").open("html", {{"lang", "en"}}).open("head").newline();
  out.literal("<meta charset=\"utf-8\">\n");
  out.lone("meta",
           {{"http-equiv", "Content-Security-Policy"},
            {"content", "default-src 'none'; style-src " + source_hash(kStyle) + "; script-src " +
                            source_hash(kScript) + "; base-uri 'none'; form-action 'none'"}});
  out.newline();
  out.literal("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
  out.literal("<meta name=\"referrer\" content=\"no-referrer\">\n");
  out.element("title", document.title + ", " + document.subtitle).newline();
  out.open("style").literal(kStyle).close().close().newline();
}

void put_beginning(const Document& document, Markup& out) {
  out.open("header").element("h1", document.title).element("p", document.subtitle);
  out.open("dl", {{"class", "about"}});
  for (const Figure& figure : document.about)
    out.element("dt", figure.label).open("dd").element("bdi", figure.value).close();
  out.close().close().newline();
  out.open("div", {{"class", document.findings.empty() ? "findings none" : "findings"}});
  if (document.findings.empty()) {
    out.element("p", "Nothing in this period needs a second look.");
  } else {
    out.element("h3", "Worth a second look").open("ul");
    for (const std::string& finding : document.findings) out.element("li", finding);
    out.close();
  }
  out.close().newline();
  out.open("nav", {{"aria-label", "Contents"}}).element("h3", "Contents").open("ol");
  for (const Section& section : document.sections) {
    out.open("li").element("span", section.criterion, {{"class", "criterion"}});
    out.element("a", section.title, {{"href", "#" + section.id}}).close();
  }
  out.close().close().newline();
}

}  // namespace

std::string document_html(const Document& document) {
  Markup out;
  put_head(document, out);
  out.open("body").newline();
  put_beginning(document, out);
  out.open("main").newline();
  for (const Section& section : document.sections) put_section(section, out);
  out.close().newline();
  out.element(
      "footer",
      "All times are UTC. Tables sort by a click on a heading; each of them stands whole in a "
      "CSV file beside this page. report.json holds the SHA-256 of every file and a "
      "signature over them: keyward audit report --check FOLDER.");
  out.newline();
  out.open("script").literal(kScript).close().close().newline();
  return out.take() + "\n";
}

}  // namespace keyward::report
