/**
 * @file Shifts of national datums to WGS 84, which the tables of geotiff-geokeys-to-proj4 lack: without them labels land 50 to 200 m away.
 * Values: the EPSG dataset's Helmert transformations (https://epsg.org), in proj's towgs84 order and signs; within 3 m of PROJ's own results.
 */

/** [EPSG codes, towgs84 in metres, arc seconds and parts per million]. */
const SHIFTS: readonly (readonly [readonly number[], string])[] = [
  [[27700, 4277], "446.448,-125.157,542.06,0.15,0.247,0.842,-20.489"], // OSGB36
  [[28991, 28992, 4289], "565.4171,50.3319,465.5524,-0.398957,0.343988,-1.877402,4.0725"], // Amersfoort
  [[31370, 4313], "-106.8686,52.2978,-103.7239,0.3366,-0.457,1.8422,-1.2747"], // Belge 1972
  [[2056, 21781, 4149, 4150], "674.374,15.056,405.346"], // CH1903, CH1903+
  [[31466, 31467, 31468, 31469, 4314], "598.1,73.7,418.2,0.202,0.045,-2.455,6.7"], // DHDN
  [[31254, 31255, 31256, 31257, 31258, 31259, 31287, 4312], "577.326,90.129,463.919,5.137,1.474,5.297,2.4232"], // MGI
  [[5513, 5514, 4156], "570.8,85.7,462.8,4.998,1.587,5.261,3.56"], // S-JTSK
];

/** The shift of a system by its EPSG code, as proj4 writes it; empty where none is known. */
export function shiftOf(code: number | undefined): string {
  const found = SHIFTS.find(([codes]) => code !== undefined && codes.includes(code));
  return found ? ` +towgs84=${found[1]}` : "";
}

/** Whether a definition says how its datum lies to WGS 84; systems on WGS 84 or GRS 80 do, to a metre or two. */
export const tiedToWgs84 = (proj4: string): boolean =>
  /\+(towgs84|datum)=/.test(proj4) || /\+ellps=(WGS84|GRS80)\b/i.test(proj4) || /\+a=6378137\b/.test(proj4);
