"""The page's style sheet: system fonts, two sets of colours, one column that widens to the screen."""

STYLE = """
:root {
  color-scheme: light dark;
  --paper: #ffffff; --raised: #f5f7fa; --ink: #1a2430; --faint: #55616f; --line: #d9e0e8;
  --accent: #1f5fae; --good: #11704a; --bad: #ab2c2c; --note: #7a5200; --note-paper: #fff3d6;
  --loss: #2f6fbd; --score: #1f8a5b; --heat: #2f6fbd;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #12171d; --raised: #1b222b; --ink: #e4e9ef; --faint: #9fadbb; --line: #313c48;
    --accent: #86b7f2; --good: #6fd3a3; --bad: #f29393; --note: #f2ca7c; --note-paper: #3a2f16;
    --loss: #78aeea; --score: #63c998; --heat: #5d9be0;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 1rem 1rem 4rem; max-width: 76rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
  overflow-wrap: break-word;
}
h1 { font-size: 1.6rem; line-height: 1.2; margin: .5rem 0; }
h2 { font-size: 1.3rem; margin: 3rem 0 .75rem; padding-bottom: .3rem; border-bottom: 2px solid var(--line); }
h3 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
.run h3 { margin-top: .75rem; }
h4 { font-size: .95rem; margin: 1.25rem 0 .4rem; color: var(--faint); font-weight: 600; }
p, ul { margin: .5rem 0; max-width: 46rem; }
a { color: var(--accent); }
nav { display: flex; flex-wrap: wrap; gap: .25rem 1rem; margin: 1rem 0; }
small, .small { font-size: .8rem; color: var(--faint); }
code { font: .85em/1.4 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: .4rem; margin: .5rem 0 1rem; }
.scroll:focus-visible { outline: 2px solid var(--accent); }
table { border-collapse: separate; border-spacing: 0; width: 100%; font-size: .86rem; }
table, .metrics b { font-variant-numeric: tabular-nums; }
th, td { padding: .32rem .6rem; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
tbody tr:last-child > * { border-bottom: 0; }
thead th { background: var(--raised); font-weight: 600; vertical-align: bottom; white-space: nowrap; }
thead .group { text-align: center; }
tbody th { font-weight: 500; min-width: 15.5rem; position: sticky; left: 0; background: var(--paper); }
.number { text-align: right; white-space: nowrap; padding-left: .35rem; padding-right: .45rem; }
thead .number { font-size: .78rem; }
abbr { text-decoration: none; cursor: help; }
.first { border-left: 1px solid var(--line); }
.paper { color: var(--faint); }
.measured { font-weight: 600; }
.by { display: block; font-size: .8rem; color: var(--faint); font-weight: 400; }
.near { color: var(--good); }
.far { color: var(--bad); }
.moot { color: var(--faint); font-style: italic; }
.wide { min-width: 16rem; }
.metric { white-space: nowrap; }
.badge {
  display: inline-block; padding: 0 .5rem; border-radius: 1rem; font-size: .78rem; font-weight: 600;
  background: var(--note-paper); color: var(--note); margin-left: .4rem; white-space: normal;
}
.run { border: 1px solid var(--line); border-radius: .6rem; padding: .25rem 1rem 1rem; margin: 1.25rem 0; }
.metrics { display: grid; grid-template-columns: repeat(4, max-content); gap: .5rem 2rem; margin: .75rem 0; }
.metrics b { display: block; font-size: 1.35rem; line-height: 1.2; }
.charts { display: flex; flex-wrap: wrap; gap: 1rem; }
figure { margin: .5rem 0; min-width: 0; }
figcaption { font-size: .8rem; color: var(--faint); }
svg, img { max-width: 100%; height: auto; display: block; }
img { border: 1px solid var(--line); border-radius: .4rem; background: #ffffff; }
.charts svg { width: 24rem; }
dl {
  display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .15rem 1rem; margin: .5rem 0;
  font-size: .86rem;
}
dt { color: var(--faint); }
dd { margin: 0; overflow-wrap: anywhere; }
.bars td:nth-child(2) { width: 100%; min-width: 8rem; }
.bars th { min-width: 0; position: static; }
.bars tr > * { border: 0; padding: .1rem .6rem; vertical-align: middle; }
.bar { height: .8rem; border-radius: .2rem; background: var(--score); width: calc(var(--share) * 1%); }
.confusion { width: auto; font-size: .75rem; }
.confusion th { white-space: nowrap; min-width: 0; padding: .2rem .4rem; }
.confusion thead th { writing-mode: vertical-rl; transform: rotate(180deg); text-align: left; vertical-align: top; }
.confusion thead th:first-child { writing-mode: inherit; transform: none; vertical-align: bottom; }
.confusion td {
  padding: .2rem .3rem; text-align: right; min-width: 1.6rem; border: 1px solid var(--paper);
  background: color-mix(in srgb, var(--heat) calc(var(--share) * .75%), var(--paper));
}
.confusion td.self { outline: 1px solid var(--faint); outline-offset: -1px; }
details { margin: .75rem 0; }
summary { cursor: pointer; font-weight: 600; color: var(--accent); }
.fault { background: var(--note-paper); color: var(--note); padding: .5rem .75rem; border-radius: .4rem; }
@media (max-width: 40rem) {
  body { padding: .75rem .75rem 3rem; }
  .run { padding: .1rem .75rem .75rem; }
  dl { grid-template-columns: minmax(0, 1fr); gap: 0; }
  dd { margin-bottom: .35rem; }
  th, td { padding: .3rem .45rem; }
  .metrics { grid-template-columns: repeat(4, auto); gap: .5rem; font-size: .85rem; }
  .metrics b { font-size: 1.1rem; }
  tbody th { min-width: 9.5rem; }
}
@media print { .scroll { overflow: visible; } }
"""
