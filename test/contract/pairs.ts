/** @file What the contract tests walk: every encoder with every decoder and pyramid, at full size. */
import { decoders, encoders } from "../../src/catalog.js";
import { SegError } from "../../src/errors.js";
import { defineModel, type Model } from "../../src/model.js";
import { type PyramidName, pyramids } from "../../src/pyramids.js";

export interface Pair {
  readonly name: string;
  readonly encoder: string;
  readonly model: Model;
  /** Input side the pair is traced at: the encoder's own, else 256. */
  readonly side: number;
}

export const CLASSES = 3;

/** Every pair that fits; one that does not is listed under `refused` with its reason. */
export function everyPair(): { pairs: Pair[]; refused: string[] } {
  const pairs: Pair[] = [];
  const refused: string[] = [];
  for (const [encoder, { input, maps }] of encoders) {
    const names = maps.length === 1 ? (Object.keys(pyramids) as PyramidName[]) : [undefined];
    for (const decoder of decoders.names()) {
      for (const pyramid of names) {
        const name = [encoder, pyramid, decoder].filter(Boolean).join(" + ");
        try {
          const model = defineModel({ encoder, decoder, pyramid, classes: CLASSES });
          pairs.push({ name, encoder, model, side: input.size ?? 256 });
        } catch (error) {
          if (!(error instanceof SegError)) throw error;
          refused.push(`${name}: ${error.message}`);
        }
      }
    }
  }
  return { pairs, refused };
}

/** The tiny variant of an encoder's family is named by this ending. */
export const isTiny = (name: string): boolean => name.endsWith("-test");
