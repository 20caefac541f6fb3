// Several images as a film: playing, the slider, the scores of the classes over time,
// and which evidence is shown. Loaded when a film is opened.

import { made } from "./dom.js";
import { nameOf, percent } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const MOST_LINES = 5; // classes in the chart
const WIDTH = 400; // of the chart, in its own units
const HEIGHT = 100;

const root = document.getElementById("film");
let host = null; // what app.js lets us know and do
let timer = null; // while it plays
let lines = []; // the classes in the chart, as entries
let drawn = null; // what the choices and lines were made for

await new Promise((resolve) => {
  const style = document.createElement("link");
  style.rel = "stylesheet";
  style.href = "film.css";
  style.onload = style.onerror = resolve;
  document.head.append(style);
});

// ---- what is given ----

const byName = new Intl.Collator("en", { numeric: true });

/** The files of folders that were dropped, and of those in them, by name. */
export async function filesIn(folders) {
  const files = [];
  for (const folder of folders) {
    const reader = folder.createReader();
    const entries = [];
    for (let some; (some = await new Promise((...done) => reader.readEntries(...done))).length; ) entries.push(...some);
    entries.sort((a, b) => byName.compare(a.name, b.name));
    const shown = entries.filter(({ name }) => !name.startsWith("."));
    files.push(...(await Promise.all(shown.filter((one) => one.isFile).map((one) => new Promise((...done) => one.file(...done))))));
    files.push(...(await filesIn(shown.filter((one) => one.isDirectory))));
  }
  return files.filter(({ name }) => /\.(jpe?g|png|webp|gif|bmp|avif)$/i.test(name));
}

/** The film that the service offers, as images that are fetched one by one. */
export async function offered(get) {
  const { frames } = JSON.parse(await get("film", {}));
  return frames.map(({ name }, frame) => ({
    name,
    frame,
    load: async (signal) => new File([await get("film", { frame }, { signal, picture: true })], name),
  }));
}

// ---- the chart ----

function mark(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const pair of Object.entries(attributes)) element.setAttribute(...pair);
  return element;
}

const entryIn = (item, index) => item.answer?.classes.find((entry) => entry.index === index);

/** The classes that are listed most confidently in any frame, best first; by index if
 *  there are few, so that they stay where they are. */
function linesOf(items) {
  const best = new Map();
  for (const { answer } of items)
    for (const entry of answer?.classes ?? [])
      if (!(best.get(entry.index)?.score >= entry.score)) best.set(entry.index, entry);
  const all = [...best.values()].sort((a, b) => b.score - a.score).slice(0, MOST_LINES);
  return best.size <= MOST_LINES ? all.sort((a, b) => a.index - b.index) : all;
}

const xOf = (i, count) => (count > 1 ? (i / (count - 1)) * WIDTH : 0);

/** The line of a class, with gaps where it is not listed. */
function pathOf(items, index) {
  let joined = false;
  return items.map((item, i) => {
    const score = entryIn(item, index)?.score;
    const step = score === undefined ? "" : `${joined ? "L" : "M"}${xOf(i, items.length).toFixed(1)} ${(HEIGHT * (1 - score)).toFixed(1)}`;
    joined = score !== undefined;
    return step;
  }).join("") || "M0 0";
}

const chart = mark("svg", { viewBox: `0 -4 ${WIDTH} ${HEIGHT + 8}`, preserveAspectRatio: "none", role: "img" });
const paths = mark("g", {});
const now = mark("path", { class: "at" });
chart.append(paths, now);

const scoresOf = (item) =>
  lines.map((line) => [line, entryIn(item, line.index)]).map(([line, entry]) => `${nameOf(line)} ${entry ? percent(entry.score) : "not listed"}`).join(", ");

function drawLines(items) {
  paths.replaceChildren(...lines.map(({ index }, i) => mark("path", { class: `line line-${i}`, d: pathOf(items, index) })));
}

/** Shows the frame at a place of the chart. */
function seek(event) {
  const { left, width } = chart.getBoundingClientRect();
  const last = host.items().length - 1;
  go(Math.round(Math.min(1, Math.max(0, (event.clientX - left) / width)) * last));
}

chart.addEventListener("pointerdown", (event) => {
  chart.setPointerCapture(event.pointerId);
  seek(event);
});
chart.addEventListener("pointermove", (event) => event.buttons && seek(event));

// ---- playing ----

const play = made("button", "", "Play");
const slider = made("input");
const rate = made("select", "", ...[2, 5, 10, 25].map((count) => new Option(`${count} frames/s`, count, count === 10, count === 10)));
const at = made("output", "small");
play.type = "button";
slider.type = "range";
slider.min = 0;
slider.ariaLabel = "Frame";
rate.ariaLabel = "Speed";

export function stopFilm() {
  clearTimeout(timer);
  timer = null;
  play.textContent = "Play";
}

/** Shows a frame, and is silent about it. */
function go(i) {
  if (host.items()[i] && i !== host.at()) host.show(i);
}

/** Shows the next frame when it is due, if it has been answered by then. */
function tick(due) {
  const items = host.items();
  const next = host.at() + 1;
  if (next >= items.length) return stopFilm();
  if (items[next].answer || items[next].error) go(next);
  const then = Math.max(due + 1000 / rate.value, performance.now());
  timer = setTimeout(tick, then - performance.now(), then);
}

function playOrStop() {
  if (timer) return stopFilm();
  if (host.at() >= host.items().length - 1) go(0);
  play.textContent = "Pause";
  const due = performance.now() + 1000 / rate.value;
  timer = setTimeout(tick, 1000 / rate.value, due);
}

play.addEventListener("click", playOrStop);
slider.addEventListener("input", () => go(Number(slider.value)));
slider.addEventListener("keydown", (event) => {
  if (event.key !== " ") return;
  event.preventDefault();
  playOrStop();
});
document.addEventListener("visibilitychange", () => document.hidden && stopFilm());

// ---- which evidence ----

const shown = made("select");
const minus = made("select");
for (const choice of [shown, minus])
  choice.addEventListener("change", () => {
    const index = (text) => (text === "" ? null : Number(text));
    host.choose(index(shown.value), index(minus.value));
  });

const legend = made("ul", "legend");

function keyOf(line, i) {
  const swatch = mark("svg", { viewBox: "0 0 24 8", "aria-hidden": "true" });
  swatch.append(mark("path", { class: `line line-${i}`, d: "M0 4H24" }));
  return made("li", "", swatch, made("span", "", nameOf(line)), made("output"));
}

/** Makes choices and legend anew, for other classes. */
function listClasses() {
  const options = () => lines.map((line) => new Option(nameOf(line), line.index));
  shown.replaceChildren(new Option("the best class", ""), ...options());
  minus.replaceChildren(new Option("nothing", ""), ...options());
  legend.replaceChildren(...lines.map(keyOf));
}

// ---- all of it ----

/** Draws what there is of the film, as it is now. */
export function drawFilm() {
  if (root.hidden) return;
  const items = host.items();
  const item = items[host.at()];
  const answers = items.map(({ answer }) => answer);
  if (answers.length !== drawn?.length || answers.some((answer, i) => answer !== drawn[i])) {
    drawn = answers;
    const before = lines.map(({ index }) => index).join();
    lines = linesOf(items);
    if (lines.map(({ index }) => index).join() !== before) listClasses();
    drawLines(items);
  }
  const scores = item?.answer ? scoresOf(item) : "no answer yet";
  now.setAttribute("d", `M${xOf(host.at(), items.length)} -4V${HEIGHT + 4}`);
  slider.max = items.length - 1;
  slider.value = host.at();
  slider.setAttribute("aria-valuetext", `frame ${host.at() + 1} of ${items.length}: ${scores}`);
  chart.setAttribute("aria-label", `Scores over ${items.length} frames; at frame ${host.at() + 1}: ${scores}`);
  at.textContent = `${host.at() + 1} of ${items.length}`;
  [...legend.children].forEach((key, i) => {
    const entry = item && entryIn(item, lines[i].index);
    key.querySelector("output").textContent = entry ? percent(entry.score) : "–";
  });
  shown.value = host.chosen() ?? "";
  minus.value = host.versus() ?? "";
}

/** Opens it; `given` is what app.js lets us know and do. */
export function openFilm(given) {
  host = given;
  drawn = null;
  root.hidden = false;
  drawFilm();
}

export function closeFilm() {
  stopFilm();
  root.hidden = true;
}

function labelled(text, control) {
  return made("label", "", `${text} `, control);
}

root.replaceChildren(
  made("div", "row", play, slider, at, rate),
  chart,
  legend,
  made("p", "row small", labelled("Evidence for", shown), labelled("minus that for", minus)),
);
