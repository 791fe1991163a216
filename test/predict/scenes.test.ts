/**
 * @file GeoTIFF in, GeoTIFF out: the same grid, byte for byte the same georeference, nodata 255 outside the data, colours and class names;
 * looked at with our own reader and, where it is installed, with GDAL's.
 */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { predict } from "../../src/predict.js";
import { type GeoRaster, type Grid, openGeoTiff } from "../../src/raster/index.js";
import type { ProbabilityBand } from "../../src/scene/bands.js";
import { ROOT } from "../support/cli.js";
import { withFolder } from "../support/folder.js";
import { GEO, gridOf, noise, writeScene } from "../support/geo-files.js";
import { CLASSES, tinyModel } from "../support/geo-model.js";
import { noPython } from "../support/geo-peers.js";

const noData = existsSync(GEO) ? false : "the shared rasters are not on this machine";
const noGdal = spawnSync("gdalinfo", ["--version"]).status === 0 ? false : "gdal-bin is not installed";

/** Maps a scene with a model of three of its bands; values that are not of 8 bits are stretched. */
async function map(
  scene: string,
  folder: string,
  bands: number,
  tile = 128,
  probabilities: readonly ProbabilityBand[] = [],
): Promise<string> {
  const dtype = await withSource(scene, async (source) => source.dtype);
  const stretch = dtype === "uint8" ? {} : { stretch: { low: [0, 0, 0], high: [6000, 6000, 6000] } };
  const model = await tinyModel({ bands: [0, 1, 2].map((i) => Math.min(i, bands - 1)), ...stretch });
  try {
    const [result] = await predict(model, [scene], { out: join(folder, "map.tif"), tile, bands: probabilities });
    assert.equal(result.state, "written", result.error?.message);
    return result.output;
  } finally {
    await model.close();
  }
}

async function withSource<T>(path: string, use: (source: GeoRaster) => Promise<T>): Promise<T> {
  const source = await openGeoTiff(path);
  try {
    return await use(source);
  } finally {
    await source.close();
  }
}

const everything = ({ width, height }: GeoRaster) => ({ x: 0, y: 0, width, height });

async function checkGrid(scene: string, output: string): Promise<void> {
  const source = await openGeoTiff(scene);
  const mapped = await openGeoTiff(output);
  assert.deepEqual([mapped.width, mapped.height, mapped.bands], [source.width, source.height, 1]);
  assert.deepEqual(mapped.grid, source.grid);
  assert.equal(mapped.nodata, 255);
  assert.deepEqual(
    [...(mapped.colorMap ?? []).slice(0, 12)],
    CLASSES.flatMap(({ color }) => [...color]),
  );
  const [{ valid, width, height }, { data }] = [
    await source.read(everything(source)),
    await mapped.read(everything(mapped)),
  ];
  let wrong = 0;
  for (let i = 0; i < width * height; i++) {
    if (valid && valid[i] === 0 ? data[i] !== 255 : data[i] >= CLASSES.length) wrong++;
  }
  assert.equal(wrong, 0, "255 outside the data, a class everywhere else");
  await source.close();
  await mapped.close();
}

interface GdalBand {
  readonly noDataValue: number;
  readonly colorTable: { readonly entries: number[][] };
}
interface GdalInfo {
  readonly size: number[];
  readonly geoTransform?: number[];
  readonly coordinateSystem?: { readonly wkt: string };
  readonly gcps?: unknown;
  readonly metadata: Record<string, Record<string, string>>;
  readonly bands: GdalBand[];
}
const gdalInfo = (path: string): GdalInfo =>
  JSON.parse(execFileSync("gdalinfo", ["-json", path], { encoding: "utf8" }));

function checkWithGdal(scene: string, output: string): void {
  const [source, mapped] = [scene, output].map(gdalInfo);
  assert.deepEqual(mapped.size, source.size);
  assert.deepEqual(mapped.geoTransform, source.geoTransform);
  assert.equal(mapped.coordinateSystem?.wkt, source.coordinateSystem?.wkt);
  assert.equal(mapped.metadata[""].AREA_OR_POINT, source.metadata[""]?.AREA_OR_POINT);
  assert.equal(mapped.metadata[""].CLASS_0, CLASSES[0].name);
  const [{ noDataValue, colorTable }] = mapped.bands;
  assert.equal(noDataValue, 255);
  assert.deepEqual(
    colorTable.entries.slice(0, 4),
    CLASSES.map(({ color }) => [...color, 255]),
  );
  const shown = execFileSync("gdalinfo", ["-noct", output], { encoding: "utf8" });
  for (const [i, { name }] of CLASSES.entries()) assert.ok(shown.includes(`${i}: ${name}\n`), `GDAL names class ${i}`);
  execFileSync("gdal_translate", ["-q", "-of", "PNG", output, `${output}.png`]); // decodes every pixel
}

/** A scene whose tie point names the centre of a pixel. */
function pointGrid(width: number, height: number): Grid {
  const grid = gridOf(width, height);
  const tags = grid.tags.map(({ tag, values }) =>
    tag === 34735 && typeof values !== "string"
      ? { tag, values: values.map((value, i) => (i === 11 ? 2 : value)) }
      : { tag, values },
  );
  return { ...grid, tags };
}

const REAL = [
  ["RGB.byte.tif", 3, "a third of it nodata"],
  ["rotated.tif", 1, "a rotated matrix, no reference system"],
  ["alpha.tif", 3, "JPEG in tiles with an alpha band"],
  ["float_nan.tif", 1, "NaN as nodata"],
  ["float_raster_with_nodata.tif", 1, "nodata that float32 rounds"],
  ["lc.tif", 1, "a user-defined reference system"],
  ["ms1.tif", 4, "float64 in four bands"],
] as const;

describe("maps of real scenes lie on the scene's grid", { skip: noData }, () => {
  for (const [name, bands, about] of REAL) {
    test(`${name}: ${about}`, () =>
      withFolder(async (folder) => {
        const output = await map(join(GEO, name), folder, bands, name === "alpha.tif" ? 512 : 128);
        await checkGrid(join(GEO, name), output);
        if (!noGdal) checkWithGdal(join(GEO, name), output);
      }));
  }
});

test(
  "GDAL's full check and rio-cogeo's strict one find nothing wrong with maps of real scenes and their probabilities",
  {
    skip: noData || noGdal || noPython,
  },
  () =>
    withFolder(async (folder) => {
      const files: string[] = [];
      for (const [name, bands] of [["L7_ETMs.tif", 3] as const, ...REAL]) {
        const inner = join(folder, name);
        await mkdir(inner);
        const output = await map(join(GEO, name), inner, bands, name === "alpha.tif" ? 512 : 128, [
          "classes",
          "entropy",
        ]);
        files.push(output, join(inner, "map.prob.tif"));
      }
      const script = fileURLToPath(new URL("../cog/validators.py", import.meta.url));
      for (const [python, judge] of [
        ["/usr/bin/python3", "gdal"],
        [join(ROOT, ".venv/bin/python"), "rio"],
      ]) {
        const told = JSON.parse(execFileSync(python, [script, judge, ...files], { encoding: "utf8" }));
        for (const file of files) assert.deepEqual(told[file].errors, [], `${judge}: ${file}`);
      }
    }),
);

test("a scene whose pixels are points keeps its place", () =>
  withFolder(async (folder) => {
    const scene = await writeScene(join(folder, "point.tif"), [40, 30, 3], undefined, { grid: pointGrid(40, 30) });
    const output = await map(scene, folder, 3);
    await checkGrid(scene, output);
    await withSource(output, async ({ grid }) => {
      assert.deepEqual(grid.transform?.map(Number), [499_995, 10, 0, 5_800_005, 0, -10], "half a pixel up and left");
    });
    if (!noGdal) checkWithGdal(scene, output);
  }));

test("GDAL reads the maps", { skip: noGdal }, () =>
  withFolder(async (folder) => {
    const scene = await writeScene(join(folder, "scene.tif"), [300, 270, 3], noise(300, 270, 3), { nodata: 0 });
    checkWithGdal(scene, await map(scene, folder, 3));
  }),
);

test("class names stand in a file GDAL looks for, written as XML wants them", () =>
  withFolder(async (folder) => {
    const scene = await writeScene(join(folder, "scene.tif"), [20, 20, 3]);
    const text = await readFile(`${await map(scene, folder, 3)}.aux.xml`, "utf8");
    assert.match(text, /<Category>Wälder &amp; &lt;Wiesen&gt;<\/Category>/);
  }));
