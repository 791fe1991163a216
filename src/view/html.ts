/** @file The page's HTML and icon. Everything that acts is in the scripts; nothing is inline. */

/** The document at "/". */
export const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>seg view</title>
<link rel="icon" href="icon.svg">
<link rel="stylesheet" href="style.css">
<script src="geotiff.js" defer></script>
<script type="module" src="app.js"></script>
</head>
<body>
<main>
<canvas id="map" tabindex="0" role="application" aria-label="Class map" aria-busy="true" aria-describedby="keys"></canvas>
<div class="tools" role="group" aria-label="Zoom">
<button id="zoom-in" type="button" title="Zoom in (+)" aria-label="Zoom in">+</button>
<button id="zoom-out" type="button" title="Zoom out (-)" aria-label="Zoom out">&minus;</button>
<button id="fit" type="button" title="Fit the whole map (0)" aria-label="Fit the whole map">&#x2922;</button>
</div>
<div class="scale"><span id="scale-bar"></span><span id="scale-text"></span></div>
<p id="notice" role="status" hidden></p>
<p id="keys" hidden>Arrow keys move, plus and minus zoom, 0 fits the whole map, Enter reads the pixel in the middle, Escape lets it go.</p>
</main>
<aside aria-label="Layers and legend">
<header>
<h1 id="name">&nbsp;</h1>
<p id="about"></p>
</header>
<section class="layers">
<label for="layer">Layer</label>
<select id="layer"></select>
<label for="opacity">Opacity</label>
<span class="slider"><input id="opacity" type="range" min="0" max="100" value="70"><output id="opacity-text" for="opacity">70&thinsp;%</output></span>
<label for="source">Source</label>
<span class="source"><input id="source" type="checkbox"><span id="source-note"></span></span>
</section>
<section id="legend" aria-label="Classes">
<div class="row"><h2>Classes</h2><button id="all" type="button">all</button><button id="none" type="button">none</button></div>
<ul id="classes"></ul>
</section>
<section id="ramp" aria-label="Scale" hidden><h2>Value</h2><div class="ramp"></div><div class="row ends"><span>0</span><span>1</span></div></section>
<section class="pixel" aria-label="Pixel">
<div class="row"><h2>Pixel</h2><button id="unpin" type="button" hidden>let go</button></div>
<p id="hint">Point at the map to read a pixel, click to keep it.</p>
<dl id="reading" aria-live="polite"></dl>
<ul id="bars"></ul>
</section>
<details id="run" hidden><summary>Figures of the run</summary><dl id="figures"></dl></details>
<footer id="bytes"></footer>
</aside>
</body>
</html>
`;

/** A square of four classes. */
export const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><path fill="#0072b2" d="M1 1h7v7H1z"/><path fill="#009e73" d="M8 1h7v5H8z"/><path fill="#e69f00" d="M1 8h5v7H1z"/><path fill="#d55e00" d="M8 6h7v9H6V8h2z"/></svg>
`;
