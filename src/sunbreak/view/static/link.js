// The view in the address, so that a link reproduces it: #scene=...&left=...&at=lon,lat,zoom

const KEYS = ["scene", "left", "right", "bands", "stretch", "opacity", "swipe", "at", "pixel"];

const numbers = (text, count) => {
  const found = (text ?? "").split(",").map(Number);
  return text && found.length === count && found.every(Number.isFinite) ? found : null;
};

/** The parts of the view that the address holds; what makes no sense is left out. */
export function readLink() {
  const given = new URLSearchParams(location.hash.slice(1));
  const view = {};
  for (const key of ["scene", "left", "right", "bands"]) if (given.has(key)) view[key] = given.get(key);
  for (const key of ["opacity", "swipe"]) {
    const value = numbers(given.get(key), 1)?.[0];
    if (value >= 0 && value <= 100) view[key] = value;
  }
  const stretch = numbers(given.get("stretch"), 2);
  if (stretch && stretch[0] >= -1 && stretch[1] <= 10 && stretch[1] - stretch[0] >= 0.001) view.stretch = stretch;
  const at = numbers(given.get("at"), 3);
  if (at && Math.abs(at[0]) <= 540 && Math.abs(at[1]) <= 90 && at[2] >= 0 && at[2] <= 24) view.at = at;
  const pixel = numbers(given.get("pixel"), 2);
  if (pixel && Math.abs(pixel[0]) <= 540 && Math.abs(pixel[1]) <= 90) view.pixel = pixel;
  return view;
}

/** Write the view into the address, without a step in the browser's history. */
export function writeLink(view) {
  const parts = KEYS.filter((key) => view[key] !== null && view[key] !== undefined).map((key) => `${key}=${view[key]}`);
  history.replaceState(null, "", `#${parts.join("&")}`);
}
