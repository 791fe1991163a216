/** @file HTML pages without scripts: every inserted value is escaped. */

/** Text that is markup already. */
export interface Markup {
  readonly markup: string;
}

type Value = string | number | Markup | readonly Markup[];

/** Template tag: plain values are escaped, markup is kept. */
export function html(parts: TemplateStringsArray, ...values: readonly Value[]): Markup {
  return { markup: parts.reduce((text, part, i) => text + part + (i < values.length ? render(values[i]) : ""), "") };
}

function render(value: Value): string {
  if (Array.isArray(value)) return value.map((part: Markup) => part.markup).join("");
  return typeof value === "object" ? (value as Markup).markup : escapeHtml(String(value));
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};
const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (letter) => ENTITIES[letter]);

const STYLE = `body{font:15px/1.5 system-ui,sans-serif;max-width:1000px;margin:2rem auto;padding:0 1rem;color:#222}
table{border-collapse:collapse;margin:1rem 0}th,td{text-align:left;padding:.25rem .8rem;border-bottom:1px solid #ddd}
img{max-width:100%}.grid{display:grid;grid-template-columns:repeat(3,1fr);gap:.5rem}.grid img{width:100%}.legend span{display:inline-block;width:1em;height:1em;margin:0 .4em 0 1em;vertical-align:-.15em;border:1px solid #999}`;

/** A whole page. */
export function page(title: string, body: readonly Markup[]): string {
  const policy = "default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'";
  const head = html`<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${policy}"><meta name="viewport" content="width=device-width"><title>${title}</title>`;
  return `<!doctype html>\n<html lang="en"><head>${head.markup}<style>${STYLE}</style></head><body>\n${body.map(({ markup }) => markup).join("\n")}\n</body></html>\n`;
}
