"""Writes table.json: the EPSG systems proj4js can do, each with the Helmert shift to WGS 84 that lies nearest to PROJ's own results.

Run:    python src/crs/table.py           (pyproj==3.7.2 with its PROJ 9.5.1 and EPSG 11.022; node with the project's proj4)
Check:  python src/crs/table.py --check

A system is kept where proj4js projects within LIMIT metres of PROJ over its area of use; table-check.mjs runs proj4js.
Of the shifts PROJ knows without grid files, the one with the least summed distance to PROJ's results (which take another shift, where one
is better, in every place) is written out as towgs84. Its accuracy is what EPSG states, or the largest of those distances if that is more.
Terms of the EPSG dataset: https://epsg.org/terms-of-use.html (owned by IOGP; units and notation are converted, values are not).
"""
import json
import math
import re
import subprocess
import sys
import warnings
from collections import Counter
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyproj
from pyproj import CRS, Geod, Transformer
from pyproj.aoi import AreaOfInterest
from pyproj.database import get_database_metadata, query_crs_info
from pyproj.enums import PJType
from pyproj.transformer import TransformerGroup

warnings.simplefilter("ignore")
pyproj.network.set_network_enabled(False)
HERE = Path(__file__).parent
TARGET = HERE / "table.json"
LIMIT = 1  # metres between proj4js and PROJ in the projection alone
GRID_SHARE = 0.25  # of an area of use, from which on a more exact grid file is worth a remark
KINDS = (PJType.PROJECTED_CRS, PJType.GEOGRAPHIC_2D_CRS, PJType.GEOGRAPHIC_3D_CRS)
# Areas where PROJ's result is no measure: the shift of MGI 1901 for Kosovo (EPSG 9143) lies 1.6 km beside all others of its datum.
DISTRUSTED = {3906: (19.97, 41.85, 21.8, 43.25)}
AXES = ("", "+axis=wsu", "+axis=swu", "+axis=esu", "+axis=wnu")
DEGREE = math.pi / 180
WGS84 = CRS.from_epsg(4326)
SPHERE = Geod(ellps="WGS84")


def main():
    codes = sorted({int(info.code) for kind in KINDS for info in query_crs_info("EPSG", kind, allow_deprecated=True)})
    dropped = Counter()
    found = collect(codes, dropped)
    kept = judge(found, dropped)
    report(codes, kept, dropped)
    save(kept)


def collect(codes, dropped):
    found = []
    for code in codes:
        try:
            found.append(describe(code))
        except (Unusable, pyproj.exceptions.ProjError) as error:
            dropped[str(error).split(":")[0][:60]] += 1
    return found


def judge(found, dropped):
    """The systems proj4js projects as PROJ does, each with its best axis order and what proj4js and its shift are off by."""
    kept = []
    for system, errors in zip(found, measure(found)):
        axis = min(errors, key=lambda axis: errors[axis][0])
        error, apart = errors[axis]
        accuracy = None if system["accuracy"] is None else max(system["accuracy"], apart)
        if error > LIMIT:
            dropped[f"{method(system)}: proj4js differs from PROJ"] += 1
            print(f"dropped EPSG:{system['code']} {system['name']}: {error:.3g} m, {system['proj']} {system['datum']}", file=sys.stderr)
        else:
            kept.append({**system, "proj": f"{system['proj']} {axis}".strip(), "error": error, "apart": apart, "accuracy": accuracy})
    return kept


class Unusable(Exception):
    pass


def describe(code):
    """Name, PROJ string without datum, datum string with its shift, and PROJ's coordinates of 25 places."""
    crs = CRS.from_epsg(code)
    base = CRS.from_epsg(geographic_of(crs))
    if crs.area_of_use is None or crs.area_of_use.south < -90:  # -1000: unknown
        raise Unusable("no area of use")
    bounds = crs.area_of_use.bounds
    if not crs.is_projected and not math.isclose(crs.axis_info[0].unit_conversion_factor, DEGREE):
        raise Unusable("geographic, not in degrees")
    proj, datum = spell(crs)
    shift, accuracy, grid = best_shift(base.to_epsg(), bounds)
    lon, lat = places(bounds)
    x, y = project(base, crs, *native(base, lon, lat))
    lon84, lat84 = true_places(base.to_epsg(), bounds)
    turned = {axis.direction.lower() for axis in crs.axis_info} & {"west", "south"}
    return {
        "code": code, "name": crs.name, "proj": proj, "datum": datum, "shift": shift, "accuracy": accuracy, "grid": grid,
        "axes": AXES if turned and crs.is_projected and len({axis.direction for axis in crs.axis_info}) > 1 else AXES[:1],
        "unit": crs.axis_info[0].unit_conversion_factor if crs.is_projected else None,
        "points": [list(row) for row in zip(lon - meridian(base), lat, x, y, lon84, lat84) if all(map(math.isfinite, row[:4]))],
    }


def geographic_of(crs):
    """The geographic 2D system a system is built on, itself for one of those."""
    code = (crs.source_crs if crs.is_projected else crs).to_epsg(min_confidence=100)
    if code is None:
        raise Unusable("no EPSG code of its geographic system")
    return code


def spell(crs):
    """The PROJ string, split into projection and datum; the datum by its ellipsoid."""
    try:
        words = crs.to_proj4().split()
    except pyproj.exceptions.CRSError:
        raise Unusable("no PROJ string") from None
    if not words or not words[0].startswith("+proj="):
        raise Unusable("no PROJ string")
    words = [size_of(crs.ellipsoid) if re.match(r"\+(datum|ellps)=", word) else word for word in words]
    useless = {"+no_defs", "+type=crs", "+units=m", "+wktext"}  # not +x_0=0: some of proj4js's projections give NaN without
    words = [word for word in words if word not in useless and not re.match(r"\+(axis|towgs84)=", word)]
    of_datum = re.compile(r"\+(ellps|a|b|rf|R|pm|nadgrids)=")
    split = [" ".join(word for word in words if bool(of_datum.match(word)) == want) for want in (False, True)]
    return split[0], split[1]


def size_of(ellipsoid):
    """An ellipsoid by its numbers: proj4js knows some names with others (WGS72: 2 m over a zone)."""
    if ellipsoid.name in ("WGS 84", "GRS 1980"):
        return {"WGS 84": "+ellps=WGS84", "GRS 1980": "+ellps=GRS80"}[ellipsoid.name]
    size = float(ellipsoid.semi_major_metre)
    flattening = float(ellipsoid.inverse_flattening)
    return f"+a={size:.15g} +rf={flattening:.15g}" if flattening else f"+a={size:.15g} +b={size:.15g}"


def places(bounds):
    """5 x 5 places inside an area of use."""
    west, south, east, north = bounds
    east += 360 if east < west else 0
    shares = np.array([0.06, 0.28, 0.5, 0.72, 0.94])
    lon, lat = np.meshgrid(west + shares * (east - west), south + shares * (north - south))
    return (lon.ravel() + 180) % 360 - 180, lat.ravel()


def meridian(crs):
    """Degrees of the prime meridian east of Greenwich."""
    return crs.prime_meridian.longitude * crs.prime_meridian.unit_conversion_factor / DEGREE


def native(crs, lon, lat):
    """Degrees from Greenwich in a geographic system's own unit, from its own meridian."""
    unit = crs.axis_info[0].unit_conversion_factor
    return (lon - meridian(crs)) * DEGREE / unit, lat * DEGREE / unit


def project(source, target, lon, lat):
    return Transformer.from_crs(source, target, always_xy=True, allow_ballpark=False).transform(lon, lat)


@lru_cache(maxsize=None)
def true_places(code, bounds):
    """WGS 84 longitudes and latitudes of the places of a geographic system by PROJ; infinite where it knows no shift."""
    base = CRS.from_epsg(code)
    lon, lat = places(bounds)
    area = AreaOfInterest(*bounds)
    try:
        known = Transformer.from_crs(base, WGS84, always_xy=True, area_of_interest=area, allow_ballpark=False)
    except pyproj.exceptions.ProjError:
        return np.full_like(lon, np.inf), np.full_like(lat, np.inf)
    there = known.transform(*native(base, lon, lat))
    wrong = within(DISTRUSTED[code], lon, lat) if code in DISTRUSTED else False
    return tuple(np.where(wrong, np.inf, values) for values in there)


@lru_cache(maxsize=None)
def best_shift(code, bounds):
    """towgs84 of a geographic system over an area, its accuracy, and whether a grid file would be more exact there.

    Where PROJ knows none over the area, one of elsewhere is taken, with an unknown accuracy.
    """
    if code == 4326:
        return "0,0,0", 0, False
    lon, lat = places(bounds)
    base = CRS.from_epsg(code)
    group, candidates = shifts_of(code, bounds)
    elsewhere = not candidates
    if elsewhere:
        group, candidates = shifts_of(code, base.area_of_use.bounds)
    if not candidates:
        return None, None, False
    given, expected = native(base, lon, lat), true_places(code, bounds)
    rated = [(distance(t, given, expected), t.accuracy < 0, t.accuracy, shift) for shift, t in candidates]
    _, unknown, accuracy, shift = min(rated)
    grid = bool(improved(group.unavailable_operations, math.inf if unknown else accuracy, lon, lat).mean() >= GRID_SHARE)
    return shift, None if unknown or elsewhere else accuracy, grid


@lru_cache(maxsize=None)
def shifts_of(code, bounds):
    """PROJ's operations to WGS 84 over an area, and those that are Helmert shifts."""
    try:
        group = TransformerGroup(CRS.from_epsg(code), WGS84, always_xy=True, area_of_interest=AreaOfInterest(*bounds), allow_ballpark=False)
    except (pyproj.exceptions.ProjError, IndexError):  # pyproj raises IndexError where there is no operation at all
        return None, []
    return group, [(shift, t) for t in group.transformers if (shift := helmert(t.definition)) is not None]


def distance(transformer, given, expected):
    """Summed distance in metres, to a decimetre, to PROJ's results where it has any."""
    ok = np.isfinite(expected[0]) & np.isfinite(expected[1])
    got = transformer.transform(given[0][ok], given[1][ok])
    return round(float(SPHERE.inv(*got, expected[0][ok], expected[1][ok])[2].sum()), 1)


def improved(operations, accuracy, lon, lat):
    """For which places one of the operations, which need grid files, is more exact than `accuracy`."""
    exact = [operation for operation in operations if 0 <= operation.accuracy < accuracy]
    return np.any([np.zeros(len(lon), bool), *(within(operation.area_of_use.bounds, lon, lat) for operation in exact)], axis=0)


def within(bounds, lon, lat):
    west, south, east, north = bounds
    between = (lon >= west) & (lon <= east) if west <= east else (lon >= west) | (lon <= east)
    return between & (lat >= south) & (lat <= north)


HARMLESS = {"axisswap", "unitconvert", "push", "pop", "cart", "longlat", "noop", "set"}


def helmert(definition):
    """The seven parameters of a pipeline made of Helmert steps only, as towgs84; None for others. Rates are left: PROJ without a date does so."""
    total = np.zeros(7)
    for step in re.split(r"\bstep\b", definition):
        words = dict((word.split("=") + [""])[:2] for word in step.split())
        name = words.get("proj")
        if name == "helmert":
            total += parameters(words)
        elif name == "molobadekas":
            return None
        elif name not in HARMLESS and name != "pipeline" and name is not None:
            return None
    values = [f"{value:.7g}" if index > 2 else f"{value:.5f}".rstrip("0").rstrip(".") for index, value in enumerate(total)]
    values = ["0" if value in ("-0", "0") else value for value in values]
    return ",".join(values if any(value != "0" for value in values[3:]) else values[:3])


def parameters(words):
    """Position vector parameters of a step; an inverse has them negated, to a millimetre or two."""
    turn = -1 if words.get("convention") == "coordinate_frame" else 1
    values = [float(words.get(key, 0)) * (turn if key[0] == "r" else 1) for key in ("x", "y", "z", "rx", "ry", "rz", "s")]
    return np.array(values) * (-1 if "inv" in words else 1)


def measure(systems):
    """Largest distances in metres between proj4js and PROJ for each system, by axis order: the projection's alone, and from WGS 84."""
    asked = [{**{key: s[key] for key in ("proj", "axes", "unit")}, "datum": s["datum"], "tied": tied(s), "points": plain(s)} for s in systems]
    command = ["node", str(HERE / "table-check.mjs")]
    done = subprocess.run(command, input=json.dumps(asked), stdout=subprocess.PIPE, text=True, check=True)
    return [dict(zip(s["axes"], ([math.inf if v is None else v for v in pair] for pair in pairs))) for s, pairs in zip(systems, json.loads(done.stdout))]


def plain(system):
    return [[value if math.isfinite(value) else None for value in row] for row in system["points"]]


def tied(system):
    """The datum with its shift to WGS 84, where one is known and it has none of its own (a sphere without shift)."""
    known = system["shift"] is not None and "+nadgrids" not in system["datum"]
    return system["datum"] + (f" +towgs84={system['shift']}" if known else "")


def method(system):
    return re.search(r"\+proj=(\w+)", system["proj"])[1]


def report(codes, kept, dropped):
    print(f"{len(codes)} codes, {len(kept)} kept")
    for reason, count in dropped.most_common():
        print(f"  dropped {count}: {reason}")
    print("projection alone:", spread([system["error"] for system in kept], (1e-6, 1e-3, 0.01, 0.1, LIMIT)))
    print("from WGS 84:", spread([system["apart"] for system in kept if system["shift"] is not None], (0.01, 1, 10, 100, 1e9)))
    known = [system for system in kept if system["accuracy"] is not None]
    print("accuracy of the shift:", spread([system["accuracy"] for system in known], (0, 1, 2, 5, 10, 50, 1000)))
    print(f"no shift known: {len(kept) - len(known)}; a grid would be better: {sum(s['grid'] for s in kept)}")


def spread(values, limits):
    return ", ".join(f"{sum(value <= limit for value in values)} <= {limit} m" for limit in limits)


def save(kept):
    def frame(system):
        accuracy = None if system["accuracy"] is None else round(system["accuracy"], 1)
        return (tied(system), accuracy, *([1] if system["grid"] else []))

    frames = sorted({frame(system) for system in kept}, key=lambda row: (row[0], row[1] is None, row[1], len(row)))
    places_of = {row: index for index, row in enumerate(frames)}
    dump = lambda value: json.dumps(value, separators=(",", ":"), ensure_ascii=False)  # noqa: E731
    about = {
        "made": f"by table.py from PROJ {pyproj.proj_version_str}, EPSG {get_database_metadata('EPSG.VERSION')}",
        "terms": "Derived from the EPSG Geodetic Parameter Dataset, owned by IOGP, converted to PROJ strings with shifts to WGS 84; provided as is, "
        "without warranty, under https://epsg.org/terms-of-use.html. Not the EPSG Dataset itself.",
        "frames": "[ellipsoid, prime meridian and shift to WGS 84, accuracy of the shift in metres or null, 1 where a grid file is more exact]",
        "systems": "[EPSG code, name, projection, index of its frame]",
    }
    lines = [dump([s["code"], s["name"], s["proj"], places_of[frame(s)]]) for s in kept]
    text = '{"about":%s,\n"frames":[\n%s\n],\n"systems":[\n%s\n]}\n' % (
        dump(about), ",\n".join(dump(list(row)) for row in frames), ",\n".join(lines))
    if "--check" in sys.argv:
        sys.exit(0 if TARGET.read_text(encoding="utf8") == text else "table.json: differs from what is made now")
    TARGET.write_text(text, encoding="utf8")
    print(f"{TARGET.name}: {len(text.encode()) / 1024:.0f} KB, {len(frames)} frames")


if __name__ == "__main__":
    main()
