/**
 * @file The long form of test/run/resume.test.ts: `npm run bench -- resume [MOMENTS]` kills a 30-step run at so many moments (default 100), ten a run,
 * resumes it, and compares its bytes with those of the unbroken run.
 */
import { CACHED, compare, TRAINED } from "../test/run/broken-run.js";
import { moments } from "../test/run/kill.js";
import { withFolder } from "../test/support/folder.js";

const ROUND = 10;

/** Rejects at the first difference; prints a line a round. */
export async function resumeBench(count = 100): Promise<void> {
  for (let done = 0; done < count; done += ROUND) {
    const began = Date.now();
    const cached = (done / ROUND) % 5 === 4; // every fifth round with a frozen encoder
    const when = cached
      ? [{ kind: "embedding", at: 3, delay: 1 } as const, ...moments(done, ROUND - 1, 9)]
      : moments(done, ROUND, 30);
    await withFolder((folder) => compare(folder, cached ? CACHED : TRAINED, cached ? 9 : 30, when));
    console.log(`${done + ROUND} moments: the same bytes (${((Date.now() - began) / 1000).toFixed(0)} s)`);
  }
}

await resumeBench(Number(process.argv[2] ?? 100));
