/**
 * @file `npm run bench -- NAME [OPTIONS]`: runs one benchmark; without a name those that need nothing but this folder. Results go to
 * bench/results as JSON and Markdown. Peers and data are named by options, see the head of each file.
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";

/** Name, and whether it runs without options. */
const BENCHMARKS: Readonly<Record<string, { readonly file: string; readonly alone: boolean; readonly about: string }>> =
  {
    start: { file: "start.ts", alone: true, about: "seg --help against node -e 0" },
    step: {
      file: "step/index.ts",
      alone: false,
      about: "a training step against the spike: time and memory (--spike)",
    },
    sam: { file: "sam/index.ts", alone: false, about: "SAM ViT-B embeddings against Meta's code (--photo, --python)" },
    resume: {
      file: "resume.ts",
      alone: false,
      about: "100 kills of training runs, resumed: the same bytes? (a number)",
    },
    speed: {
      file: "speed/index.ts",
      alone: false,
      about: "time and memory against every peer (--python, --only, --tfjs)",
    },
    growth: {
      file: "growth/index.ts",
      alone: false,
      about: "time and memory over size, batch, classes, threads (minutes)",
    },
    vectorize: {
      file: "vectorize.ts",
      alone: false,
      about: "seg vectorize over the size of a map, beside gdal_polygonize.py (minutes)",
    },
    scene: {
      file: "scene/index.ts",
      alone: false,
      about: "scenes up to 40,000 x 40,000 through seg predict: memory, time beside the bare model (most of an hour)",
    },
    "geotiff-read": {
      file: "geotiff-read/index.ts",
      alone: false,
      about: "windows of GeoTIFFs in every common compression against GDAL (--python)",
    },
    camvid: { file: "camvid/index.ts", alone: false, about: "a training against SMP's on CamVid (--data, --python)" },
  };

const [name, ...options] = process.argv.slice(2);
if (name !== undefined && !(name in BENCHMARKS)) {
  console.error(`there is no benchmark ${name}; there are:`);
  for (const [known, { about }] of Object.entries(BENCHMARKS)) console.error(`  ${known.padEnd(8)} ${about}`);
  process.exit(2);
}
const chosen = name ? [BENCHMARKS[name]] : Object.values(BENCHMARKS).filter(({ alone }) => alone);
for (const { file } of chosen) {
  const args = ["--import", "tsx", join(import.meta.dirname, file), ...options];
  const { status } = spawnSync(process.execPath, args, { stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}
