/**
 * @file Vector labels of scenes: the class of each polygon, and its place in a scene's pixels. Class 0 is what no polygon
 * covers.
 */
import type { ClassInfo } from "../contract.js";
import { SegError } from "../errors.js";
import type { Grid, Transform } from "../raster/index.js";
import { unknownName } from "../registry.js";
import { type BurnShape, burnShape } from "./burn.js";
import { classesOfMap, parseClassMap, resolveClassMap } from "./class-map.js";
import { colorClasses, findClasses, type NamedClass } from "./classes.js";
import type { PolygonFeature, PolygonFile } from "./geojson.js";
import { compare } from "./listing.js";
import { conversionRemarks, metresPerPixel, type Point, systemOfGrid, transformer } from "../crs/index.js";
import type { LabelOptions } from "./scheme.js";

/** The classes of vector labels and the class of each feature. */
export interface VectorScheme {
  readonly classes: readonly ClassInfo[];
  labelOf(feature: PolygonFeature, path: string): number;
}

/** How classes are told. */
export interface VectorSource {
  readonly root: string;
  readonly options: LabelOptions & { readonly labelAttribute: string | null };
  readonly files: readonly PolygonFile[];
  /** Name of class 1 when no attribute tells classes. */
  readonly name: string;
}

/** Settles the classes: of the options, else of the values the attribute takes. */
export async function makeVectorScheme(source: VectorSource): Promise<VectorScheme> {
  const { root, options, files } = source;
  const attribute = options.labelAttribute;
  const given = await findClasses(root, options.classes);
  if (attribute === null) {
    const classes = colorClasses(given ?? [{ name: "background" }, { name: source.name }]);
    if (classes.length < 2) throw tooFew(root);
    return { classes, labelOf: () => 1 };
  }
  const map = parseClassMap(options.classMap);
  const named = given ?? withBackground(map ? classesOfMap(map) : valuesOf(files, attribute));
  if (named.length < 2) throw tooFew(root);
  const classes = colorClasses(named);
  const labels = map ? resolveClassMap(map, classes) : new Map(classes.map(({ name }, i) => [name, i]));
  return {
    classes,
    labelOf(feature, path) {
      const value = attributeOf(feature, attribute, path);
      const label = labels.get(value) ?? (map ? undefined : indexOf(value, classes.length));
      if (label === undefined)
        throw unknownName(`class (${path}, feature ${feature.index}, ${attribute})`, value, [...labels.keys()]);
      return label;
    },
  };
}

const tooFew = (root: string) =>
  new SegError(
    root,
    "vector labels need two classes: what lies outside all polygons, and one more",
    "name both in classes",
  );

const withBackground = (classes: readonly NamedClass[]): NamedClass[] => [
  { name: "background" },
  ...classes.filter(({ name }) => name !== "background"),
];

/** Distinct values of an attribute, numbers in their order, else by code point. */
function valuesOf(files: readonly PolygonFile[], attribute: string): NamedClass[] {
  const values = new Set<string>();
  for (const { features, path } of files)
    for (const feature of features) values.add(attributeOf(feature, attribute, path));
  if (values.size > 254) {
    throw new SegError(
      attribute,
      `takes ${values.size} values, too many for classes`,
      "map them with the option classMap",
    );
  }
  const numeric = [...values].every((value) => Number.isFinite(Number(value)));
  return [...values].sort(numeric ? (a, b) => Number(a) - Number(b) : compare).map((name) => ({ name }));
}

function attributeOf({ properties, index }: PolygonFeature, attribute: string, path: string): string {
  const value = properties[attribute];
  if (value !== undefined && value !== null && value !== "") return String(value);
  const known = Object.keys(properties).slice(0, 20).join(", ");
  const remedy = attribute in properties ? "fill it in" : `the attributes are: ${known || "none"}`;
  throw new SegError(path, `feature ${index} has no ${attribute}`, remedy);
}

const indexOf = (value: string, count: number) =>
  /^\d+$/.test(value) && Number(value) < count ? Number(value) : undefined;

/** Polygons in a scene's pixels, in the file's order. SegError where one of the two has no place on the ground. */
export function shapesOf(file: PolygonFile, scheme: VectorScheme, grid: Grid, scene: string): BurnShape[] {
  if (file.features.length === 0) return [];
  const system = systemOfGrid(grid, scene);
  if (!grid.transform || !system) {
    throw new SegError(
      scene,
      "states no place on the ground, so vector labels cannot be laid over it",
      "georeference it",
    );
  }
  const project = transformer(file.system, system, scene);
  const toPixel = inverse(grid.transform, scene);
  return file.features.flatMap((feature) => {
    const label = scheme.labelOf(feature, file.path);
    return feature.polygons.map((rings) => {
      const pixels = rings.map((ring) => ring.map((point) => toPixel(project ? project(point) : point)));
      return checked(burnShape(pixels, label), feature, file.path);
    });
  });
}

/** What is to be said of laying labels over a scene: that a datum's shift is known less exactly than to a pixel. */
export function placeRemarks(file: PolygonFile, grid: Grid, scene: string): string[] {
  const system = systemOfGrid(grid, scene);
  if (file.features.length === 0 || !grid.transform || !system) return [];
  return conversionRemarks(file.system, system, metresPerPixel(grid.transform, system));
}

function checked(shape: BurnShape, feature: PolygonFeature, path: string): BurnShape {
  if (shape.rings.every((ring) => ring.every(([x, y]) => Number.isFinite(x) && Number.isFinite(y)))) return shape;
  const reason = `feature ${feature.index} has coordinates its reference system has no place for`;
  throw new SegError(path, reason, "check the crs member: GeoJSON without one is in degrees (longitude, latitude)");
}

/** Ground coordinates to pixel coordinates. */
function inverse([x0, a, b, y0, d, e]: Transform, scene: string): (point: Point) => Point {
  const determinant = a * e - b * d;
  if (determinant === 0) throw new SegError(scene, "has a georeference without area", "georeference it again");
  return ([x, y]) => [(e * (x - x0) - b * (y - y0)) / determinant, (a * (y - y0) - d * (x - x0)) / determinant];
}
