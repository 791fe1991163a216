/** @file The panel beside the map: layers, opacity, legend, figures. Holds what is chosen, draws nothing. */
import type { ClassEntry, ViewMeta } from "./meta.js";

/** What the reader has chosen. */
export interface Choice {
  /** A band of the probabilities, or the classes. */
  readonly layer: "classes" | number;
  /** 0..1. */
  readonly opacity: number;
  readonly showsSource: boolean;
  /** Values of classes that are not drawn. */
  readonly hidden: ReadonlySet<number>;
}

/** The element of the page with this id, of the kind the page's HTML gives it. */
export function element<T extends HTMLElement>(id: string, kind: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`internal: the page has no ${id}`);
  return found;
}

/** An element with text and a class. */
export function make<K extends keyof HTMLElementTagNameMap>(tag: K, name = "", text = ""): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  if (name !== "") made.className = name;
  made.textContent = text;
  return made;
}

/** A square in a class's colour. */
export function swatch({ color }: ClassEntry): HTMLElement {
  const made = make("span", "swatch");
  made.style.backgroundColor = `rgb(${color.join(" ")})`;
  return made;
}

/** Fills the panel; `onChange` hears every choice. Returns the first one. */
export function buildControls(meta: ViewMeta, onChange: (choice: Choice) => void): Choice {
  let choice: Choice = { layer: "classes", opacity: 0.7, showsSource: meta.source.levels > 0, hidden: new Set() };
  const change = (part: Partial<Choice>): void => {
    choice = { ...choice, ...part };
    onChange(choice);
  };
  describe(meta);
  buildLayers(meta, change);
  buildOpacity(meta, change);
  buildSource(meta, change);
  buildLegend(meta, change);
  buildFigures(meta);
  choice = { ...choice, opacity: Number(element("opacity", HTMLInputElement).value) / 100 };
  return choice;
}

type Change = (part: Partial<Choice>) => void;

function describe({ name, width, height, system, transform, unit }: ViewMeta): void {
  document.title = `${name} - seg view`;
  element("name", HTMLElement).textContent = name;
  const step =
    transform && unit ? `, ${Number(Math.hypot(transform[1], transform[4]).toPrecision(4))} ${unit} a pixel` : "";
  const size = `${width.toLocaleString("en")} × ${height.toLocaleString("en")} pixels${step}`;
  element("about", HTMLElement).textContent = system ? `${size} · ${system}` : size;
}

function buildLayers({ probability }: ViewMeta, change: Change): void {
  const select = element("layer", HTMLSelectElement);
  select.add(new Option("classes", "classes"));
  for (const [i, { name }] of (probability?.bands ?? []).entries()) select.add(new Option(name, String(i)));
  select.disabled = probability === undefined;
  select.title = select.disabled ? "There are no probabilities beside the map" : "";
  select.addEventListener("change", () => {
    const isClasses = select.value === "classes";
    element("legend", HTMLElement).hidden = !isClasses;
    element("ramp", HTMLElement).hidden = isClasses;
    change({ layer: isClasses ? "classes" : Number(select.value) });
  });
  select.value = "classes"; // browsers bring back what was chosen before a reload
}

function buildOpacity({ source }: ViewMeta, change: Change): void {
  const slider = element("opacity", HTMLInputElement);
  slider.value = source.levels > 0 ? "70" : "100";
  const tell = () => {
    element("opacity-text", HTMLOutputElement).textContent = `${slider.value}\u2009%`;
  };
  slider.addEventListener("input", () => {
    tell();
    change({ opacity: Number(slider.value) / 100 });
  });
  tell();
}

function buildSource({ source }: ViewMeta, change: Change): void {
  const box = element("source", HTMLInputElement);
  box.checked = source.levels > 0;
  box.disabled = source.levels === 0;
  element("source-note", HTMLElement).textContent = source.note;
  box.addEventListener("change", () => change({ showsSource: box.checked }));
}

function buildLegend({ classes, sharesAre }: ViewMeta, change: Change): void {
  const rows = classes.map((entry) => ({ entry, ...legendRow(entry, sharesAre) }));
  const update = () => {
    for (const { box, label } of rows) label.classList.toggle("off", !box.checked);
    change({ hidden: new Set(rows.filter(({ box }) => !box.checked).map(({ entry }) => entry.value)) });
  };
  const setAll = (isShown: boolean) => () => {
    for (const { box } of rows) box.checked = isShown;
    update();
  };
  for (const { box, item } of rows) {
    box.addEventListener("change", update);
    element("classes", HTMLElement).append(item);
  }
  element("all", HTMLButtonElement).addEventListener("click", setAll(true));
  element("none", HTMLButtonElement).addEventListener("click", setAll(false));
}

function legendRow(entry: ClassEntry, sharesAre: ViewMeta["sharesAre"]) {
  const [item, label, box] = [make("li"), make("label"), make("input")];
  box.type = "checkbox";
  box.checked = true;
  box.value = String(entry.value);
  const share = make("span", "share", entry.share === undefined ? "" : `${(100 * entry.share).toFixed(1)} %`);
  if (sharesAre === "about") share.title = "counted on a reduced copy of the map";
  label.append(box, swatch(entry), make("span", "name", entry.name), share);
  item.append(label);
  return { box, label, item };
}

function buildFigures({ figures }: ViewMeta): void {
  element("run", HTMLElement).hidden = figures.length === 0;
  const text = (value: number) =>
    Number.isInteger(value) ? value.toLocaleString("en") : String(Number(value.toPrecision(5)));
  const parts = figures.flatMap(([name, value]) => [make("dt", "", name), make("dd", "", text(value))]);
  element("figures", HTMLElement).append(...parts);
}
