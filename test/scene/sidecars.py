"""Reads sidecars with other programs' parsers: argument {"qml": text, "epsg": code, "points": [[x, y], ...]}.

Output: {"entries": the attributes of each palette entry, "points": longitude and latitude as PROJ gives them}.
"""
import json
import sys
import xml.etree.ElementTree as ElementTree

from pyproj import Transformer

asked = json.loads(sys.argv[1])
root = ElementTree.fromstring(asked["qml"])
transformer = Transformer.from_crs(asked["epsg"], 4326, always_xy=True)
json.dump(
    {
        "entries": [entry.attrib for entry in root.findall("pipe/rasterrenderer[@type='paletted']/colorPalette/paletteEntry")],
        "points": [transformer.transform(*point) for point in asked["points"]],
    },
    sys.stdout,
)
