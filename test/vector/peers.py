"""Reads vector files with shapely, pyproj and fiona, and says what it found as JSON. Argument: a JSON list of [what, path, ...]."""
import json
import sys

import fiona
import pyproj
import shapely
import shapely.geometry


def features(path):
    text = open(path, encoding="utf8").read()
    return json.loads(text)["features"] if path.endswith(".geojson") else [json.loads(line) for line in text.splitlines()]


def polygons(path):
    shapes = [shapely.geometry.shape(feature["geometry"]) for feature in features(path)]
    parts = [part for shape in shapes for part in getattr(shape, "geoms", [shape])]
    union = shapely.unary_union(shapes)
    return {
        "count": len(shapes),
        "valid": sum(shape.is_valid for shape in shapes),
        "counterClockwise": all(part.exterior.is_ccw and not any(hole.is_ccw for hole in part.interiors) for part in parts),
        "area": sum(shape.area for shape in shapes),
        "union": union.area,
        "holes": sum(len(part.interiors) for part in getattr(union, "geoms", [union])),
        "bounds": union.bounds,
    }


def layer(path):
    with fiona.open(path) as file:
        return {
            "name": file.name,
            "schema": dict(file.schema["properties"]),
            "epsg": file.crs.to_epsg(),
            "features": [
                [dict(feature.properties), [[list(point) for point in ring] for ring in feature.geometry.coordinates]] for feature in file
            ],
        }


def shifted(native, wgs84, epsg):
    """The largest distance in degrees between pyproj's longitudes and latitudes and those written."""
    there = pyproj.Transformer.from_crs(epsg, 4326, always_xy=True)
    worst = 0
    for ours, own in zip(features(wgs84), features(native), strict=True):
        for a, b in zip(ours["geometry"]["coordinates"], own["geometry"]["coordinates"], strict=True):
            for (x, y), point in zip(a, b, strict=True):
                longitude, latitude = there.transform(*point)
                worst = max(worst, abs(longitude - x), abs(latitude - y))
    return worst


def bent(path, epsg):
    """The largest distance in metres, in the plane of a system, of edges' middles from the straight edges of the lattice of 10 m."""
    there = pyproj.Transformer.from_crs(4326, epsg, always_xy=True)
    worst = 0
    for feature in features(path):
        polygons = [feature["geometry"]["coordinates"]] if feature["geometry"]["type"] == "Polygon" else feature["geometry"]["coordinates"]
        for ring in (ring for polygon in polygons for ring in polygon):
            for (a, b), (c, d) in zip(ring, ring[1:]):
                if abs(a) == abs(c) == 180 or abs(b) == 90 or abs(d) == 90:
                    continue
                (x0, y0), (x1, y1), (x, y) = (there.transform(*point) for point in ((a, b), (c, d), ((a + c) / 2, (b + d) / 2)))
                worst = max(worst, abs((x1 - x0) * (y - y0) - (x - x0) * (y1 - y0)) / max(1e-9, ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5))
    return worst


def cells(west, south, east, north):
    """Square metres of a rectangle of longitude and latitude."""
    steps = [west + (east - west) * i / 1000 for i in range(1001)]
    ring = [(x, south) for x in steps] + [(x, north) for x in reversed(steps)]
    return abs(pyproj.Geod(ellps="WGS84").polygon_area_perimeter(*zip(*ring))[0])


print(json.dumps([globals()[what](*rest) for what, *rest in json.loads(sys.argv[1])]))
