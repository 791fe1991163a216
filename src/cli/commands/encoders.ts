/** @file `seg encoders`: what can be trained on. */
import { encoders } from "../../catalog.js";
import { EXIT } from "../../errors.js";
import { defineCommand } from "../command.js";
import { engineFlags, jsonFlag } from "../options.js";
import { print, table } from "../output.js";
import { loadPlugins } from "../plugins.js";

export const command = defineCommand({ json: jsonFlag, plugin: engineFlags.plugin }, async (args) => {
  await loadPlugins(args.plugin);
  const rows = [...encoders].map(([name, { about, input, features, maps, weights }]) => ({
    name,
    about,
    input: input.size ?? `any multiple of ${input.multipleOf}`,
    strides: maps.map((i) => features[i].stride),
    features: features.map((feature) => feature.name),
    weights: weights.map((file) => file.name),
  }));
  print(args.json, rows, () =>
    table(
      ["encoder", "input", "strides", "weights", ""],
      rows.map((row) => [row.name, String(row.input), row.strides.join(" "), row.weights.join(" ") || "-", row.about]),
    ),
  );
  return EXIT.ok;
});
