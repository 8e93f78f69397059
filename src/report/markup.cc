#include "report/markup.h"

#include "keyward/report/visible.h"

namespace keyward::report {
namespace {

void append_escaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string out;
  append_escaped(out, visible(text));
  return out;
}

void Markup::begin(Literal tag, Attributes attributes) {
  out_ += '<';
  out_ += tag.text();
  for (const Attribute& attribute : attributes) {
    out_ += ' ';
    out_ += attribute.name.text();
    out_ += "=\"";
    append_escaped(out_, visible(attribute.value));
    out_ += '"';
  }
}

Markup& Markup::open(Literal tag, Attributes attributes) {
  begin(tag, attributes);
  out_ += '>';
  open_.push_back(tag.text());
  return *this;
}

Markup& Markup::close() {
  out_ += "</";
  out_ += open_.back();
  out_ += '>';
  open_.pop_back();
  return *this;
}

Markup& Markup::lone(Literal tag, Attributes attributes) {
  begin(tag, attributes);
  out_ += "/>";
  return *this;
}

Markup& Markup::text(std::string_view text) {
  append_escaped(out_, visible(text));
  return *this;
}

Markup& Markup::lines(std::string_view text) {
  append_escaped(out_, visible_lines(text));
  return *this;
}

Markup& Markup::element(Literal tag, std::string_view content, Attributes attributes) {
  return open(tag, attributes).text(content).close();
}

Markup& Markup::literal(Literal text) {
  out_ += text.text();
  return *this;
}

Markup& Markup::newline() {
  out_ += '\n';
  return *this;
}

std::string Markup::take() {
  while (!open_.empty()) close();
  return std::move(out_);
}

}  // namespace keyward::report
