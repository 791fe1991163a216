/** @file `seg weights`: pull from the hub, import a file, list, verify. */
import { EXIT, SegError } from "../../errors.js";
import { encoders } from "../../catalog.js";
import { unknownName } from "../../registry.js";
import { importWeights, listWeights, pullWeights, verifyWeights } from "../../weights/store.js";
import { type Arguments, defineCommand, text } from "../command.js";
import { engineFlags, jsonFlag } from "../options.js";
import { print, table } from "../output.js";
import { loadPlugins } from "../plugins.js";
import { terminalTalk } from "../talk.js";

const ACTIONS: Readonly<Record<string, (args: Arguments) => Promise<number>>> = {
  pull,
  import: importFile,
  list,
  verify,
};

export const command = defineCommand(
  {
    encoder: { type: "string", describe: "import: the encoder the file is for", requiresArg: true },
    name: { type: "string", describe: "import: name to keep it under; pull: which of several", requiresArg: true },
    plugin: engineFlags.plugin,
    json: jsonFlag,
  },
  async (args) => {
    await loadPlugins(args.plugin);
    const action = ACTIONS[String(args.action)];
    if (!action) throw unknownName("action of seg weights", String(args.action), Object.keys(ACTIONS));
    return action(args);
  },
  (y) =>
    y
      .positional("action", { describe: "pull, import, list or verify", type: "string" })
      .positional("target", { describe: "pull: an encoder; import: a file; verify: a name", type: "string" })
      .example(
        "seg weights pull sam-vit-b",
        "from the Hugging Face hub (HF_ENDPOINT, HF_HOME and HF_TOKEN are honoured)",
      )
      .example("seg weights import sam_vit_b_01ec64.pth --encoder sam-vit-b", "Meta's file, or any known spelling"),
);

function target(args: Arguments, what: string): string {
  const given = args.target;
  if (given === undefined) throw new SegError(`seg weights ${args.action}`, `needs ${what}`, "see seg weights --help");
  return String(given);
}

async function pull(args: Arguments): Promise<number> {
  const encoder = target(args, "an encoder");
  const published = encoders.get(encoder).weights.find(({ name }) => !args.name || name === args.name);
  if (published) {
    const size = published.bytes ? `, ${megabytes(published.bytes)}` : "";
    console.error(
      `${published.repository}/${published.file}${size}, licence ${published.licence}, SHA-256 ${published.sha256 ?? "as the hub states"}`,
    );
  }
  const talk = terminalTalk();
  let bar: ReturnType<typeof talk.progress> | undefined;
  let before = 0;
  const path = await pullWeights(encoder, text(args, "name"), (done, total) => {
    bar ??= talk.progress("MiB", Math.ceil(total / 2 ** 20));
    bar.add(Math.floor(done / 2 ** 20) - before);
    before = Math.floor(done / 2 ** 20);
  });
  bar?.end();
  print(args.json, { encoder, path }, () => console.log(path));
  return EXIT.ok;
}

async function importFile(args: Arguments): Promise<number> {
  const file = target(args, "a file");
  const encoder = text(args, "encoder");
  if (!encoder)
    throw new SegError("--encoder", "is missing", "name the encoder the file is for; seg encoders lists them");
  const path = await importWeights(file, encoder, text(args, "name"));
  print(args.json, { encoder, path }, () => console.log(path));
  return EXIT.ok;
}

async function list(args: Arguments): Promise<number> {
  const entries = await listWeights();
  print(args.json, entries, () =>
    table(
      ["encoder", "name", "size", "licence", "SHA-256", "on this machine"],
      entries.map(({ encoder, name, bytes, licence, hash, path }) => [
        encoder,
        name,
        bytes ? megabytes(bytes) : "as the hub states",
        licence ?? "-",
        hash?.slice(0, 12) ?? "as the hub states",
        path ?? "no",
      ]),
    ),
  );
  return EXIT.ok;
}

async function verify(args: Arguments): Promise<number> {
  const name = args.target === undefined ? undefined : String(args.target);
  const checked = await verifyWeights(name);
  if (name !== undefined && checked.length === 0)
    throw new SegError(name, "is not on this machine", "seg weights list shows what is");
  print(args.json, checked, () => {
    for (const { encoder, name: own, path, isRight } of checked) {
      console.log(
        `${encoder} ${own}: ${isRight === undefined ? "no known hash" : isRight ? "right" : "DAMAGED"}  ${path}`,
      );
    }
    if (!checked.length) console.log("no weights are on this machine");
  });
  return checked.some(({ isRight }) => isRight === false) ? EXIT.usage : EXIT.ok;
}

const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
