// The spectrum of a pixel, before and after, as an SVG chart and a table.

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 370, HEIGHT = 190;
const EDGE = { left: 38, right: 8, top: 22, bottom: 30 };
const FROM = 400, TO = 2300;
const TICKS = [500, 1000, 1500, 2000];

function element(name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

const step = (top) => [0.02, 0.05, 0.1, 0.2, 0.5, 1].find((one) => top / one <= 5) ?? 2;
const digits = (value, count = 4) => (value === null ? "–" : value.toFixed(count));

/** Draw a chart of `spectrum`: entries with `wavelength`, `before`, `after`, `sigma`, each null without data. */
export function drawSpectrum(spectrum) {
  const bands = [...spectrum].sort((a, b) => a.wavelength - b.wavelength);
  const values = bands.flatMap((one) => [one.before, one.after === null ? null : one.after + (one.sigma ?? 0)]);
  const top = 1.08 * Math.max(0.05, ...values.filter((value) => value !== null));
  const x = (nm) => EDGE.left + ((nm - FROM) / (TO - FROM)) * (WIDTH - EDGE.left - EDGE.right);
  const y = (value) => HEIGHT - EDGE.bottom - (Math.max(0, value) / top) * (HEIGHT - EDGE.top - EDGE.bottom);
  const svg = element("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": "Reflectance by wavelength, before and after" });
  for (let tick = 0; tick <= top; tick += step(top)) {
    svg.append(element("line", { class: "axis", x1: EDGE.left, x2: WIDTH - EDGE.right, y1: y(tick), y2: y(tick) }));
    svg.append(element("text", { x: EDGE.left - 6, y: y(tick) + 4, "text-anchor": "end" }, tick.toFixed(step(top) < 0.1 ? 2 : 1)));
  }
  for (const tick of TICKS) svg.append(element("text", { x: x(tick), y: HEIGHT - 16, "text-anchor": "middle" }, tick));
  svg.append(element("text", { x: WIDTH - EDGE.right, y: HEIGHT - 4, "text-anchor": "end" }, "wavelength, nm"));
  const after = bands.filter((one) => one.after !== null);
  const sure = after.filter((one) => one.sigma !== null);
  if (sure.length > 1) {
    const upper = sure.map((one) => `${x(one.wavelength)},${y(one.after + one.sigma)}`);
    const lower = sure.map((one) => `${x(one.wavelength)},${y(one.after - one.sigma)}`).reverse();
    svg.append(element("polygon", { class: "band", points: [...upper, ...lower].join(" ") }));
  }
  for (const [name, shown] of [["before", bands.filter((one) => one.before !== null)], ["after", after]]) {
    svg.append(element("polyline", { class: name, points: shown.map((one) => `${x(one.wavelength)},${y(one[name])}`).join(" ") }));
    for (const one of shown) svg.append(element("circle", { class: name, cx: x(one.wavelength), cy: y(one[name]), r: 2.5 }));
  }
  svg.append(element("text", { class: "before", x: EDGE.left, y: 12 }, "┄ before"));
  svg.append(element("text", { class: "after", x: EDGE.left + 64, y: 12 }, "━ after, with ±1σ"));
  return svg;
}

/** Rows of the table of `spectrum`. */
export function tabulate(spectrum) {
  return spectrum.map((one) => {
    const row = document.createElement("tr");
    for (const text of [one.band, one.wavelength, digits(one.before), digits(one.after), digits(one.sigma)]) {
      row.append(Object.assign(document.createElement("td"), { textContent: text }));
    }
    return row;
  });
}
