/**
 * @file Learning-rate schedules, closed forms of the step: torch.optim.lr_scheduler's PolynomialLR (power 0.9), CosineAnnealingLR (to 0) and
 * OneCycleLR (cosine, start max / 25, end max / 250000, beta1 cycling 0.95, 0.85, 0.95).
 */

export interface ScheduleOptions {
  readonly name: "constant" | "poly" | "cosine" | "one-cycle";
  readonly lr: number;
  readonly steps: number;
  /** Steps of linear rise; for one-cycle the length of its first phase (0: 30 % of the steps). */
  readonly warmup: number;
  /** beta1 (momentum) where the schedule does not cycle it. */
  readonly beta1: number;
}

/** The settings of optimizer step `index` (0-based). */
export type Schedule = (index: number) => { readonly lr: number; readonly beta1: number };

export function schedule(options: ScheduleOptions): Schedule {
  if (options.name === "one-cycle") return oneCycle(options);
  const { name, lr, steps, warmup, beta1 } = options;
  const shape = {
    constant: () => 1,
    poly: (t: number) => (1 - t) ** 0.9,
    cosine: (t: number) => (1 + Math.cos(Math.PI * t)) / 2,
  }[name];
  return (index) => {
    const rise = index < warmup ? (index + 1) / (warmup + 1) : 1;
    const t = index < warmup ? 0 : (index - warmup) / Math.max(steps - warmup, 1);
    return { lr: lr * rise * shape(Math.min(t, 1)), beta1 };
  };
}

function oneCycle({ lr, steps, warmup }: ScheduleOptions): Schedule {
  const peak = (warmup > 0 ? warmup : 0.3 * steps) - 1;
  const last = steps - 1;
  return (index) => {
    if (index <= peak) {
      const t = peak > 0 ? index / peak : 1;
      return { lr: blend(lr / 25, lr, t), beta1: blend(0.95, 0.85, t) };
    }
    const t = Math.min((index - peak) / Math.max(last - peak, 1e-9), 1);
    return { lr: blend(lr, lr / 25 / 1e4, t), beta1: blend(0.85, 0.95, t) };
  };
}

/** From a to b along half a cosine. */
const blend = (a: number, b: number, t: number) => b + ((a - b) / 2) * (1 + Math.cos(Math.PI * t));
