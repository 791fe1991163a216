/** @file The page's style sheet: light and dark by what the reader's system prefers, no font or picture from elsewhere. */

/** The sheet at "/style.css". */
export const STYLE = `
:root {
  color-scheme: light dark;
  --back: #f6f7f8; --panel: #ffffff; --text: #1c2126; --soft: #5c6670; --line: #dde1e5; --accent: #0b63b0; --track: #e6eaee;
  --empty-a: #eceff1; --empty-b: #e2e6e9;
  font: 14px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
}
@media (prefers-color-scheme: dark) {
  :root {
    --back: #14171a; --panel: #1d2125; --text: #e7eaed; --soft: #9aa5af; --line: #31373d; --accent: #6cb4f5; --track: #31373d;
    --empty-a: #191d20; --empty-b: #1f2428;
  }
}
* { box-sizing: border-box; }
html, body { height: 100%; margin: 0; }
body { display: grid; grid-template-columns: minmax(0, 1fr) 310px; background: var(--back); color: var(--text); }
main { position: relative; overflow: hidden; min-height: 0; }
canvas {
  position: absolute; inset: 0; width: 100%; height: 100%; touch-action: none; cursor: crosshair; outline-offset: -3px;
  background: repeating-conic-gradient(var(--empty-a) 0 25%, var(--empty-b) 0 50%) 0 0 / 24px 24px;
}
canvas.dragging { cursor: grabbing; }
:focus-visible { outline: 2px solid var(--accent); }
aside { overflow-y: auto; background: var(--panel); border-left: 1px solid var(--line); padding: 16px 18px; display: flex; flex-direction: column; gap: 18px; }
h1 { font-size: 17px; line-height: 1.25; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 12px; margin: 0; color: var(--soft); font-weight: 600; letter-spacing: .03em; flex: 1; }
p, ul, dl, dd { margin: 0; padding: 0; }
#about, #hint, #source-note, footer { color: var(--soft); font-size: 12.5px; overflow-wrap: anywhere; }
#about { margin-top: 3px; }
ul { list-style: none; }
.layers { display: grid; grid-template-columns: auto 1fr; gap: 9px 12px; align-items: center; }
.layers > label { color: var(--soft); }
.slider, .source { display: flex; align-items: center; gap: 8px; min-width: 0; }
.slider input { flex: 1; min-width: 0; }
output { min-width: 3.2em; text-align: right; font-variant-numeric: tabular-nums; }
select, button { font: inherit; color: inherit; background: var(--panel); border: 1px solid var(--line); border-radius: 6px; }
select { width: 100%; padding: 4px 6px; }
button { padding: 1px 9px; cursor: pointer; font-size: 12.5px; }
button:hover { border-color: var(--accent); color: var(--accent); }
input { accent-color: var(--accent); margin: 0; }
.row { display: flex; align-items: center; gap: 6px; min-height: 24px; }
#classes { margin-top: 6px; max-height: 46vh; overflow-y: auto; }
#classes label { display: grid; grid-template-columns: auto 15px 1fr auto; gap: 9px; align-items: center; padding: 3px 4px; border-radius: 5px; cursor: pointer; }
#classes label:hover { background: var(--back); }
#classes .share { color: var(--soft); font-variant-numeric: tabular-nums; font-size: 12.5px; }
#classes .name { overflow-wrap: anywhere; }
#classes label.off .name, #classes label.off .swatch { opacity: .4; }
.swatch { width: 15px; height: 15px; border-radius: 4px; box-shadow: inset 0 0 0 1px rgb(0 0 0 / .22); }
.ramp { height: 12px; border-radius: 4px; margin-top: 6px; background: linear-gradient(to right, #000, #fff); box-shadow: inset 0 0 0 1px var(--line); }
.ends { justify-content: space-between; color: var(--soft); font-size: 12px; }
dl { display: grid; grid-template-columns: auto 1fr; gap: 2px 12px; }
dt { color: var(--soft); overflow-wrap: anywhere; }
dd { text-align: right; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
#reading { min-height: 4.4em; align-content: start; }
#reading .wide { grid-column: 1 / 3; text-align: left; margin: 3px 0; }
#reading .class { display: grid; grid-template-columns: auto 1fr; align-items: center; gap: 8px; font-weight: 600; }
#bars { display: grid; gap: 5px; margin-top: 8px; }
#bars li { display: grid; grid-template-columns: 1fr auto; gap: 0 8px; font-size: 12.5px; }
#bars .value { font-variant-numeric: tabular-nums; }
#bars .track { grid-column: 1 / 3; height: 6px; border-radius: 3px; background: var(--track); overflow: hidden; }
#bars .fill { height: 100%; background: var(--accent); border-radius: 3px; }
details summary { cursor: pointer; color: var(--soft); }
details dl { margin-top: 6px; font-size: 12.5px; }
footer { margin-top: auto; font-variant-numeric: tabular-nums; }
.tools { position: absolute; top: 14px; left: 14px; display: grid; gap: 1px; border-radius: 8px; overflow: hidden; background: var(--line); border: 1px solid var(--line); box-shadow: 0 1px 5px rgb(0 0 0 / .3); }
.tools button { width: 34px; height: 34px; padding: 0; border: 0; border-radius: 0; font-size: 18px; line-height: 1; background: var(--panel); }
.scale { position: absolute; left: 14px; bottom: 14px; display: flex; align-items: center; gap: 8px; padding: 4px 9px; border-radius: 7px; background: var(--panel); font-size: 12px; font-variant-numeric: tabular-nums; pointer-events: none; box-shadow: 0 1px 5px rgb(0 0 0 / .3); }
#scale-bar { height: 6px; border: 1.5px solid currentColor; border-top: 0; }
#notice { position: absolute; left: 50%; top: 14px; transform: translateX(-50%); width: max-content; max-width: 70%; padding: 6px 13px; border-radius: 7px; background: var(--panel); box-shadow: 0 1px 5px rgb(0 0 0 / .3); pointer-events: none; }
[hidden] { display: none !important; }
@media (max-width: 720px) {
  body { grid-template-columns: none; grid-template-rows: 58% 42%; }
  aside { border-left: 0; border-top: 1px solid var(--line); }
}
`;
