/** @file Which source pixels of one axis make a pixel of the result, and how much each weighs; weights sum to 1. Units: source pixels. */

/** Area average where pixels grow, bilinear where they shrink, or the one nearest pixel. */
export type Kernel = "nearest";

/** Consecutive source pixels of one result pixel. */
export interface Taps {
  readonly from: number;
  readonly weights: readonly number[];
}

/** Taps of consecutive result pixels, and the source pixels they span. */
export interface AxisTaps {
  readonly taps: readonly Taps[];
  readonly start: number;
  readonly length: number;
}

/** Result pixel i covers [origin + i scale, origin + (i + 1) scale) of `length` source pixels. */
export interface Axis {
  readonly origin: number;
  readonly scale: number;
  readonly length: number;
  readonly kernel: Kernel | undefined;
}

/** The taps of `count` result pixels from `from` on. */
export function axisTaps(axis: Axis): (from: number, count: number) => AxisTaps {
  const make = axis.kernel === "nearest" ? nearest : axis.scale >= 1 - 1e-9 ? area : bilinear;
  return (from, count) => {
    const taps = Array.from({ length: count }, (_, i) => make(axis, from + i));
    const start = Math.min(...ends(taps).map(({ from }) => from));
    const end = Math.max(...ends(taps).map(({ from, weights }) => from + weights.length));
    return { taps, start, length: end - start };
  };
}

/** The first and the last: taps advance with the pixels. */
const ends = (taps: readonly Taps[]) => [taps[0], taps[taps.length - 1]];

function nearest({ origin, scale, length }: Axis, i: number): Taps {
  return { from: clamp(Math.floor(origin + (i + 0.5) * scale), length), weights: [1] };
}

/** Shares of the pixels a result pixel covers; what it covers beyond the border counts as not covered. */
function area({ origin, scale, length }: Axis, i: number): Taps {
  const low = Math.max(0, snap(origin + i * scale));
  const high = Math.min(length, snap(origin + (i + 1) * scale));
  const from = clamp(Math.floor(low), length);
  const count = Math.max(1, Math.ceil(high) - from);
  const shares = Array.from({ length: count }, (_, k) =>
    Math.max(0, Math.min(high, from + k + 1) - Math.max(low, from + k)),
  );
  const sum = shares.reduce((a, b) => a + b, 0);
  return { from, weights: sum > 0 ? shares.map((share) => share / sum) : shares.map(() => 1 / count) };
}

function bilinear({ origin, scale, length }: Axis, i: number): Taps {
  const centre = Math.min(Math.max(origin + (i + 0.5) * scale - 0.5, 0), length - 1);
  const from = Math.floor(centre);
  const rest = centre - from;
  return { from, weights: rest > 0 && from + 1 < length ? [1 - rest, rest] : [1] };
}

const clamp = (value: number, length: number) => Math.min(Math.max(value, 0), length - 1);

/** Whole numbers but for rounding are whole: a sliver of a pixel is no pixel. */
const snap = (value: number) => (Math.abs(value - Math.round(value)) < 1e-7 ? Math.round(value) : value);
