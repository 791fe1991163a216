/**
 * @file Augmentation of one image and its labels: a pure function of (seed, epoch, sample). Geometry is one affine map, sampled once; the colours
 * follow. Presets: none, flips (mirrors and quarter turns), standard (street scenes: mirror, scale and crop, colour), aerial (flips, scale and
 * crop, rotation and shear, colour, blur, coarse dropout).
 */
import type { LabelMap, Raster } from "../contract.js";
import { type Generator, generator } from "../random.js";
import { dihedral, swapsSides } from "./dihedral.js";
import { blur, coarseDropout, colorJitter } from "./photometric.js";
import { type Affine, compose, warpImage, warpLabels } from "./warp.js";

export type AugmentPreset = "none" | "flips" | "standard" | "aerial";

interface Preset {
  /** How many of the eight dihedral views are drawn from; mirrors only: 0 and 4. */
  readonly views: readonly number[];
  /** Zoom drawn log-uniformly from 1/zoom to zoom. */
  readonly zoom: number;
  /** Largest rotation (radians) and shear. */
  readonly rotation: number;
  readonly shear: number;
  readonly jitter: number;
  readonly blurRate: number;
  readonly holes: number;
}

const still = { zoom: 1, rotation: 0, shear: 0, jitter: 0, blurRate: 0, holes: 0 };
const EVERY_VIEW = [0, 1, 2, 3, 4, 5, 6, 7];
const presets: Readonly<Record<AugmentPreset, Preset>> = {
  none: { ...still, views: [0] },
  flips: { ...still, views: EVERY_VIEW },
  standard: { ...still, views: [0, 4], zoom: 1.5, jitter: 0.3 },
  aerial: { views: EVERY_VIEW, zoom: 1.3, rotation: 0.2, shear: 0.05, jitter: 0.2, blurRate: 0.1, holes: 2 },
};

export interface AugmentOptions {
  readonly preset: AugmentPreset;
  /** Side of the crop; undefined: the image's own size (its sides may be swapped by a turn). */
  readonly size?: number;
  /** Value a band where the crop leaves the image. */
  readonly fill: readonly number[];
}

/** The random stream of a draw: nothing else decides what happens to a sample. */
export function augmentStream(seed: number, epoch: number, index: number): Generator {
  return generator(seed, `augment/${epoch}/${index}`);
}

/** Augments and crops; returns fresh arrays, or the given ones where nothing changes. */
export function augment(
  image: Raster,
  labels: LabelMap,
  options: AugmentOptions,
  random: Generator,
): { image: Raster; labels: LabelMap } {
  const preset = presets[options.preset];
  const view = preset.views[random.integer(preset.views.length)];
  const [turnedWidth, turnedHeight] = swapsSides(view) ? [image.height, image.width] : [image.width, image.height];
  const [width, height] = options.size ? [options.size, options.size] : [turnedWidth, turnedHeight];
  const map = compose(
    dihedral(view, image.width, image.height),
    drawWarp(preset, turnedWidth, turnedHeight, width, height, random),
  );
  const out = warpImage(image, map, width, height, options.fill);
  if (preset.jitter > 0) colorJitter(out, preset.jitter, random);
  if (random.uniform() < preset.blurRate) blur(out);
  if (preset.holes > 0) coarseDropout(out, preset.holes, options.fill, random);
  return { image: out, labels: warpLabels(labels, map, width, height) };
}

/** Zoom, rotation and shear about the centre of a window of the turned image; the window's place is drawn, in whole pixels without a zoom. */
function drawWarp(
  preset: Preset,
  fromWidth: number,
  fromHeight: number,
  width: number,
  height: number,
  random: Generator,
): Affine {
  const zoom = preset.zoom ** (2 * random.uniform() - 1);
  const angle = preset.rotation * (2 * random.uniform() - 1);
  const shear = preset.shear * (2 * random.uniform() - 1);
  const [a, b] = [Math.cos(angle) / zoom, (-Math.sin(angle) + shear) / zoom];
  const [c, d] = [Math.sin(angle) / zoom, Math.cos(angle) / zoom];
  const place = (from: number, extent: number) => drawOffset(from, extent / zoom, random);
  const [left, top] = [place(fromWidth, width), place(fromHeight, height)];
  const centreX = left + width / zoom / 2;
  const centreY = top + height / zoom / 2;
  return { a, b, c, d, tx: centreX - (a * width + b * height) / 2, ty: centreY - (c * width + d * height) / 2 };
}

/** Start of a window of `extent` in `from` pixels: anywhere inside, or centred where it is larger. */
function drawOffset(from: number, extent: number, random: Generator): number {
  const room = from - extent;
  const share = random.uniform();
  return room > 0 ? Math.floor(share * (Math.floor(room) + 1)) : Math.floor(room / 2);
}
