/** @file `seg losses`: what can be minimised, alone or as a weighted sum. */
import { losses } from "../../catalog.js";
import { EXIT } from "../../errors.js";
import { defineCommand } from "../command.js";
import { engineFlags, jsonFlag } from "../options.js";
import { print, table } from "../output.js";
import { loadPlugins } from "../plugins.js";

export const command = defineCommand({ json: jsonFlag, plugin: engineFlags.plugin }, async (args) => {
  await loadPlugins(args.plugin);
  const rows = [...losses].map(([name, { about, defaults }]) => ({ name, about, options: defaults }));
  print(args.json, rows, () => {
    table(
      ["loss", "options", ""],
      rows.map((row) => [row.name, JSON.stringify(row.options), row.about]),
    );
    console.log("\nSums: --loss 0.5*ce+dice, options: --loss.dice.smooth 1");
  });
  return EXIT.ok;
});
