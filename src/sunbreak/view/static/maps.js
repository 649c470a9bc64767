// Two maps in one place, one above the other, that move as one.

import * as maplibregl from "./maplibre-gl.mjs";

const GROUND = { version: 8, sources: {}, layers: [{ id: "ground", type: "background", paint: { "background-color": "#0e1013" } }] };
// screens with small pixels get tiles that are as sharp
const TILE = window.devicePixelRatio > 1.25 ? 256 : 512;
const DEEPER = 3;

/** @param busy is told whether tiles are on their way */
export function makeMaps(busy) {
  const left = makeMap("left", "Left picture");
  const right = makeMap("right", "Right picture");
  follow(left, right);
  follow(right, left);
  const waiting = new Set();
  for (const map of [left, right]) {
    map.on("dataloading", () => { waiting.add(map); busy(true); });
    map.on("idle", () => { waiting.delete(map); busy(waiting.size > 0); });
  }
  // on either map the swipe would cut them off
  const controls = [new maplibregl.ScaleControl({ maxWidth: 120 }), new maplibregl.NavigationControl({ showCompass: false })];
  document.getElementById("controls").append(...controls.map((control) => control.onAdd(left)));
  return { left, right, markers: new Map() };
}

function makeMap(container, label) {
  const map = new maplibregl.Map({
    container, style: GROUND, attributionControl: false, dragRotate: false, pitchWithRotate: false, maxPitch: 0,
    renderWorldCopies: false, fadeDuration: 0, maxZoom: 20, center: [0, 0], zoom: 1,
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
 * @param layers addresses of tiles, from below to above, with the opacity of each and whether its colours must not blend
 */
export function show(map, scene, layers) {
  const wanted = layers.map(({ url }) => `${scene.id} ${url}`);
  for (const { id } of map.getStyle().layers) {
    if (id === "ground" || wanted.includes(id)) continue;
    map.removeLayer(id);
    map.removeSource(id);
  }
  layers.forEach(({ url, opacity, sharp }, index) => {
    const id = wanted[index];
    if (!map.getSource(id)) {
      map.addSource(id, {
        type: "raster", tiles: [new URL(url, document.baseURI).href.replace(/%7B/g, "{").replace(/%7D/g, "}")],
        tileSize: TILE, bounds: scene.bounds, maxzoom: Math.min(20, Math.ceil(scene.zoom) + DEEPER),
      });
      map.addLayer({
        id, type: "raster", source: id,
        paint: { "raster-fade-duration": 0, "raster-resampling": sharp ? "nearest" : "linear" },
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
