/** @file The package's name and version, read from package.json. */
import { readFileSync } from "node:fs";

/** Folder of the package: two levels above this file as source (src/), three as compiled (dist/src/). */
export const packageRoot = findRoot();

function findRoot(): URL {
  for (const up of ["../", "../../"]) {
    const root = new URL(up, import.meta.url);
    try {
      const { name } = JSON.parse(readFileSync(new URL("package.json", root), "utf8")) as { name: string };
      if (name === "sam-seg") return root;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }
  throw new Error("internal: package.json of sam-seg is not where the build puts it");
}

/** The version in package.json. */
export const version = (JSON.parse(readFileSync(new URL("package.json", packageRoot), "utf8")) as { version: string })
  .version;

/** Name and version, as written into every file the software makes. */
export const software = `sam-seg ${version}`;
