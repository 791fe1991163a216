/**
 * @file The viewer in a real browser: what is drawn, read and asked for. Chromium is found at CHROMIUM_PATH or /usr/bin/chromium;
 * VIEW_SCREENSHOTS names a folder that keeps pictures of the pages.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import { type Browser, chromium, type Page } from "playwright-core";
import { writeCog } from "../../src/cog/index.js";
import { silent } from "../../src/talk.js";
import { startView, type View, type ViewOptions } from "../../src/view/index.js";
import { fit, type Position, toScreen, type Viewport } from "../../src/view/page/viewport.js";
import { hash32 } from "../support/filler.js";
import { withFolder } from "../support/folder.js";
import {
  BANDS,
  CLASSES,
  classAt,
  HEIGHT,
  NODATA,
  PATCH,
  probabilityAt,
  WIDTH,
  writeClassMap,
  writeTestMap,
} from "./maps.js";

const CHROMIUM = process.env.CHROMIUM_PATH ?? "/usr/bin/chromium";
const FLAGS = [
  ...["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
  ...["--disable-background-networking", "--disable-component-update", "--disable-sync"],
];

const options = existsSync(CHROMIUM) ? {} : { skip: `no Chromium at ${CHROMIUM}` };

/** A page that is open and drawn, what it complained of and asked for. */
interface Opened {
  readonly page: Page;
  readonly view: View;
  readonly complaints: readonly string[];
  readonly requests: readonly { readonly url: string; readonly bytes: number }[];
}

let browser: Promise<Browser> | undefined;

/** One browser for all tests; each has a context of its own. */
function sharedBrowser(): Promise<Browser> {
  browser ??= chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  return browser;
}

after(async () => (await browser)?.close());

async function withPage<T>(
  map: string,
  options: ViewOptions,
  use: (opened: Opened) => Promise<T>,
  colorScheme: "light" | "dark" = "light",
): Promise<T> {
  const view = await startView(map, options, silent);
  const context = await (await sharedBrowser()).newContext({ viewport: { width: 1200, height: 760 }, colorScheme });
  try {
    const page = await context.newPage();
    const heard = listenTo(page);
    await page.addInitScript(WATCH);
    await page.goto(view.url);
    await drawn(page);
    return await use({ page, view, ...heard });
  } finally {
    await context.close();
    await view.close();
  }
}

/** Collects what a page complains of and what it asks for. */
function listenTo(page: Page): Pick<Opened, "complaints" | "requests"> {
  const [complaints, requests]: [string[], { url: string; bytes: number }[]] = [[], []];
  page.on("console", (message) => {
    if (!/willReadFrequently/.test(message.text())) complaints.push(message.text()); // it is the tests that read the canvas
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("response", (answer) =>
    requests.push({ url: answer.url(), bytes: Number(answer.headers()["content-length"]) }),
  );
  return { complaints, requests };
}

/** Collects violations of the policy inside the page. */
const WATCH =
  "globalThis.violations = []; addEventListener('securitypolicyviolation', (event) => violations.push(event.violatedDirective));";

const drawn = (page: Page) => page.waitForSelector('#map[aria-busy="false"]');

async function keep(page: Page, name: string): Promise<void> {
  const folder = process.env.VIEW_SCREENSHOTS;
  if (folder !== undefined) await page.screenshot({ path: join(folder, `${name}.png`) });
}

/** Red, green, blue and alpha on the canvas. */
async function colorAt(page: Page, { x, y }: Position): Promise<number[]> {
  const [column, row] = [Math.floor(x), Math.floor(y)];
  return page.evaluate<number[]>(
    `[...document.querySelector("#map").getContext("2d").getImageData(${column}, ${row}, 1, 1).data]`,
  );
}

interface Size {
  readonly width: number;
  readonly height: number;
}

const sizeOf = (page: Page) =>
  page.evaluate<Size>(`(({ width, height }) => ({ width, height }))(document.querySelector("#map"))`);
const MAP = { width: WIDTH, height: HEIGHT };

/** Canvas position of the middle of a map pixel. */
const screenOf = (view: Viewport, screen: Size, x: number, y: number) =>
  toScreen(view, screen, { x: x + 0.5, y: y + 0.5 });

async function setOpacity(page: Page, percent: number): Promise<void> {
  await page.locator("#opacity").fill(String(percent));
  await drawn(page);
}

/** Middles of some patches, the one without data first. */
const PLACES = [0, 1, 2, 3, 4, 5, 6, 7].map((i) => ({
  x: i * 2 * PATCH + PATCH / 2,
  y: (i % 5) * 2 * PATCH + PATCH / 2,
}));

async function assertColors(page: Page, view: Viewport, hidden = -1): Promise<void> {
  const screen = await sizeOf(page);
  for (const { x, y } of PLACES) {
    const value = classAt(x, y);
    const color = value === NODATA || value === hidden ? [0, 0, 0, 0] : [...CLASSES[value].color, 255];
    assert.deepEqual(await colorAt(page, screenOf(view, screen, x, y)), color, `pixel ${x}, ${y}`);
  }
}

test(
  "what is drawn is the map: colours, classes switched off, opacity over the source, zoomed and moved; nothing is complained of",
  options,
  () =>
    withFolder(async (folder) => {
      const { map, scene } = await writeTestMap(folder);
      await writeFile(`${map}.summary.json`, JSON.stringify({ input: { path: scene }, windows: 6 }));
      await withPage(map, {}, async ({ page, complaints, requests, view }) => {
        const screen = await sizeOf(page);
        const whole = fit(MAP, screen);
        await keep(page, "whole");
        await page.locator("#source").uncheck();
        await setOpacity(page, 100);
        await assertColors(page, whole);
        const first = classAt(PLACES[1].x, PLACES[1].y);
        await page.getByLabel(CLASSES[first].name).uncheck();
        await drawn(page);
        await assertColors(page, whole, first);
        await assertOpacity(page, screenOf(whole, screen, PLACES[1].x, PLACES[1].y), CLASSES[first].color);
        await page.locator("#source").uncheck();
        await setOpacity(page, 100);
        await moveAbout(page, whole, screen);
        await keep(page, "near");
        assert.deepEqual(complaints, []);
        assert.deepEqual(await page.evaluate("violations"), []);
        assert.deepEqual(
          requests.filter(({ url }) => !url.startsWith(view.url)),
          [],
        );
      });
    }),
);

/** At 40 % a class colour is mixed with what the source shows there. */
async function assertOpacity(page: Page, at: Position, color: readonly number[]): Promise<void> {
  await page.locator("#none").click();
  await page.locator("#source").check();
  await drawn(page);
  const under = await colorAt(page, at);
  assert.equal(under[3], 255);
  await page.locator("#all").click();
  await setOpacity(page, 40);
  const over = await colorAt(page, at);
  for (const channel of [0, 1, 2]) {
    const wanted = 0.4 * color[channel] + 0.6 * under[channel];
    assert.ok(Math.abs(over[channel] - wanted) <= 2, `${over} is not 40 % over ${under}`);
  }
}

/** Zooms by keys and the wheel, drags, and comes back; colours are right at every stop. */
async function moveAbout(page: Page, whole: Viewport, screen: Size): Promise<void> {
  await page.locator("#map").focus();
  for (const key of ["+", "+", "+"]) await page.keyboard.press(key);
  await drawn(page);
  const near = { ...whole, zoom: whole.zoom * 8 };
  for (const [x, y] of [
    [WIDTH / 2, HEIGHT / 2],
    [WIDTH / 2 + 30, HEIGHT / 2 - 20],
    [WIDTH / 2 - 33, HEIGHT / 2 + 9],
  ])
    assert.deepEqual(
      await colorAt(page, screenOf(near, screen, x, y)),
      [...CLASSES[classAt(x, y)].color, 255],
      `${x}, ${y}`,
    );
  await page.mouse.move(300, 300);
  await page.mouse.down();
  await page.mouse.move(340, 270, { steps: 4 });
  await page.mouse.move(540, 200, { steps: 4 });
  await page.mouse.up();
  await drawn(page);
  const moved = { ...near, x: near.x - 240 / near.zoom, y: near.y + 100 / near.zoom };
  for (const [x, y] of [
    [WIDTH / 2, HEIGHT / 2],
    [WIDTH / 2 - 38, HEIGHT / 2 + 22],
  ])
    assert.deepEqual(
      await colorAt(page, screenOf(moved, screen, x, y)),
      [...CLASSES[classAt(x, y)].color, 255],
      `${x}, ${y} moved`,
    );
  await page.mouse.move(200, 200);
  const before = await colorAt(page, { x: 200, y: 200 });
  for (let i = 0; i < 3; i++) await page.mouse.wheel(0, -120);
  await drawn(page);
  assert.deepEqual(await colorAt(page, { x: 200, y: 200 }), before, "what is under the cursor stays there");
  await page.keyboard.press("0");
  await drawn(page);
  await assertColors(page, whole);
}

test(
  "a pixel read: place, class, probabilities equal the raster's; by mouse, click and keys; grey layers",
  options,
  () =>
    withFolder(async (folder) => {
      const { map, scene } = await writeTestMap(folder);
      await withPage(
        map,
        { source: scene },
        async ({ page, complaints }) => {
          const screen = await sizeOf(page);
          const whole = fit(MAP, screen);
          for (const [x, y] of [
            [317, 211],
            [50, 45],
            [639, 419],
          ]) {
            const at = screenOf(whole, screen, x, y);
            await page.mouse.move(at.x, at.y);
            await assertReading(page, x, y);
          }
          const at = screenOf(whole, screen, 100, 300);
          await page.mouse.click(at.x, at.y);
          await page.mouse.move(at.x + 90, at.y);
          await assertReading(page, 100, 300);
          await keep(page, "pixel");
          await page.keyboard.press("Escape");
          await page.locator("#map").focus();
          await page.keyboard.press("Enter");
          await assertReading(page, WIDTH / 2, HEIGHT / 2);
          await page.keyboard.press("Escape");
          await assertGreys(page, whole, screen);
          assert.deepEqual(complaints, []);
        },
        "dark",
      );
    }),
);

/** The layer of confidences, without the source: black for 0, white for 1. */
async function assertGreys(page: Page, whole: Viewport, screen: Size): Promise<void> {
  await page.locator("#layer").selectOption({ label: "confidence" });
  await page.locator("#source").uncheck();
  await setOpacity(page, 100);
  await page.locator("#map").focus();
  for (let i = 0; i < 4; i++) await page.keyboard.press("+");
  await drawn(page);
  const near = { ...whole, zoom: whole.zoom * 16 };
  const grey = Math.round((probabilityAt(318, 212, CLASSES.length) * 255) / 254);
  assert.deepEqual(await colorAt(page, screenOf(near, screen, 318, 212)), [grey, grey, grey, 255]);
  await keep(page, "confidence");
}

async function assertReading(page: Page, x: number, y: number): Promise<void> {
  await page.waitForSelector(`.position:text-is("${x}, ${y}")`);
  await page.waitForSelector("#bars .value");
  const texts = (selector: string) => page.locator(selector).allInnerTexts();
  assert.deepEqual(await texts(".class-name"), [CLASSES[classAt(x, y)].name]);
  assert.deepEqual(await texts(".coordinates"), [
    `${(500_005 + 10 * x).toFixed(2)}, ${(5_799_995 - 10 * y).toFixed(2)}`,
  ]);
  assert.deepEqual(await texts("#bars .band"), [...CLASSES.map(({ name }) => name), ...BANDS.slice(CLASSES.length)]);
  assert.deepEqual(
    await texts("#bars .value"),
    BANDS.map((_, band) => (probabilityAt(x, y, band) / 254).toFixed(3)),
  );
}

test("of a large map only what is looked at is read, and reduced copies are where they belong", options, () =>
  withFolder(async (folder) => {
    const side = 2400;
    const coarse = (x: number, y: number) => hash32(3, (y >> 5) * 4096 + (x >> 5)) % 4; // patches of 32: a mode keeps them
    const speckled = (x: number, y: number) =>
      hash32(9, y * side + x) % 5 === 0 ? hash32(4, y * side + x) % 4 : coarse(x, y);
    const path = join(folder, "map.tif");
    await writeClassMap(path, side, side, speckled);
    const { size } = await stat(path);
    await withPage(path, {}, async ({ page, complaints, requests }) => {
      const screen = await sizeOf(page);
      const read = () =>
        requests.filter(({ url }) => url.endsWith("/map.tif")).reduce((sum, { bytes }) => sum + bytes, 0);
      assert.ok(read() < size / 4, `${read()} of ${size} bytes for the whole map`);
      const whole = fit({ width: side, height: side }, screen);
      let right = 0;
      const places = Array.from({ length: 36 }, (_, i) => [48 + 64 * i, 16 + 64 * ((i * 7) % 36)] as const);
      for (const [x, y] of places) {
        const [r] = await colorAt(page, screenOf(whole, screen, x, y));
        if (r === CLASSES[coarse(x, y)].color[0]) right++;
      }
      assert.ok(right >= 32, `${right} of ${places.length} patches are drawn where they are`);
      const before = read();
      await page.locator("#map").focus();
      for (let i = 0; i < 5; i++) await page.keyboard.press("+");
      await drawn(page);
      assert.ok(read() - before < size / 3, `${read() - before} more of ${size} bytes for a look at a part`);
      assert.equal(await page.locator("#source").isDisabled(), true);
      assert.match((await page.locator("#source-note").textContent()) ?? "", /no source is known/);
      assert.deepEqual(complaints, []);
      await assertFaultTold(page);
    });
  }),
);

/** A server that is gone is told while tiles are missing, and what was missing is drawn once it is back. */
async function assertFaultTold(page: Page): Promise<void> {
  const notice = page.locator("#notice");
  const move = async (key: string) => {
    for (let i = 0; i < 20; i++) await page.keyboard.press(`Shift+${key}`);
    await drawn(page);
  };
  assert.equal(await notice.isHidden(), true);
  await page.route("**/map.tif", (route) => route.abort());
  await move("ArrowDown");
  assert.match((await notice.textContent()) ?? "", /^A part of the view cannot be read: ./);
  await page.unroute("**/map.tif");
  await move("ArrowUp");
  assert.equal(await notice.isHidden(), true);
  await move("ArrowDown");
  assert.equal(await notice.isHidden(), true);
  const { width, height } = await sizeOf(page);
  assert.equal((await colorAt(page, { x: width / 2, y: height / 2 }))[3], 255);
}

test("of a map without reduced copies the middle is drawn and the page says so", options, () =>
  withFolder(async (folder) => {
    const [width, height] = [6000, 5000]; // more than is held at once
    const path = join(folder, "map.tif");
    const colors = new Map([[3, [200, 20, 10]] as const]);
    const cog = { width, height, bands: 1, dtype: "uint8", colors, overviews: "none", blockSize: 512 } as const;
    await writeCog(path, cog, async (writer) => {
      const rows = new Uint8Array(width * 500).fill(3);
      for (let y = 0; y < height; y += 500) await writer.write(rows);
    });
    await withPage(path, {}, async ({ page, requests }) => {
      const [notice, asked] = [page.locator("#notice"), requests.length];
      assert.match((await notice.textContent()) ?? "", /Zoom in .* no reduced copies/);
      assert.equal(await page.getByRole("application", { name: "Class map" }).count(), 1);
      const { width: across, height: down } = await sizeOf(page);
      assert.deepEqual(await colorAt(page, { x: across / 2, y: down / 2 }), [200, 20, 10, 255]);
      await keep(page, "cut");
      await page.waitForTimeout(100);
      assert.equal(requests.length, asked, "nothing is asked for again");
      await page.evaluate(
        'document.querySelector("#map").dispatchEvent(new WheelEvent("wheel", { deltaY: -0.5, deltaMode: WheelEvent.DOM_DELTA_PAGE }))',
      );
      await drawn(page);
      const zoom = fit({ width, height }, { width: across, height: down }).zoom * Math.exp(0.5 * 0.002 * down); // half a page
      assert.match(
        (await page.locator("#scale-text").textContent()) ?? "",
        new RegExp(` ${(100 * zoom).toPrecision(2)} %`),
      );
      assert.equal(await notice.isHidden(), true);
    });
  }),
);

test("scripts that are not the page's own do not run", options, () =>
  withFolder(async (folder) => {
    const path = join(folder, "map.tif");
    await writeClassMap(path, WIDTH, HEIGHT, classAt);
    await withPage(path, {}, async ({ page }) => {
      const inject = `const script = document.createElement("script"); script.textContent = "globalThis.wasRun = true"; document.body.append(script);`;
      await page.evaluate(`${inject} undefined`);
      assert.equal(await page.evaluate("globalThis.wasRun ?? false"), false);
      assert.deepEqual(await page.evaluate("violations"), ["script-src-elem"]);
    });
  }),
);
