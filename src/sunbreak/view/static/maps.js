// Two maps in one place, one above the other, that move as one.

import * as maplibregl from "./maplibre-gl.mjs";

const GROUND = { version: 8, sources: {}, layers: [{ id: "ground", type: "background", paint: { "background-color": "#0e1013" } }] };
// screens with small pixels get tiles that are as sharp
const TILE = window.devicePixelRatio > 1.25 ? 256 : 512;
const DEEPER = 3;

export function makeMaps() {
  const left = makeMap("left", "Left picture");
  const right = makeMap("right", "Right picture");
  follow(left, right);
  follow(right, left);
  left.addControl(new maplibregl.NavigationControl({ showCompass: false }), "bottom-right");
  right.addControl(new maplibregl.NavigationControl({ showCompass: false }), "bottom-right");
  const scale = new maplibregl.ScaleControl({ maxWidth: 120 });
  right.addControl(scale, "bottom-right");
  return { left, right, markers: new Map() };
}

function makeMap(container, label) {
  const map = new maplibregl.Map({
    container, style: GROUND, attributionControl: false, dragRotate: false, pitchWithRotate: false, maxPitch: 0,
    renderWorldCopies: false, fadeDuration: 0, maxZoom: 20, center: [0, 0], zoom: 1,
    canvasContextAttributes: { preserveDrawingBuffer: true },
    locale: { "Map.Title": label },
  });
  map.touchZoomRotate.disableRotation();
  map.keyboard.disableRotation();
  return map;
}

function follow(leader, follower) {
  leader.on("move", (event) => {
    if (event.following) return;
    follower.jumpTo({ center: leader.getCenter(), zoom: leader.getZoom() }, { following: true });
  });
}

/** Resolves when a map can take layers. */
export const ready = (map) => (map.isStyleLoaded() ? Promise.resolve() : new Promise((done) => map.once("load", done)));

/**
 * Show tiles on a map.
 * @param layers addresses of tiles, from below to above, with the opacity of each
 */
export function show(map, scene, layers) {
  const wanted = layers.map(({ url }) => `${scene.id} ${url}`);
  for (const { id } of map.getStyle().layers) {
    if (id === "ground" || wanted.includes(id)) continue;
    map.removeLayer(id);
    map.removeSource(id);
  }
  layers.forEach(({ url, opacity }, index) => {
    const id = wanted[index];
    if (!map.getSource(id)) {
      map.addSource(id, {
        type: "raster", tiles: [new URL(url, document.baseURI).href.replace(/%7B/g, "{").replace(/%7D/g, "}")],
        tileSize: TILE, bounds: scene.bounds, maxzoom: Math.min(20, Math.ceil(scene.zoom) + DEEPER),
      });
      map.addLayer({
        id, type: "raster", source: id,
        paint: { "raster-fade-duration": 0, "raster-resampling": "linear" },
      });
    }
    map.setPaintProperty(id, "raster-opacity", opacity);
    map.moveLayer(id);
  });
}

/** Mark a point on both maps; null takes the mark away. */
export function mark(maps, point) {
  for (const map of [maps.left, maps.right]) {
    maps.markers.get(map)?.remove();
    if (!point) continue;
    const element = document.createElement("div");
    element.className = "here";
    maps.markers.set(map, new maplibregl.Marker({ element }).setLngLat(point).addTo(map));
  }
}
