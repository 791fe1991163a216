"""GDAL's side of bench/geotiff-read: `make FOLDER` writes the files, `serve FOLDER` times windows asked for on stdin (`NAME X Y SIDE` a line).

Needs rasterio and numpy. GDAL decodes with one thread, its default.
"""
import sys
import time
from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import Affine
from rasterio.windows import Window

SIDE = 2048
TILES = dict(tiled=True, blockxsize=256, blockysize=256, interleave="pixel")
LARGE = dict(tiled=True, blockxsize=512, blockysize=512, interleave="pixel")
PREDICTED = dict(predictor=2)


def make(folder):
    random = np.random.default_rng(1)
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    waves = [2000 + 1500 * np.sin(x / (90 + 20 * b)) * np.cos(y / (70 + 9 * b)) + random.normal(0, 25, (SIDE, SIDE)) for b in range(6)]
    bands = np.stack(waves).clip(0, 65535).astype("uint16")
    rgb = (bands[:3] // 20).clip(0, 255).astype("uint8")
    files = {
        "uint16x6-deflate": (bands, dict(compress="deflate", **PREDICTED, **TILES)),
        "uint16x6-deflate-512": (bands, dict(compress="deflate", **PREDICTED, **LARGE)),
        "uint16x6-deflate-planar": (bands, dict(compress="deflate", **PREDICTED, **{**TILES, "interleave": "band"})),
        "uint16x6-deflate-strips": (bands, dict(compress="deflate", blockysize=8, interleave="pixel", **PREDICTED)),
        "uint16x6-lzw": (bands, dict(compress="lzw", **PREDICTED, **TILES)),
        "uint16x6-zstd": (bands, dict(compress="zstd", **PREDICTED, **TILES)),
        "uint8x3-deflate": (rgb, dict(compress="deflate", **TILES)),
        "uint8x3-lzw": (rgb, dict(compress="lzw", **TILES)),
        "uint8x3-jpeg": (rgb, dict(compress="jpeg", photometric="ycbcr", **TILES)),
        "uint8x3-raw": (rgb, TILES),
        "float32-deflate-predictor3": (bands[:1].astype("float32") / 7, dict(compress="deflate", predictor=3, **TILES)),
        "float32-lerc": (bands[:1].astype("float32") / 7, dict(compress="lerc", **TILES)),
    }
    place = dict(crs="EPSG:32633", transform=Affine(10, 0, 500000, 0, -10, 5800000))
    for name, (data, options) in files.items():
        profile = dict(driver="GTiff", width=SIDE, height=SIDE, count=len(data), dtype=data.dtype, **place, **options)
        with rasterio.open(folder / f"{name}.tif", "w", **profile) as out:
            out.write(data)
        print(name, flush=True)


def serve(folder):
    for line in sys.stdin:
        name, x, y, side = line.split()
        began = time.perf_counter()
        with rasterio.open(folder / f"{name}.tif") as source:
            data = source.read(window=Window(int(x), int(y), int(side), int(side)))
        print(time.perf_counter() - began, int(data.astype("float64").sum()), flush=True)


{"make": make, "serve": serve}[sys.argv[1]](Path(sys.argv[2]))
