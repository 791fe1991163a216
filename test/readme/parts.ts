/** @file README's table of what there is, from the registries. */
import { datasets, decoders, encoders, losses } from "../../src/catalog.js";
import { pyramids } from "../../src/pyramids.js";

/** Markdown: encoders with their inputs, and the names of everything else. */
export function partsTable(): string {
  const rows = [...encoders]
    .filter(([name]) => !name.endsWith("-test"))
    .map(
      ([name, { about, input }]) =>
        `| \`${name}\` | ${about} | ${input.size ? `${input.size} fixed` : `multiple of ${input.multipleOf}`} |`,
    );
  const names = (list: readonly string[]) => list.map((name) => `\`${name}\``).join(", ");
  return [
    "",
    "| encoder | | input |",
    "|---|---|---|",
    ...rows,
    "",
    `Every one of them goes with every decoder (${names(decoders.names())}); a contract test traces all pairs at full size.`,
    `Pyramids for plain ViTs: ${names(Object.keys(pyramids))}. Losses: ${names(losses.names())} and weighted sums of them.`,
    `Data sets: ${names(datasets.names())}.`,
    "",
    "",
  ].join("\n");
}
