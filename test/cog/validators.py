"""Judges COGs as GDAL and rio-cogeo do, or reads them as rasterio does. One process for all files.

Run:  python test/cog/validators.py gdal FILES...     GDAL's own script, full check (osgeo_utils)
      python test/cog/validators.py rio FILES...      rio-cogeo, strict; writes FILE.N.bin, the interleaved samples of level N, beside each file
Output: one JSON object, a file each: {"errors": [...]} or {"errors": [...], "levels": [[width, height], ...], "dtype", "nodata", "crs", "transform"}
"""
import json
import sys
import warnings

warnings.simplefilter("ignore")


def judge_by_gdal(path):
    from osgeo_utils.samples import validate_cloud_optimized_geotiff as script

    found_warnings, errors, _ = script.validate(path, full_check=True)
    return {"errors": errors + found_warnings}


def judge_by_rio(path):
    import numpy as np
    import rasterio
    from rio_cogeo import cog_validate

    is_valid, errors, found_warnings = cog_validate(path, strict=True, quiet=True)
    with rasterio.open(path) as source:
        about = {"dtype": source.dtypes[0], "nodata": str(source.nodata), "crs": source.crs and source.crs.to_wkt()}
        about["transform"] = list(source.transform)[:6]
        overviews = len(source.overviews(1))
    levels = []
    for level in range(overviews + 1):
        with rasterio.open(path, **({"overview_level": level - 1} if level else {})) as source:
            levels.append([source.width, source.height])
            np.moveaxis(source.read(), 0, -1).tofile(f"{path}.{level}.bin")
    return {"errors": errors + found_warnings + ([] if is_valid else ["invalid"]), "levels": levels, **about}


judge = {"gdal": judge_by_gdal, "rio": judge_by_rio}[sys.argv[1]]
if sys.argv[1] == "gdal":
    from osgeo import gdal

    gdal.UseExceptions()
json.dump({path: judge(path) for path in sys.argv[2:]}, sys.stdout)
