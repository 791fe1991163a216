/** @file One line of help for each option several kinds of data sets share. */

export const labelHelp = {
  classes: "a count, names (sky,road), names with colours (sky:#87ceeb,road:#404040), or a file that lists them",
  classMap: "what values or colours of masks stand for: 0=ignore,1=road or #ff0000=road",
  ignoreIndex: "mask value that counts nowhere (usually 255)",
} as const;

export const splitHelp = {
  valFraction: "share held out for validation where nothing else says so",
  splitSeed: "another drawing of what is held out",
} as const;

export const fileHelp = {
  images: "pattern of the images, relative to --data: train/*.jpg",
  imageSuffix: "end of image names that labels lack: _sat of 7_sat.jpg",
} as const;
