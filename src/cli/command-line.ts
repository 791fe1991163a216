/** @file Command lines through yargs: the command is found, its module loaded, its flags checked, its work done. */
import yargs, { type Argv } from "yargs";
import { EXIT, SegError } from "../errors.js";
import { version } from "../version.js";
import { checkArguments, type GivenArguments } from "./command.js";
import { ABOUT, COMMANDS, EXAMPLES } from "./command-list.js";

/** Runs a command line and resolves to the exit code; `began` hears which command is at work. */
export async function runCommandLine(argv: readonly string[], began: (command: string) => void): Promise<number> {
  let code: number = EXIT.ok;
  let parser: Argv = yargs([...argv])
    .scriptName("seg")
    .usage(`$0 <command>\n\n${ABOUT}`)
    .version(version)
    .parserConfiguration({
      "camel-case-expansion": false,
      "dot-notation": false,
      "boolean-negation": true,
      "parse-numbers": false,
      "parse-positional-numbers": false,
      "duplicate-arguments-array": true,
    })
    .option("debug", { type: "boolean", hidden: true })
    .demandCommand(1, "give a command; seg --help lists them")
    .strictCommands()
    .recommendCommands()
    .wrap(Math.min(110, process.stdout.columns ?? 100))
    .exitProcess(false)
    .help();
  for (const [usage, about, load] of COMMANDS) {
    parser = parser.command(
      usage,
      about,
      async (y: Argv) => (await load()).command.build(y) as Argv<unknown>,
      async (args) => {
        const { command } = await load();
        began(usage.split(" ")[0]);
        code = await command.run(await checkArguments(args as GivenArguments, command, usage));
      },
    );
  }
  for (const [line, meaning] of EXAMPLES) parser = parser.example(line, meaning);
  await parser
    .fail((message: string | null, error: Error | undefined) => {
      throw error ?? new SegError("seg", firstLine(message ?? "wrong usage"), "seg --help shows what there is");
    })
    .parseAsync();
  return code;
}

const firstLine = (text: string) => text.split("\n").join(" ");
