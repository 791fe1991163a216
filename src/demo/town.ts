/**
 * @file A synthetic aerial town: fields, a river, roads, houses and trees with shadows, seen from above at half a metre a pixel, with exact
 * labels. A pure function of its seed. Colours overlap on purpose (grey roofs and roads, dark water and shadows, trees and meadows).
 */
import type { ClassInfo, LabelMap, Raster } from "../contract.js";
import { type Generator, generator } from "../random.js";
import { type Canvas, canvas, covered, dim, put, type Rgb, type Shape } from "./canvas.js";

export const TOWN_CLASSES: readonly ClassInfo[] = [
  { name: "field", color: [214, 196, 120] },
  { name: "building", color: [204, 60, 50] },
  { name: "road", color: [90, 90, 100] },
  { name: "water", color: [50, 110, 200] },
  { name: "tree", color: [40, 130, 60] },
];
const [FIELD, BUILDING, ROAD, WATER, TREE] = [0, 1, 2, 3, 4];

const CROPS: readonly Rgb[] = [
  [118, 138, 78],
  [150, 146, 92],
  [172, 156, 112],
  [98, 128, 66],
  [134, 116, 84],
];
const ROOFS: readonly Rgb[] = [
  [158, 84, 62],
  [132, 66, 52],
  [124, 122, 122],
  [104, 98, 94],
  [172, 164, 156],
];
const ASPHALT: Rgb = [122, 120, 118];
const RIVER: Rgb = [52, 78, 88];
const CROWN: Rgb = [64, 98, 48];
/** Where shadows fall, pixels for an object as high as a house. */
const SUN = { x: 5, y: 4 };
const SHADE = 0.52;

/** Paints a town of side x side pixels. */
export function paintTown(seed: number, side: number): { image: Raster; labels: LabelMap } {
  const random = generator(seed, "town");
  const town = canvas(side, FIELD);
  const angle = 0.5 * (random.uniform() - 0.5);
  paintFields(town, random);
  paintRiver(town, random);
  const roads = layRoads(side, angle, random);
  for (const road of roads) paintRoad(town, road);
  const houses = placeHouses(town, roads, random);
  const trees = placeTrees(town, random);
  for (const house of houses) castShadow(town, house.shape, 1, BUILDING);
  for (const tree of trees) castShadow(town, tree, 0.8, TREE);
  for (const tree of trees) paintTree(town, tree, random);
  return finish(town, random);
}

const pick = <T>(items: readonly T[], random: Generator): T => items[random.integer(items.length)];
const between = (low: number, high: number, random: Generator) => low + (high - low) * random.uniform();

/** Patches around scattered centres, each with its crop and its direction of rows. */
function paintFields(town: Canvas, random: Generator): void {
  const { side } = town;
  const count = Math.max(4, Math.round((side / 130) ** 2));
  const patches = Array.from({ length: count }, () => ({
    x: random.uniform() * side,
    y: random.uniform() * side,
    crop: pick(CROPS, random),
    turn: random.uniform() * Math.PI,
    rows: between(0, 0.09, random),
  }));
  for (let i = 0; i < side * side; i++) {
    const [x, y] = [i % side, Math.floor(i / side)];
    let nearest = patches[0];
    let least = Number.POSITIVE_INFINITY;
    for (const patch of patches) {
      const distance = (patch.x - x) ** 2 + (patch.y - y) ** 2;
      if (distance < least) [least, nearest] = [distance, patch];
    }
    const along = x * Math.cos(nearest.turn) + y * Math.sin(nearest.turn);
    put(town, i, nearest.crop, 1 + nearest.rows * Math.sin(along * 1.1));
  }
}

/** A bent band from one edge to the opposite one. */
function paintRiver(town: Canvas, random: Generator): void {
  const { side } = town;
  const [middle, bend, wave] = [between(0.2, 0.8, random) * side, between(20, 60, random), between(120, 260, random)];
  const half = between(13, 24, random);
  const phase = random.uniform() * 2 * Math.PI;
  const upright = random.uniform() < 0.5;
  for (let i = 0; i < side * side; i++) {
    const [x, y] = [i % side, Math.floor(i / side)];
    const [along, across] = upright ? [y, x] : [x, y];
    const distance = Math.abs(across - middle - bend * Math.sin((2 * Math.PI * along) / wave / 2 + phase));
    if (distance > half) continue;
    put(town, i, RIVER, 0.9 + 0.2 * (distance / half) ** 4);
    town.labels[i] = WATER;
  }
}

/** Long thin rectangles in two directions, unevenly spaced. */
function layRoads(side: number, angle: number, random: Generator): Shape[] {
  const roads: Shape[] = [];
  for (const turn of [angle, angle + Math.PI / 2]) {
    for (let at = between(-0.7, -0.6, random) * side; at < 0.7 * side; at += between(95, 170, random)) {
      const [x, y] = [side / 2 - at * Math.sin(turn), side / 2 + at * Math.cos(turn)];
      roads.push({ x, y, halfWidth: side, halfHeight: pick([4, 5, 7], random), angle: turn });
    }
  }
  return roads;
}

function paintRoad(town: Canvas, road: Shape): void {
  covered(town, road, (i, u, v) => {
    const line = road.halfHeight > 6 && Math.abs(v) < 0.1 && Math.floor(u * road.halfWidth) % 14 < 7;
    put(town, i, ASPHALT, line ? 1.55 : Math.abs(v) > 0.8 ? 1.2 : 1);
    town.labels[i] = ROAD;
  });
}

interface House {
  readonly shape: Shape;
}

/** Houses beside roads, along them, where nothing but field is. Painted at once so that they do not overlap. */
function placeHouses(town: Canvas, roads: readonly Shape[], random: Generator): House[] {
  const { side } = town;
  const houses: House[] = [];
  for (let attempt = 0; attempt < (side * side) / 550; attempt++) {
    const { x, y, halfHeight, angle } = pick(roads, random);
    const along = between(-0.75, 0.75, random) * side;
    const [halfWidth, half] = [between(8, 17, random), between(7, 12, random)];
    const away = (random.uniform() < 0.5 ? -1 : 1) * (halfHeight + half + between(3, 16, random));
    const centre = {
      x: x + along * Math.cos(angle) - away * Math.sin(angle),
      y: y + along * Math.sin(angle) + away * Math.cos(angle),
    };
    const shape = { ...centre, halfWidth, halfHeight: half, angle };
    if (!isFree(town, { ...shape, halfWidth: halfWidth + 4, halfHeight: half + 4 })) continue;
    paintHouse(town, shape, random);
    houses.push({ shape });
  }
  return houses;
}

function isFree(town: Canvas, shape: Shape): boolean {
  let free = true;
  covered(town, shape, (i) => {
    if (town.labels[i] !== FIELD) free = false;
  });
  return free;
}

/** A gable roof: one side in the light, or a flat one. */
function paintHouse(town: Canvas, shape: Shape, random: Generator): void {
  const roof = pick(ROOFS, random);
  const gable = random.uniform() < 0.7 ? between(0.08, 0.2, random) : 0;
  const light = between(0.9, 1.1, random);
  covered(town, shape, (i, _, v) => {
    put(town, i, roof, light * (Math.abs(v) < 0.08 && gable ? 1.2 : 1 + (v < 0 ? gable : -gable)));
    town.labels[i] = BUILDING;
  });
}

/** Single trees and groups of them, off roads, roofs and water. */
function placeTrees(town: Canvas, random: Generator): Shape[] {
  const { side } = town;
  const trees: Shape[] = [];
  for (let group = 0; group < (side * side) / 5200; group++) {
    const [x, y] = [random.uniform() * side, random.uniform() * side];
    const [count, spread] = random.uniform() < 0.3 ? [between(12, 30, random), 26] : [between(1, 4, random), 12];
    for (let i = 0; i < count; i++) {
      const radius = between(4, 8, random);
      const place = { x: x + spread * random.normal() * 0.7, y: y + spread * random.normal() * 0.7 };
      const tree = {
        ...place,
        halfWidth: radius,
        halfHeight: radius * between(0.85, 1, random),
        angle: 0,
        round: true,
      };
      if (isFree(town, { ...tree, halfWidth: radius * 0.7, halfHeight: radius * 0.7 })) trees.push(tree);
    }
  }
  return trees;
}

/** Darkens the ground beside an object; roofs are above it. */
function castShadow(town: Canvas, shape: Shape, height: number, own: number): void {
  const cast = { ...shape, x: shape.x + SUN.x * height, y: shape.y + SUN.y * height };
  covered(town, cast, (i) => {
    if (town.labels[i] !== BUILDING && town.labels[i] !== own) dim(town, i, SHADE);
  });
}

function paintTree(town: Canvas, tree: Shape, random: Generator): void {
  const light = between(0.8, 1.15, random);
  covered(town, tree, (i, u, v) => {
    if (town.labels[i] === BUILDING || town.labels[i] === ROAD) return;
    put(town, i, CROWN, light * (1 - 0.25 * (u + v)) * between(0.85, 1.15, random));
    town.labels[i] = TREE;
  });
}

/** Sensor noise, and values as bytes. */
function finish({ rgb, labels, side }: Canvas, random: Generator): { image: Raster; labels: LabelMap } {
  const data = new Uint8Array(rgb.length);
  for (let i = 0; i < labels.length; i++) {
    const common = 5 * random.normal();
    for (let band = 0; band < 3; band++) {
      data[3 * i + band] = Math.max(0, Math.min(255, Math.round(rgb[3 * i + band] + common + 3 * random.normal())));
    }
  }
  return { image: { data, width: side, height: side, bands: 3 }, labels: { data: labels, width: side, height: side } };
}
