/** @file What a COG says of itself: its place byte for byte as in the source, statistics and texts as GDAL reads them. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { type CogOptions, openCogSpool, writeCog } from "../../src/cog/index.js";
import { GEO_TAGS, makeGrid, openGeoTiff, type Grid } from "../../src/raster/index.js";
import { readDirectories } from "../../src/raster/geotiff/directory.js";
import { openSource } from "../../src/raster/geotiff/source.js";
import { withFolder } from "../support/folder.js";
import { GEO } from "../support/geo-files.js";
import { gdal, noGdal } from "../support/geo-peers.js";

const skip = existsSync(GEO) ? false : "the shared rasters are not on this machine";

/** Type, count and bytes of each georeferencing tag. */
async function placeOf(path: string) {
  const source = await openSource(path);
  try {
    const [main] = await readDirectories(source);
    return await Promise.all(GEO_TAGS.map(async (tag) => ({ tag, ...(await main.raw(tag, 2 ** 20)) })));
  } finally {
    await source.close();
  }
}

const put = (path: string, { width, height, tags }: Grid) =>
  writeCog(path, { width, height, bands: 1, dtype: "uint8", geoTags: tags }, (writer) =>
    writer.write(new Uint8Array(width * height)),
  );

describe("the place of a scene is copied byte for byte", () => {
  for (const name of ["L7_ETMs.tif", "lc.tif", "rotated.tif"]) {
    test(name, { skip }, () =>
      withFolder(async (folder) => {
        const scene = await openGeoTiff(join(GEO, name));
        await scene.close();
        await put(join(folder, "out.tif"), scene.grid);
        assert.deepEqual(await placeOf(join(folder, "out.tif")), await placeOf(join(GEO, name)));
      }),
    );
  }

  test("pixels as points", () =>
    withFolder(async (folder) => {
      const [first, second] = [join(folder, "first.tif"), join(folder, "second.tif")];
      const { tags, ...area } = makeGrid(30, 20, [500_000, 10, 0, 5_800_000, 0, -10], 32633);
      const points = tags.map(({ tag, values }) => {
        const keys = typeof values === "string" || tag !== 34735 ? values : values.with(11, 2); // GTRasterTypeGeoKey
        return { tag, values: keys };
      });
      await put(first, { ...area, tags: points });
      const scene = await openGeoTiff(first);
      await scene.close();
      assert.deepEqual(scene.grid.transform, [499_995, 10, 0, 5_800_005, 0, -10]);
      await put(second, scene.grid);
      assert.deepEqual(await placeOf(second), await placeOf(first));
    }));
});

interface GdalBand {
  readonly description?: string;
  readonly metadata: Record<string, Record<string, string>>;
  readonly offset?: number;
  readonly scale?: number;
  readonly unit?: string;
}

describe("as GDAL reads it", { skip: noGdal }, () => {
  const info = async (path: string) =>
    JSON.parse(await gdal("gdalinfo", "-json", path)) as {
      metadata: Record<string, Record<string, string>>;
      bands: GdalBand[];
    };

  for (const dtype of ["uint8", "int16", "float32"] as const) {
    test(`statistics of ${dtype} equal GDAL's own`, () =>
      withFolder(async (folder) => {
        const [width, height, bands] = [97, 75, 2];
        const types = { uint8: Uint8Array, int16: Int16Array, float32: Float32Array };
        const samples = new types[dtype](width * height * bands);
        for (let i = 0; i < samples.length; i++)
          samples[i] = i % 7 === 0 ? 9 : ((i * 7919) % 241) * (dtype === "float32" ? 0.37 : 1);
        const options: CogOptions = { width, height, bands, dtype, blockSize: 32, nodata: 9 };
        await writeCog(join(folder, "ours.tif"), { ...options, statistics: true }, (writer) => writer.write(samples));
        await writeCog(join(folder, "plain.tif"), options, (writer) => writer.write(samples));
        await gdal("gdalinfo", "-stats", join(folder, "plain.tif"));
        const [ours, theirs] = [await info(join(folder, "ours.tif")), await info(join(folder, "plain.tif"))];
        for (let band = 0; band < bands; band++) {
          for (const [name, text] of Object.entries(theirs.bands[band].metadata[""])) {
            const [found, expected] = [Number(ours.bands[band].metadata[""][name]), Number(text)];
            const limit = name === "STATISTICS_VALID_PERCENT" ? 0.01 : 1e-12 * Math.max(1, Math.abs(expected));
            assert.ok(Math.abs(found - expected) <= limit, `${name} of band ${band}: ${found}, GDAL ${expected}`);
          }
        }
      }));
  }

  test("texts with signs of XML, and a band's description, scale, offset and unit", () =>
    withFolder(async (folder) => {
      const path = join(folder, "out.tif");
      const text = `a & b <c> "d" 'e' &amp; Höhe`;
      const bandItems = [{ description: text, scale: 0.5, offset: -3, unit: "m", metadata: { NOTE: text } }];
      const options: CogOptions = {
        width: 3,
        height: 2,
        bands: 1,
        dtype: "uint8",
        metadata: { TEXT: text },
        bandItems,
      };
      await writeCog(path, options, (writer) => writer.write(new Uint8Array(6)));
      const { metadata, bands } = await info(path);
      assert.equal(metadata[""].TEXT, text);
      const [{ metadata: items, ...band }] = bands;
      const { description, scale, offset, unit } = band;
      assert.deepEqual({ description, scale, offset, unit, metadata: items[""] }, bandItems[0]);
    }));
});

test("pixels are counted by value, in the summary and in the metadata of a class map", () =>
  withFolder(async (folder) => {
    const path = join(folder, "out.tif");
    const options: CogOptions = { width: 40, height: 40, bands: 1, dtype: "uint8", blockSize: 16, nodata: 255 };
    const spool = await openCogSpool(join(folder, "work"), { ...options, overviews: "mode", statistics: true });
    const samples = Uint8Array.from({ length: 1600 }, (_, i) => (i % 40 < 20 ? 255 : i % 3));
    await spool.write(0, 0, 40, 40, samples);
    const { counts, statistics, levels, bigTiff } = await spool.finish(path, { metadata: { KEY: "k" } });
    await spool.close({ remove: true });
    const expected = Array.from({ length: 256 }, (_, value) => samples.filter((sample) => sample === value).length);
    assert.deepEqual(counts, expected);
    assert.deepEqual([levels.map(({ width }) => width), bigTiff], [[40, 20, 10], false]);
    assert.equal(statistics?.[0]?.validPercent, 50);
    const source = await openSource(path);
    const xml = await (await readDirectories(source))[0].text(42112, 2 ** 20);
    await source.close();
    assert.match(xml ?? "", new RegExp(`<Item name="PIXELS_255" sample="0">${expected[255]}</Item>`));
    assert.match(xml ?? "", /<Item name="KEY">k<\/Item>/);
  }));
