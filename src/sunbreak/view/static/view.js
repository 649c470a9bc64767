// The page: one view (what is shown, where, how), drawn by the maps and the controls, kept in the address.

import { $, PHOTOS, listScenes, showControls, tellPixel } from "./controls.js";
import { readLink, writeLink } from "./link.js";
import { makeMaps, mark, ready, show } from "./maps.js";
import { drawSpectrum, tabulate } from "./spectrum.js";
import { makeSwipe } from "./swipe.js";

const ROUND = 1e6;
const view = { left: "cloudy", right: "restored", opacity: 85, swipe: 50, stretch: null, at: null, pixel: null, ...readLink() };
const known = new Map();
const maps = makeMaps((busy) => { document.body.dataset.busy = busy; });
const putSwipe = makeSwipe($("swipe"), $("right"), (percent) => remember({ swipe: Math.round(10 * percent) / 10 }));
let scenes = [], scene = null, asked = 0;

async function get(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
  return answer.json();
}

function say(text, lasting = false) {
  $("message").textContent = text;
  $("message").hidden = !text;
  if (text && !lasting) setTimeout(() => { if ($("message").textContent === text) say(""); }, 2500);
}

function remember(changes) {
  Object.assign(view, changes);
  writeLink(view);
}

function addresses(layer) {
  const stretch = view.stretch && !scene.combinations[view.bands].index ? `&low=${view.stretch[0]}&high=${view.stretch[1]}` : "";
  const query = PHOTOS.includes(layer) ? `?bands=${view.bands}${stretch}` : layer === "uncertainty" ? `?bands=${view.bands}` : "";
  return `tiles/${scene.id}/${layer}/{z}/{x}/{y}.png${query}`;
}

function stack(layer, side) {
  if (PHOTOS.includes(layer)) return [{ url: addresses(layer), opacity: 1 }];
  const below = side === "left" && scene.layers.includes("cloudy") ? "cloudy" : "restored";
  const sharp = scene.combinations[view.bands].legends[layer].classes !== undefined;
  return [{ url: addresses(below), opacity: 1 }, { url: addresses(layer), opacity: view.opacity / 100, sharp }];
}

/** Change the view and draw it. */
function change(changes) {
  remember(changes);
  for (const side of ["left", "right"]) show(maps[side], scene, stack(view[side], side));
  showControls(scene, scenes, view);
  showStretch();
}

async function showStretch() {
  if (view.stretch) {
    [$("low").value, $("high").value] = view.stretch;
    return;
  }
  const { id } = scene, { bands } = view;
  const { low, high } = await get(`api/scenes/${id}/stretch?bands=${bands}`);
  if (id === scene.id && bands === view.bands && !view.stretch) [$("low").value, $("high").value] = [low, high];
}

/** Show another scene; the place stays where the two overlap. */
async function open(id) {
  const asking = ++asked;
  if (!known.has(id)) known.set(id, await get(`api/scenes/${id}`));
  if (asking !== asked) return;
  const before = scene;
  scene = known.get(id);
  const has = (layer, other) => (scene.layers.includes(layer) ? layer : other);
  const bands = view.bands in scene.combinations ? view.bands : Object.keys(scene.combinations)[0];
  change({ scene: id, left: has(view.left, has("cloudy", "restored")), right: has(view.right, "restored"), bands });
  if (before ? !inside(maps.left.getCenter(), scene.bounds) : !view.at) fit();
  if (view.pixel) await look(view.pixel);
}

const inside = ({ lng, lat }, [west, south, east, north]) => lng > west && lng < east && lat > south && lat < north;

function fit() {
  maps.left.fitBounds(scene.bounds, { padding: 24, animate: false, maxZoom: scene.zoom + 2 });
}

/** Look up the pixel at a point: [longitude, latitude]. */
async function look(point) {
  const asking = { id: scene.id };
  let pixel;
  try {
    pixel = await get(`api/scenes/${asking.id}/pixel?lon=${point[0]}&lat=${point[1]}`);
  } catch {
    closePixel();
    return;
  }
  if (asking.id !== scene.id) return;
  remember({ pixel: point });
  mark(maps, point);
  $("chart").replaceChildren(drawSpectrum(pixel.spectrum));
  $("values").replaceChildren(...tabulate(pixel.spectrum));
  tellPixel(pixel);
  $("pixel").hidden = false;
  $("pixel").dataset.at = `${pixel.row},${pixel.col}`;
}

function closePixel() {
  $("pixel").hidden = true;
  mark(maps, null);
  remember({ pixel: null });
}

function stretchGiven() {
  const [low, high] = [Number($("low").value), Number($("high").value)];
  if (low >= -1 && high <= 10 && high - low >= 0.001) change({ stretch: [low, high] });
  else say("white must be brighter than black, both between -1 and 10");
}

function connect() {
  for (const side of ["left", "right"]) {
    $(`${side}-layer`).onchange = (event) => change({ [side]: event.target.value });
    maps[side].on("click", ({ lngLat }) => look([lngLat.lng, lngLat.lat].map((value) => Math.round(value * ROUND) / ROUND)));
    maps[side].getCanvas().addEventListener("keydown", (event) => {
      const { lng, lat } = maps[side].getCenter();
      if (event.key === "Enter") look([lng, lat].map((value) => Math.round(value * ROUND) / ROUND));
    });
  }
  maps.left.on("moveend", () => {
    const { lng, lat } = maps.left.getCenter();
    remember({ at: [lng.toFixed(7), lat.toFixed(7), maps.left.getZoom().toFixed(4)] });
  });
  $("bands").onchange = (event) => change({ bands: event.target.value });
  $("automatic").onchange = (event) => (event.target.checked ? change({ stretch: null }) : stretchGiven());
  $("low").onchange = $("high").onchange = stretchGiven;
  $("opacity").oninput = (event) => change({ opacity: Number(event.target.value) });
  $("pixel").querySelector(".close").onclick = closePixel;
  $("toggle").onclick = () => $("toggle").setAttribute("aria-expanded", $("panel").classList.toggle("open"));
  $("copy").onclick = () => navigator.clipboard?.writeText(location.href).then(() => say("link copied"), () => say("copy the address of this page"))
    ?? say("copy the address of this page");
  document.addEventListener("keydown", (event) => { if (event.key === "Escape" && !$("pixel").hidden) closePixel(); });
  window.addEventListener("hashchange", () => location.reload());
}

async function start() {
  ({ scenes } = await get("api/scenes"));
  await Promise.all([ready(maps.left), ready(maps.right)]);
  listScenes(scenes, open);
  putSwipe(view.swipe);
  if (view.at) maps.left.jumpTo({ center: [view.at[0], view.at[1]], zoom: view.at[2] });
  connect();
  const wanted = scenes.some((one) => one.id === view.scene) ? view.scene : scenes[0].id;
  await open(wanted);
  document.body.dataset.ready = "true";
}

start().catch((error) => say(`The page could not be shown: ${error.message}`, true));
