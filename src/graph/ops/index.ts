/** @file The table of rules: total over the ops by type, so a new op does not compile until every rule is there. */
import type { OpRules } from "../rule.js";
import { attentionRules } from "./attention.js";
import { batchNormRules } from "./batch-norm.js";
import { convRules } from "./conv.js";
import { elementwiseRules } from "./elementwise.js";
import { gridAttentionRules } from "./grid-attention.js";
import { groupNormRules } from "./group-norm.js";
import { layerNormRules } from "./layer-norm.js";
import { leavesRules } from "./leaves.js";
import { matmulRules } from "./matmul.js";
import { poolRules } from "./pool.js";
import { reduceRules } from "./reduce.js";
import { resizeRules } from "./resize.js";
import { scheduleRules } from "./schedule.js";
import { shapeRules } from "./shape.js";
import { softmaxRules } from "./softmax.js";
import { sortRules } from "./sort.js";
import { upsampleConvRules } from "./upsample-conv.js";

export const rules: OpRules = {
  ...leavesRules,
  ...elementwiseRules,
  ...reduceRules,
  ...shapeRules,
  ...matmulRules,
  ...convRules,
  ...upsampleConvRules,
  ...poolRules,
  ...resizeRules,
  ...batchNormRules,
  ...groupNormRules,
  ...layerNormRules,
  ...softmaxRules,
  ...attentionRules,
  ...gridAttentionRules,
  ...sortRules,
  ...scheduleRules,
};
