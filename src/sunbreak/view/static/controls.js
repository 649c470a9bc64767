// The controls beside the map: what they show follows from the scene and the view.

const WORDS = {
  cloudy: "Cloudy", restored: "Restored", radar: "Radar", quality: "Quality", source: "Source",
  uncertainty: "Uncertainty", "land-cover": "Land cover",
};
export const PHOTOS = ["cloudy", "restored"];
export const word = (layer) => WORDS[layer];
export const $ = (id) => document.getElementById(id);

const made = (tag, properties, ...inside) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...inside);
  return element;
};

export const day = (datetime) => (datetime ? datetime.slice(0, 10) : "date unknown");

/** The list of scenes and the slider over their dates; `choose` is told the id. */
export function listScenes(scenes, choose) {
  $("scenes").hidden = scenes.length < 2;
  $("time").max = scenes.length - 1;
  $("time").oninput = () => choose(scenes[$("time").value].id);
  $("list").replaceChildren(...scenes.map((scene) => {
    const cloud = scene.cloud === null ? "" : ` · ${Math.round(scene.cloud)} % cloud`;
    const button = made("button", { type: "button", title: scene.title, onclick: () => choose(scene.id) },
      made("span", { textContent: scene.title }), made("span", { textContent: `${day(scene.datetime)}${cloud}` }));
    button.dataset.id = scene.id;
    return made("li", {}, button);
  }));
}

function fill(select, options, chosen) {
  select.replaceChildren(...options.map(([value, textContent]) => made("option", { value, textContent })));
  select.value = chosen;
}

/** Bring all controls in line with the view. */
export function showControls(scene, scenes, view) {
  const number = scenes.findIndex((one) => one.id === scene.id);
  $("name").textContent = [scene.title, day(scene.datetime), scene.facts.level].filter(Boolean).join(" · ");
  $("time").value = number;
  $("time").setAttribute("aria-valuetext", `${day(scene.datetime)}, ${scene.title}`);
  $("when").textContent = `${day(scene.datetime)} (${number + 1} of ${scenes.length})`;
  for (const button of $("list").querySelectorAll("button")) {
    button.setAttribute("aria-current", button.dataset.id === scene.id);
    if (button.dataset.id === scene.id) button.scrollIntoView({ block: "nearest" });
  }
  for (const side of ["left", "right"]) {
    fill($(`${side}-layer`), scene.layers.map((layer) => [layer, word(layer)]), view[side]);
    $(`${side}-name`).textContent = word(view[side]);
  }
  const combinations = Object.entries(scene.combinations);
  fill($("bands"), combinations.map(([name, one]) => [name, one.title]), view.bands);
  $("stretch").disabled = scene.combinations[view.bands].index;
  $("automatic").checked = !view.stretch;
  $("low").disabled = $("high").disabled = !view.stretch;
  $("opacity").disabled = [view.left, view.right].every((layer) => PHOTOS.includes(layer));
  $("opacity").value = view.opacity;
  $("percent").textContent = `${view.opacity} %`;
  showLegend(scene, view);
  showFacts(scene.facts, scene);
}

function showLegend(scene, view) {
  const { legends } = scene.combinations[view.bands];
  const photos = [view.left, view.right].filter((layer) => PHOTOS.includes(layer));
  const others = [...new Set([view.left, view.right])].filter((layer) => !PHOTOS.includes(layer));
  const shown = others.map((layer) => [word(layer), legends[layer]]);
  if (photos.length) shown.unshift([scene.combinations[view.bands].title, legends[photos[0]]]);
  $("legend").replaceChildren(made("h2", { textContent: "Legend" }), ...shown.flatMap(([title, legend]) => [
    made("h3", { textContent: title }), made("p", { textContent: legend.text }),
    ...(legend.classes ? [made("ul", {}, ...legend.classes.map(classEntry))] : []),
    ...(legend.ramp ? ramp(legend) : []),
  ]));
}

function classEntry({ name, color }) {
  const swatch = made("span", { className: "swatch" });
  swatch.style.background = color;
  return made("li", {}, swatch, name);
}

function ramp({ ramp: colors, low, high }) {
  const bar = made("div", { className: "ramp" });
  bar.style.background = `linear-gradient(to right, ${colors.join(", ")})`;
  return [bar, made("div", { className: "ends" }, made("span", { textContent: low }), made("span", { textContent: high }))];
}

function showFacts(facts, scene) {
  const percent = (value) => (value === null ? null : `${value} %`);
  const rows = [
    ["Model", facts.model], ["Cloud", percent(facts.cloud)], ["Shadow", percent(facts.shadow)],
    ["Radar", facts.radarDays === null ? null : `${Math.abs(facts.radarDays).toFixed(1)} days apart`],
    ["Size", `${scene.shape[1]} × ${scene.shape[0]} pixels, ${scene.bands.length} bands`],
    ["Place", scene.georeferenced ? null : "not georeferenced; shown at 0° N, 0° E"],
  ].filter(([, text]) => text);
  $("facts").replaceChildren(made("h2", { textContent: "About" }),
    made("dl", {}, ...rows.flatMap(([name, text]) => [made("dt", { textContent: name }), made("dd", { textContent: text })])));
}

/** What is told of a pixel below its spectrum. */
export function tellPixel(pixel) {
  const radar = pixel.radar && Object.entries(pixel.radar).map(([name, value]) => `${name} ${value.toFixed(1)} dB`).join(", ");
  const rows = [
    ["Pixel", `row ${pixel.row}, column ${pixel.col}`], ["Quality", pixel.quality], ["Source", pixel.source],
    ["Land cover", pixel.landCover && `${pixel.landCover} (${pixel.probability} %)`], ["Radar", radar],
  ].filter(([, text]) => text);
  $("told").replaceChildren(...rows.flatMap(([name, text]) => [made("dt", { textContent: name }), made("dd", { textContent: text })]));
}
