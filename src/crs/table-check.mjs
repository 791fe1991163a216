/**
 * @file Runs proj4js for table.py: reads its systems from standard input and writes, for each and for each of its axis orders, the largest distances to
 * PROJ's coordinates in metres: of the projection alone, there and back, and from WGS 84 with the shift. null where proj4js cannot do it.
 */
import { readFileSync } from "node:fs";
import proj4 from "proj4";

const METRES_PER_DEGREE = 111_320;

const systems = JSON.parse(readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(systems.map((system) => system.axes.map((axis) => distancesOf(system, axis)))));

function distancesOf({ proj, datum, tied, unit, points }, axis) {
  const alone = converter(`+proj=longlat ${datum}`, `${proj} ${datum} ${axis}`);
  const shifted = converter("+proj=longlat +datum=WGS84", `${proj} ${tied} ${axis}`);
  if (!alone || !shifted || points.length === 0) return [null, null];
  const there = (from, [x, y], { forward }) => {
    const [gotX, gotY] = run(forward, from);
    return unit === null ? degrees(gotX - x, gotY - y, y) : unit * Math.hypot(gotX - x, gotY - y);
  };
  const back = ([longitude, latitude], from, { inverse }) => {
    const [gotX, gotY] = run(inverse, from);
    return degrees(gotX - longitude, gotY - latitude, latitude);
  };
  const known = points.filter((point) => point[4] !== null && point[5] !== null);
  return [
    most(points.map(([a, b, x, y]) => Math.max(there([a, b], [x, y], alone), back([a, b], [x, y], alone)))),
    most(known.map(([, , x, y, a, b]) => Math.max(there([a, b], [x, y], shifted), back([a, b], [x, y], shifted)))),
  ];
}

/** proj4js throws within some projections: NaN, so that the system is dropped. */
function run(convert, point) {
  try {
    return convert(point, true);
  } catch {
    return [Number.NaN, Number.NaN];
  }
}

/** proj4js throws on projections it lacks: those systems are dropped too. */
function converter(from, to) {
  try {
    return proj4(from, to);
  } catch {
    return undefined;
  }
}

/** The largest value; null where one is not finite. */
function most(values) {
  const largest = values.reduce((largest, value) => (value > largest || Number.isNaN(value) ? value : largest), 0);
  return Number.isFinite(largest) ? largest : null;
}

/** A difference in degrees, in metres at a latitude. */
function degrees(x, y, latitude) {
  const turn = ((((x + 180) % 360) + 360) % 360) - 180;
  return METRES_PER_DEGREE * Math.hypot(turn * Math.cos((latitude * Math.PI) / 180), y);
}
