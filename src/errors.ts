/**
 * @file The error contract: one line, `seg: <subject>: <cause>; <what to do>`, and an exit code.
 * Exit codes: 0 done; 1 a bug of ours; 2 input or usage; 3 finished but some items failed; 4 stopped by a guard.
 */

export const EXIT = { ok: 0, bug: 1, usage: 2, partial: 3, guard: 4 } as const;

/** A fault the user can mend: what was read (a file, a flag), what is wrong with it, and what to do next. */
export class SegError extends Error {
  constructor(
    /** The file, flag or value at fault. */
    readonly subject: string,
    readonly reason: string,
    readonly remedy: string,
    readonly exitCode: number = EXIT.usage,
    options?: ErrorOptions,
  ) {
    super(`${subject}: ${reason}; ${remedy}`, options);
    this.name = "SegError";
  }
}

/** Any error as one printable line without control characters or line breaks. */
export function errorLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters from hostile input are what is removed here
  return text.replace(/[\u0000-\u001f\u007f]+/g, " ").slice(0, 1000);
}
