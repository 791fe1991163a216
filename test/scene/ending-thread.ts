/** @file A thread that ends when it is asked anything: as one that ran out of memory. */
import { answerAsks } from "../../src/helper-thread.js";

answerAsks<string, string>(async () => process.exit(1));
