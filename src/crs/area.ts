/**
 * @file Areas on the ellipsoid of polygons drawn in longitude and latitude. Source: the authalic latitude, Snyder, Map Projections: A Working Manual
 * (USGS Professional Paper 1395, 1987), eq. 3-12. Units: degrees in, square metres out.
 */

/** Semi-major axis in metres, and flattening. */
export interface Ellipsoid {
  readonly semiMajorAxis: number;
  readonly flattening: number;
}

const WGS84_ELLIPSOID: Ellipsoid = { semiMajorAxis: 6_378_137, flattening: 1 / 298.257223563 };

/** Nodes and weights of Gauss-Legendre's rule of four points on [0, 1]. */
const NODES = [0.06943184420297371, 0.33000947820757187, 0.6699905217924281, 0.9305681557970263];
const WEIGHTS = [0.17392742256872692, 0.32607257743127305, 0.32607257743127305, 0.17392742256872692];

/** Degrees of an edge that one application of the rule is good for: below 1e-12 of the area. */
const STEP = 2;

/**
 * Square metres inside a ring of [longitude, latitude] in degrees, closed or not; negative where it runs clockwise, as holes do. Edges are straight in
 * longitude and latitude, as the outlines of pixels are, and not geodesics; a ring over the antimeridian runs on past 180 degrees.
 */
export function geodesicArea(
  ring: readonly (readonly [number, number])[],
  ellipsoid: Ellipsoid = WGS84_ELLIPSOID,
): number {
  const zone = zoneOf(ellipsoid);
  let area = 0;
  for (const [index, from] of ring.entries()) area -= underEdge(from, ring[(index + 1) % ring.length]!, zone);
  return area;
}

/** Signed area between an edge and the equator: the zone's area per radian, integrated over longitude. */
function underEdge([x0, y0]: readonly [number, number], [x1, y1]: readonly [number, number], zone: Zone): number {
  if (x0 === x1) return 0;
  if (y0 === y1) return radians(x1 - x0) * zone(radians(y0));
  const parts = Math.max(1, Math.ceil(Math.abs(y1 - y0) / STEP));
  let sum = 0;
  for (let part = 0; part < parts; part++) {
    for (const [node, place] of NODES.entries()) {
      sum += WEIGHTS[node]! * zone(radians(y0 + ((y1 - y0) * (part + place)) / parts));
    }
  }
  return (radians(x1 - x0) * sum) / parts;
}

const radians = (degrees: number) => (degrees * Math.PI) / 180;

/** Square metres between the equator and a latitude in radians, per radian of longitude. */
type Zone = (latitude: number) => number;

function zoneOf({ semiMajorAxis, flattening }: Ellipsoid): Zone {
  const squared = flattening * (2 - flattening);
  const eccentricity = Math.sqrt(squared);
  const semiMinor = semiMajorAxis * (1 - flattening);
  return (latitude) => {
    const sine = Math.sin(latitude);
    const product = eccentricity * sine;
    const rest = eccentricity === 0 ? sine : Math.atanh(product) / eccentricity;
    return 0.5 * semiMinor ** 2 * (sine / (1 - product ** 2) + rest);
  };
}
