// The style sheet of report.html.

import Plot

/// Light and dark by the reader's setting, light in print; two columns, one on narrow screens.
enum PageStyle {
  static let text = """
    :root { --text: #1b1f23; --soft: #5a636d; --ground: #ffffff; --card: #f7f8fa; --line: #e1e4e8; --link: #0b5ea8;
      --warn: #fff4d6; --bad: #fde2dd; \(InlineSVG.properties(isDark: false)) }
    @media screen and (prefers-color-scheme: dark) {
      :root { --text: #e4e7eb; --soft: #a3acb6; --ground: #14171a; --card: #1c2024; --line: #32383e; --link: #7fbcf5;
        --warn: #3d3212; --bad: #4a211b; \(InlineSVG.properties(isDark: true)) }
    }
    * { box-sizing: border-box; }
    body { margin: 0 auto; padding: 1.5rem; max-width: 82rem; color: var(--text); background: var(--ground);
      font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
    h1 { margin: 0; font-size: 1.7rem; line-height: 1.25; overflow-wrap: anywhere; }
    h2 { margin: 2.2rem 0 .8rem; font-size: 1.2rem; border-bottom: 1px solid var(--line); padding-bottom: .3rem; }
    h3 { margin: 0; font-size: 1rem; }
    header p { margin: .4rem 0; }
    a { color: var(--link); }
    .warn, .bad { padding: .35rem .7rem; border-radius: .35rem; background: var(--warn); overflow-wrap: anywhere; }
    .bad { background: var(--bad); }
    .tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .7rem; margin: 1.2rem 0 0; }
    .tiles div { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .6rem .8rem; }
    .tiles dt { color: var(--soft); font-size: .82rem; }
    .tiles dd { margin: 0; font-size: 1.3rem; font-weight: 600; font-variant-numeric: tabular-nums; }
    .grid { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 1rem; }
    figure { margin: 0; padding: .9rem 1rem; background: var(--card); border: 1px solid var(--line);
      border-radius: .5rem; min-width: 0; break-inside: avoid; }
    .wide { grid-column: 1 / -1; }
    figure p { margin: .3rem 0 0; color: var(--soft); font-size: .85rem; overflow-wrap: anywhere; }
    .keys { list-style: none; display: flex; flex-wrap: wrap; gap: .15rem 1rem; margin: .3rem 0; padding: 0;
      font-size: .85rem; overflow-wrap: anywhere; }
    .keys i { display: inline-block; width: 1.3em; height: 3px; margin-right: .4em; vertical-align: middle; }
    svg { display: block; width: 100%; height: auto; }
    svg text { font-family: inherit; }
    svg image { image-rendering: pixelated; }
    .n { display: none; }
    table { border-collapse: collapse; font-size: .88rem; width: 100%; }
    .table { overflow-x: auto; }
    th, td { text-align: left; padding: .25rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; }
    th[scope=row] { overflow-wrap: anywhere; }
    th { font-weight: 600; color: var(--soft); }
    code { font: .92em ui-monospace, "DejaVu Sans Mono", monospace; }
    footer { margin: 2rem 0 0; color: var(--soft); font-size: .85rem; }
    @media screen and (max-width: 720px) {
      body { padding: .8rem; }
      .grid { grid-template-columns: minmax(0, 1fr); }
      figure { padding: .7rem .5rem; }
      .w { display: none; }
      .n { display: block; }
      th, td { padding: .25rem .3rem; }
    }
    @media print {
      body { max-width: none; padding: 0; font-size: 11px; }
      figure, .tiles div { background: none; }
      h2 { break-after: avoid; }
      a { color: inherit; text-decoration: none; }
      figure:not(.wide) .w { display: none; }
      figure:not(.wide) .n { display: block; }
      .keys i { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
    }

    """
}
