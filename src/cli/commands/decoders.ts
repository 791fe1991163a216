/** @file `seg decoders`: what turns maps into classes. */
import { decoders } from "../../catalog.js";
import { EXIT } from "../../errors.js";
import { defineCommand } from "../command.js";
import { engineFlags, jsonFlag } from "../options.js";
import { print, table } from "../output.js";
import { loadPlugins } from "../plugins.js";

export const command = defineCommand({ json: jsonFlag, plugin: engineFlags.plugin }, async (args) => {
  await loadPlugins(args.plugin);
  const rows = [...decoders].map(([name, { about, defaults, strides }]) => ({
    name,
    about,
    strides,
    options: defaults,
  }));
  print(args.json, rows, () =>
    table(
      ["decoder", "strides", "options", ""],
      rows.map((row) => [row.name, row.strides.join(" "), JSON.stringify(row.options), row.about]),
    ),
  );
  return EXIT.ok;
});
