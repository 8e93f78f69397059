// How the page looks, and what sorts its tables. Both stand in the page itself; their hashes are
// all that its content security policy lets in.
#pragma once

#include "report/markup.h"

namespace keyward::report {

inline constexpr Literal kStyle{R"css(
:root { color-scheme: light dark; --ink: #1d2328; --soft: #5b6570; --line: #d9dde1; --paper: #ffffff; --tint: #f5f6f7;
  --link: #1f5f99; --bad: #9c2f26; --s0: #33658f; --s1: #b9852b; --s2: #a8483f; --s3: #33807a; --s4: #76609f; --s5: #868c93; }
@media (prefers-color-scheme: dark) { :root { --ink: #e3e6e9; --soft: #a2abb4; --line: #363c43; --paper: #16191c;
  --tint: #1e2226; --link: #8dbfe8; --bad: #f0938a; --s0: #6fa3d0; --s1: #d9ab5c; --s2: #dd837a; --s3: #69b5ae; --s4: #ab98d2; --s5: #9aa1a8; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 70rem; padding: 2.5rem 2rem 4rem; background: var(--paper); color: var(--ink);
  font: 0.9375rem/1.55 system-ui, -apple-system, "Segoe UI", "Helvetica Neue", Arial, sans-serif; font-variant-numeric: tabular-nums; }
a { color: var(--link); text-underline-offset: 0.15em; }
h1 { margin: 0; font-size: 1.75rem; font-weight: 600; letter-spacing: -0.01em; line-height: 1.2; }
h2 { margin: 0 0 0.75rem; font-size: 1.25rem; font-weight: 600; line-height: 1.3; }
h2 .criterion { display: block; font-size: 0.8125rem; font-weight: 600; color: var(--soft); letter-spacing: 0.04em; }
h3 { margin: 0 0 0.5rem; font-size: 0.8125rem; font-weight: 600; }
header p { margin: 0.35rem 0 1.5rem; color: var(--soft); }
section { margin-top: 3rem; padding-top: 1.5rem; border-top: 1px solid var(--line); }
dl { margin: 0; }
.about { display: grid; grid-template-columns: max-content 1fr; gap: 0.2rem 1.5rem; }
.about dt { color: var(--soft); }
.about dd { margin: 0; overflow-wrap: anywhere; }
.findings { margin: 1.5rem 0; padding: 0.9rem 1.25rem; background: var(--tint); border-left: 3px solid var(--s1); }
.findings.none { border-left-color: var(--s3); }
.findings ul { margin: 0; padding-left: 1.1rem; }
.findings p { margin: 0; }
nav ol { margin: 0.5rem 0 0; padding: 0; list-style: none; columns: 2; column-gap: 2.5rem; }
nav li { display: flex; gap: 0.75rem; break-inside: avoid; padding: 0.1rem 0; }
nav .criterion { flex: 0 0 7rem; color: var(--soft); white-space: nowrap; }
.frame { display: grid; grid-template-columns: 1fr 1fr 1fr; gap: 1.5rem; margin-bottom: 1.25rem; font-size: 0.875rem; }
.frame p { margin: 0; }
.frame h3 { margin-bottom: 0.15rem; color: var(--soft); }
.figures { display: flex; flex-wrap: wrap; gap: 0.9rem 2.5rem; margin: 1.25rem 0; }
.figures div { display: flex; flex-direction: column-reverse; }
.figures dt { color: var(--soft); font-size: 0.8125rem; }
.figures dd { margin: 0; font-size: 1.375rem; font-weight: 600; line-height: 1.25; overflow-wrap: anywhere; }
.figures .bad dd { color: var(--bad); }
figure { margin: 1.5rem 0; }
figcaption, caption { font-size: 0.875rem; font-weight: 600; text-align: left; padding-bottom: 0.35rem; }
caption .note { display: block; font-weight: 400; color: var(--soft); }
figure > svg { display: block; width: 100%; height: auto; }
svg text { fill: var(--soft); font-size: 11px; }
svg .axis { stroke: var(--soft); stroke-width: 1; }
svg .grid { stroke: var(--line); stroke-width: 1; }
.s0 { fill: var(--s0); } .s1 { fill: var(--s1); } .s2 { fill: var(--s2); } .s3 { fill: var(--s3); } .s4 { fill: var(--s4); } .s5 { fill: var(--s5); }
.legend { display: flex; flex-wrap: wrap; gap: 0.25rem 1.5rem; margin: 0.4rem 0 0; padding: 0; list-style: none; font-size: 0.8125rem; color: var(--soft); }
.legend svg { width: 0.65rem; height: 0.65rem; margin-right: 0.45rem; }
.wide { overflow-x: auto; margin: 1.5rem 0; }
table { width: 100%; border-collapse: collapse; font-size: 0.8125rem; line-height: 1.45; }
th, td { padding: 0.35rem 1.25rem 0.35rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
th:last-child, td:last-child { padding-right: 0; }
thead th { color: var(--soft); font-weight: 500; white-space: nowrap; vertical-align: bottom; border-bottom-color: var(--soft); }
td.w { overflow-wrap: anywhere; min-width: 9rem; }
td.m, td.d { white-space: nowrap; }
th.n, td.n, th.d, td.d { text-align: right; min-width: 0; }
td.k { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace; font-size: 0.78125rem; }
.quiet { color: var(--soft); }
thead button { all: unset; cursor: pointer; }
thead button:hover { color: var(--ink); }
thead button:focus-visible, a:focus-visible, summary:focus-visible, .wide:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
th[aria-sort=ascending] button::after { content: " \2191"; }
th[aria-sort=descending] button::after { content: " \2193"; }
.rest { margin: -1rem 0 1.5rem; font-size: 0.8125rem; color: var(--soft); }
details { margin: 0.75rem 0; font-size: 0.8125rem; }
summary { cursor: pointer; }
pre { margin: 0.5rem 0 0; padding: 0.75rem 1rem; overflow-x: auto; background: var(--tint); font: 0.78125rem/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace; unicode-bidi: plaintext; }
footer { margin-top: 3rem; padding-top: 1rem; border-top: 1px solid var(--line); color: var(--soft); font-size: 0.8125rem; }
@media (max-width: 48rem) { body { padding: 1.25rem 1rem 3rem; } .frame { grid-template-columns: 1fr; gap: 0.75rem; } nav ol { columns: 1; } }
@media print { @page { size: A4; margin: 16mm 14mm; } :root { --ink: #000; --soft: #444; --line: #bbb; --paper: #fff; --tint: #f3f3f3; --link: #000; }
  body { max-width: none; padding: 0; font-size: 9.5pt; } section { break-before: auto; } h2, h3, figcaption, caption { break-after: avoid; }
  figure, tr, .frame, .figures { break-inside: avoid; } thead { display: table-header-group; } .wide { overflow: visible; }
  th, td { padding-right: 0.6rem; } details::details-content { content-visibility: visible; } pre { white-space: pre-wrap; } }
)css"};

inline constexpr Literal kScript{R"js(
'use strict';
for (const table of document.querySelectorAll('table')) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener('click', () => {
      const numbers = body.rows.length > 0 && body.rows[0].cells[column].dataset.s !== undefined;
      const now = head.getAttribute('aria-sort');
      const down = now ? now === 'ascending' : numbers;
      const key = (row) => numbers ? Number(row.cells[column].dataset.s) : row.cells[column].textContent;
      const order = (a, b) => numbers ? a - b : a.localeCompare(b);
      const rows = [...body.rows].map((row) => [key(row), row]);
      rows.sort((a, b) => down ? order(b[0], a[0]) : order(a[0], b[0]));
      for (const other of heads) other.removeAttribute('aria-sort');
      head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
      body.append(...rows.map((row) => row[1]));
    });
  });
}
addEventListener('beforeprint', () => { for (const one of document.querySelectorAll('details')) one.open = true; });
)js"};

}  // namespace keyward::report
