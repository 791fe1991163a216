/** @file From what was measured to the table: figure, peer's figure, ratio, target, aim, and whether they are met. */
import type { Results } from "../results.js";
import { type Goal, type Row, rows } from "./rows.js";
import type { Measured } from "./run-side.js";

/** A row as it was measured; kept in the JSON file, so that rows measured at other times stay in the table. */
export interface MeasuredRow {
  readonly date: string;
  readonly rounds: number;
  readonly threads: number;
  readonly ours: Measured;
  readonly peers: Readonly<Record<string, Measured>>;
}
export type MeasuredRows = Record<string, MeasuredRow>;

/** Samples a median stands on; fewer are said so. */
const ENOUGH = 5;

export function report(measured: MeasuredRows): Results {
  const known = rows.flatMap((row) => (measured[row.name] ? [{ row, found: measured[row.name] }] : []));
  return {
    title: "Speed and memory against the peers",
    columns: ["row", "work", "figure", "ours", "peer", "ratio", "must reach", "met", "aim", "met", "samples"],
    rows: known.flatMap(({ row, found }) => row.goals.map((goal) => lineOf(row, goal, found))),
    remarks: known.flatMap(({ row, found }) => remarksOn(row, found)),
    details: measured,
  };
}

function lineOf({ name, about }: Row, goal: Goal, { ours, peers }: MeasuredRow): (string | number)[] {
  const side = goal.side === undefined ? ours : peers[goal.side];
  const peer = goal.peer === undefined ? undefined : peers[goal.peer];
  const fault = side.unavailable ?? peer?.unavailable;
  if (fault) return [name, about, goal.what, "not available", goal.peer ?? "", "", "", "", "", "", 0];
  const own = goal.of(side);
  const other = peer && goal.of(peer);
  const judged = other === undefined ? own : own / other;
  const unit = other === undefined ? goal.unit : "x";
  return [
    ...[name, about, goal.what, inUnit(own, goal.unit)],
    other === undefined ? "" : `${inUnit(other, goal.unit)} (${goal.peer})`,
    other === undefined ? "" : inUnit(judged, "x"),
    ...verdict(goal.target, judged, unit, goal.atLeast),
    ...verdict(goal.aim, judged, unit, goal.atLeast),
    peer ? `${side.seconds.length} / ${peer.seconds.length}` : side.seconds.length,
  ];
}

const inUnit = (value: number, unit: string) => `${value.toFixed(value < 10 ? 3 : 2)} ${unit}`.trim();

function verdict(limit: number | undefined, value: number, unit: string, atLeast = false): [string, string] {
  if (limit === undefined) return ["", ""];
  return [`${limit} ${unit}`.trim(), (atLeast ? value >= limit : value <= limit) ? "yes" : "no"];
}

function remarksOn(row: Row, { ours, peers, date, rounds, threads }: MeasuredRow): string[] {
  const remarks: string[] = [];
  const sides = Object.entries({ ours, ...peers });
  for (const [side, { unavailable }] of sides) if (unavailable) remarks.push(`${row.name}: ${side}: ${unavailable}`);
  for (const [peer, { parameters }] of Object.entries(peers))
    if (parameters !== undefined && ours.parameters !== undefined)
      remarks.push(
        `${row.name}: parameters: ours ${ours.parameters}, ${peer} ${parameters}${parameters === ours.parameters ? "" : " (DIFFERENT)"}`,
      );
  for (const [peer, { losses }] of Object.entries(peers)) {
    const off = furthest(ours.losses, losses);
    if (off !== undefined)
      remarks.push(`${row.name}: losses of ours and ${peer} differ by at most ${off.toExponential(1)} relative`);
  }
  const few = sides.filter(([, side]) => !side.unavailable && side.seconds.length > 0 && side.seconds.length < ENOUGH);
  if (few.length) remarks.push(`${row.name}: fewer than ${ENOUGH} samples (${few.map(([side]) => side).join(", ")})`);
  const versions = Object.assign({}, ...sides.map(([, side]) => side.versions)) as Record<string, string>;
  const list = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return [...remarks, `${row.name}: ${[date, `${rounds} round(s)`, `${threads} thread(s)`, ...list].join(", ")}`];
}

/** Largest relative difference of two series, as far as both go. */
function furthest(ours: readonly number[], peer: readonly number[]): number | undefined {
  const both = ours.slice(0, peer.length);
  return both.length ? Math.max(...both.map((loss, i) => Math.abs(loss - peer[i]) / Math.abs(peer[i]))) : undefined;
}
