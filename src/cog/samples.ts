/** @file Sample types a COG of ours can hold. Typed arrays are taken to be little-endian, as on every machine Node is built for but s390x and ppc64. */

/** Samples in memory. */
export type Samples = Uint8Array | Uint16Array | Int16Array | Uint32Array | Int32Array | Float32Array | Float64Array;

/** Each type: TIFF SampleFormat (1 unsigned, 2 signed, 3 floating point) and its typed array. */
export const SAMPLE_TYPES = {
  uint8: { format: 1, array: Uint8Array },
  uint16: { format: 1, array: Uint16Array },
  int16: { format: 2, array: Int16Array },
  uint32: { format: 1, array: Uint32Array },
  int32: { format: 2, array: Int32Array },
  float32: { format: 3, array: Float32Array },
  float64: { format: 3, array: Float64Array },
} as const;

export type SampleType = keyof typeof SAMPLE_TYPES;

/** Bytes of one sample. */
export const bytesOf = (type: SampleType): number => SAMPLE_TYPES[type].array.BYTES_PER_ELEMENT;

/** Bytes seen as samples without a copy; they must start at a multiple of the sample's size. */
export function viewSamples(type: SampleType, { buffer, byteOffset, byteLength }: Uint8Array<ArrayBuffer>): Samples {
  return new SAMPLE_TYPES[type].array(buffer, byteOffset, byteLength / bytesOf(type));
}

/** The value as the type stores it: rounded to single precision, cut to the integers' range. */
export const stored = (type: SampleType, value: number): number => new SAMPLE_TYPES[type].array([value])[0];

/** Whether a stored value stands for "no data". */
export const isNodata = (value: number, nodata: number | undefined): boolean =>
  value === nodata || (nodata !== undefined && Number.isNaN(nodata) && Number.isNaN(value));
