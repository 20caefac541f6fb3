// The page: images in; classes, evidence and boxes out. One request returns the
// maps of all listed classes; everything else is computed here. All URLs are
// relative, so that the page works below any path prefix of a proxy.

import { ask, Problem } from "./ask.js";
import { showChannels, startChannels } from "./channels.js";
import { drawChart, heatOf, paint, paintMarks, paintScale, setBox, setBoxes } from "./draw.js";
import { explainedText } from "./explained.js";
import { boxRule, isPlain, kindOf, listHow, numBoxes, options as howOptions, readHow, startPickers, writeHow } from "./how.js";
import { boxedIn, cellAt, cellsOf, centreOf, gridOf, peakOf, scaleOf, upsample } from "./map.js";
import { palettes } from "./palettes.js";
import { addressesIn, fetchPicture, nameOfAddress } from "./given.js";
import { mapText, nameOf, number, percent, placeText, sentence } from "./words.js";
import { photoOf, prepare, thumbnail, webcam } from "./picture.js";

const $ = (id) => document.getElementById(id);

/** An item: {name, load, file, blob, photo, drawn, redraw, lying, thumb, sample, answer,
 *  text, listed, extra, error}. load(signal) fetches the file if there is none yet;
 *  the first `listed` classes of the answer are the best ones; `extra` has the
 *  entries of classes that were requested later, by index. */
const state = {
  items: [],
  at: -1,
  live: null, // AbortController of the webcam
  asking: new AbortController(), // of the current requests; new images abort it
  cancel: new AbortController(), // of the request that is shown to be cancelled
  chosen: null, // index of the selected class; null: the best one
  versus: null, // index of the class it is compared with
  named: new Set(), // indices of classes requested by name, which stay in the list
  models: [], // from GET /models; empty until it responds
  model: null, // the name in the link
  token: "",
  view: null, // what is on the canvas
};

/** The settings: links contain all of them, and changing one needs no request. */
const settings = {
  opacity: 0.5, threshold: 0.2, colormap: "auto", top: 5, // at most
  smooth: true, negative: false, "show-box": true, "show-peak": true,
};

const LENGTHS = [3, 5, 10, 16]; // of the list of classes

// ---- messages ----

function say(text, seen = true) {
  $("message").classList.toggle("hidden", !seen); // it is visible elsewhere
  $("message").textContent = text;
}

/** Announces the headline and the place to screen readers. */
function tell() {
  say(`${sentence($("headline").textContent)} ${placeText(state.view)}`, false);
}

let blamed = null; // the item that the error is about, if it is about one

function complain(problem, item = null) {
  blamed = item;
  $("error").hidden = !problem;
  $("again").hidden = !(problem && !problem.final && state.items[state.at]?.error);
  $("error").textContent = problem
    ? [sentence(problem.message), problem.advice, problem.id && `(${problem.id})`].filter(Boolean).join(" ")
    : "";
}

function showWait(problem, seconds) {
  const lost = problem.status === 0;
  $("offline").hidden = !lost;
  $("retry").hidden = false;
  $("retry").textContent = `${lost ? "No connection" : problem.message}; retrying in ${seconds} s.`;
}

/** Shows how much of a long request is done. */
function showPasses({ passes, of }) {
  if (!of) return; // the answer
  $("work").hidden = false;
  $("passes").textContent = `${passes} of ${of} passes`;
  $("progress").hidden = false;
  $("progress").value = passes / of;
}

function calm() {
  $("work").hidden = true;
  $("retry").hidden = true;
  $("offline").hidden = true;
  $("progress").hidden = true;
}

let tokenWanted = null;

/** Resolves when the user has entered a token; concurrent callers share it. */
function askToken(problem) {
  complain(problem);
  $("token-row").hidden = false;
  $("token").focus();
  tokenWanted ??= new Promise((resolve) => {
    $("token-use").onclick = () => {
      tokenWanted = null;
      state.token = $("token").value.trim();
      $("token").value = "";
      $("token-row").hidden = true;
      complain(null);
      resolve();
    };
  });
  return tokenWanted;
}
$("token").addEventListener("keydown", (event) => event.key === "Enter" && $("token-use").click());

// ---- asking ----

const MOST_MAPS = 16; // per response

/** The name of the selected model, or null: the default one. */
const modelName = () => $("model-choice")?.value ?? state.model;

/** Its number of classes; Infinity if unknown. */
function numClasses() {
  const { models } = state;
  return (models.find((model) => model.name === modelName()) ?? models[0])?.num_classes ?? Infinity;
}

/** The class of the chart: the selected one, or the best of the current image. */
const plotted = () => (state.chosen < numClasses() ? state.chosen : null) ?? state.items[state.at]?.answer?.classes[0].index ?? null;

/** The options of a request: a class by name, if given, the best classes, the
 *  selected ones, and, within the limit, the class of the chart. Where each class
 *  costs passes of its own, only what is looked at. */
function query(name) {
  const looked = [state.chosen, state.versus].filter((index) => index !== null && index < numClasses());
  if (!isPlain()) return { ...common(), top: settings.top, class: name === null ? looked : [name] };
  const classes = new Set(name === null ? looked : [name, ...looked]);
  const listed = Math.min(settings.top, MOST_MAPS - classes.size);
  if (plotted() !== null && listed + classes.size < MOST_MAPS) classes.add(plotted());
  return { ...common(), top: listed, class: [...classes, "top"] };
}

/** Options that return the plain image. */
const PHOTO = { heatmap: "overlay", alpha: 0, heatmap_size: 1280 };

/** What a request says of boxes besides howOptions(). */
const cut = () => (boxRule() === "paper" ? { threshold: settings.threshold } : {});

const common = () => ({ ...howOptions(), values: "f32", heatmap: "none", ...cut() });

function addressOf(options, path = "cam") {
  const parts = new URLSearchParams();
  for (const [name, value] of Object.entries(options)) for (const one of [value].flat()) parts.append(name, one);
  if (modelName()) parts.set("model", modelName());
  return parts.size ? `${path}?${parts}` : path;
}

const patience = {
  token: () => state.token,
  onToken: askToken,
  onWait: showWait,
  onProgress: (share) => {
    $("progress").hidden = share >= 1;
    $("progress").value = share;
  },
};

/** Posts an item; resolves to the text of the response. */
async function post(item, options, signal, path = "cam") {
  const send = () => {
    const form = new FormData();
    form.append("image", item.blob, item.name);
    const until = AbortSignal.any([signal, state.cancel.signal]);
    const onLine = path !== "cam" || isPlain() ? null : showPasses;
    return ask("POST", addressOf(options, path), form, { ...patience, signal: until, onLine, tries: state.live || path !== "cam" ? 3 : undefined });
  };
  try {
    return await send();
  } catch (problem) {
    if (![415, 422].includes(problem.status) || !item.redraw) throw problem;
    item.blob = await item.redraw(); // the browser could read it, so send its pixels
    item.redraw = null;
    return await send();
  } finally {
    calm();
  }
}

/** Ends the current request, and those of the images that wait. */
function cancel() {
  const stopped = Object.assign(new Error("Cancelled."), { name: "Cancelled" });
  state.cancel.abort(stopped);
  state.cancel = new AbortController();
  for (const item of state.items) if (!item.answer) item.error ??= stopped;
}

/** An answer with the map of a single class where those of several would be. */
function withMaps(said) {
  const entry = said.classes.find(({ index }) => index === said.class);
  if (entry && said.map?.values) entry.map ??= said.map;
  if (entry?.map) {
    entry.box ??= said.box;
    if (said.boxes) entry.boxes ??= said.boxes;
  }
  return said;
}

/** Requests an item, and a class by name; stores the answer in it, and the image
 *  to draw if the page has none. */
async function answer(item, signal, name = null) {
  const lacking = !item.photo || item.photo === item.lying;
  const options = { ...query(name), ...(lacking ? PHOTO : {}) };
  const text = await post(item, options, signal);
  signal.throwIfAborted();
  const said = withMaps(JSON.parse(text));
  const picture = said.heatmap;
  if (picture) said.heatmap = null; // large, and only for the page
  if (lacking) {
    item.photo = (picture && (await photoOf(picture))) || item.lying || null;
    item.thumb = thumbnail(item.photo);
    signal.throwIfAborted();
  }
  Object.assign(item, { text: picture ? JSON.stringify(said) : text, answer: said, listed: options.top, extra: new Map(), error: null });
}

/** Reads the file of an item, and requests it. */
async function lookAt(item, signal) {
  item.file ??= await item.load(signal);
  if (!item.blob) {
    Object.assign(item, await prepare(item.file, $("original").checked));
    item.thumb = thumbnail(item.photo);
  }
  await answer(item, signal);
}

let working = false;

/** Processes the items that have no answer yet, one at a time. */
async function work() {
  if (working) return;
  working = true;
  for (let item; (item = state.items.find((one) => !one.answer && !one.error)); ) {
    const { signal } = state.asking;
    const left = state.items.filter((one) => !one.answer && !one.error).length;
    say(left > 1 ? `Processing ${item.name}, ${left - 1} more…` : "Processing…");
    try {
      await lookAt(item, signal);
    } catch (error) {
      if (!signal.aborted) item.error = error;
    }
    if (signal.aborted) continue; // new images, or another model
    if (state.items[state.at] === item || state.at < 0) showAnswered(Math.max(0, state.items.indexOf(item)));
    showStrip();
    drawOverTime();
  }
  working = false;
  showAnswered(state.at);
}

/** The first class that an item lacks: that of the chart, or for the current item
 *  the one that it is compared with. The current item needs their maps too. */
function missing(item) {
  if (!item.answer) return undefined;
  const current = item === state.items[state.at];
  return [plotted(), current ? state.versus : null].find((index) => {
    const entry = index === null ? null : entryOf(item, index);
    if (entry === undefined) return !item.extra.has(index);
    return entry !== null && current && item.answer.method && entry.map === undefined;
  });
}

/** Adds what is known of a class to its entry; null: it cannot be had. */
function keep(item, index, found) {
  const entry = entryOf(item, index);
  if (entry) Object.assign(entry, found);
  else item.extra.set(index, found);
}

/** Asks an item for the class that it lacks, when what is looked at has been
 *  painted. What cannot be had is not asked for again. */
async function askMissing(item, signal) {
  const index = missing(item);
  try {
    await new Promise((resolve) => setTimeout(resolve, 50));
    signal.throwIfAborted();
    const whole = isPlain() || item === state.items[state.at]; // with the map
    const options = whole ? common() : { heatmap: "none" };
    const { classes, map, box, boxes } = JSON.parse(await post(item, { ...options, top: 1, class: index }, signal));
    signal.throwIfAborted();
    keep(item, index, { ...classes.find((entry) => entry.index === index), map: whole ? map : undefined, box, boxes });
  } catch (problem) {
    if (!signal.aborted) keep(item, index, entryOf(item, index) ? { map: null, why: problem.message } : null);
  }
}

let filling = false;

/** Requests the score of the chart's class for all items, one at a time, beginning
 *  with the current one. */
async function fill() {
  if (working || filling || filming) return;
  filling = true;
  for (let item; !working && !filming; ) {
    const { signal } = state.asking;
    item = [state.items[state.at], ...state.items].find((one) => one && missing(one) !== undefined);
    if (!item) break;
    await askMissing(item, signal);
    if (signal.aborted) continue;
    if (item === state.items[state.at]) draw();
    else drawOverTime();
  }
  filling = false;
}

/** Aborts all requests and waits of the current images. */
function leave() {
  state.asking.abort();
  state.asking = new AbortController();
}

/** Takes images, as files or {name, load}; several become a film strip. */
function take(pictures) {
  if (pictures[0]?.sample !== EXAMPLE) $("example").hidden = true;
  stopLive();
  leave();
  setFilm(false);
  state.items = pictures;
  state.at = 0;
  state.chosen = state.keep ?? null;
  state.versus = state.keepVersus ?? null;
  state.keep = state.keepVersus = null;
  state.named.clear();
  complain(null);
  work();
}

const itemsOf = (files) => [...files].map((file) => ({ name: file.name || "picture", file }));

function takeSample(name) {
  take([{ name, sample: name, load: (signal) => fetchPicture(`samples/${encodeURIComponent(name)}`, signal) }]);
}

/** Takes what was dropped or pasted: files, or URLs of images. */
function takeGiven(transfer, done) {
  const folders = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter((entry) => entry?.isDirectory);
  if (folders.length) return takeFolders(folders);
  if (transfer.files.length) return take(itemsOf(transfer.files));
  const addresses = addressesIn(transfer);
  if (addresses.length) return take(addresses.map((address) => ({ name: nameOfAddress(address), load: (signal) => fetchPicture(address, signal) })));
  complain({ message: `The ${done} content is neither an image nor the URL of one.`, final: true });
}

/** Requests the same images again, for other classes or another model. */
function askAgain() {
  leave();
  complain(null);
  for (const item of state.items) item.answer = item.error = null;
  work();
}

// ---- the webcam: one request in flight, the newest frame next ----

let filming = null; // the AbortController of the webcam, until it has stopped

/** Stops the webcam; its frames stay in the strip. */
function stopLive() {
  if (!state.live) return;
  state.live.abort();
  state.live = null;
  $("webcam").setAttribute("aria-pressed", "false");
  $("fps").hidden = true;
  say("Webcam stopped.");
  show(state.at);
}

async function startLive() {
  const live = new AbortController();
  const times = [];
  let count = 0;
  stopLive();
  leave();
  setFilm(false);
  state.live = filming = live;
  state.items = [];
  state.at = -1;
  state.chosen = state.versus = null;
  state.named.clear();
  $("webcam").setAttribute("aria-pressed", "true");
  complain(null);
  say("Webcam live.");
  try {
    await webcam(live.signal, async (frame) => {
      const item = { name: `frame ${++count}.jpg`, ...frame, thumb: thumbnail(frame.photo) };
      await answer(item, live.signal);
      state.items = [...state.items.slice(-99), item];
      for (const old of state.items.slice(-2, -1)) old.photo = old.thumb; // saves memory
      times.push(performance.now());
      if (times.length > 10) times.shift();
      const seconds = (times.at(-1) - times[0]) / 1000;
      $("fps").hidden = false;
      $("fps").textContent = seconds > 0 ? `${((times.length - 1) / seconds).toFixed(1)} frames/s` : "…";
      show(state.items.length - 1);
    });
  } catch (error) {
    if (state.live === live) stopLive();
    if (error.name !== "AbortError") complain(error);
  }
  if (filming !== live) return;
  filming = null;
  fill();
}

// ---- showing ----

function entryOf(item, index) {
  return item.answer.classes.find((entry) => entry.index === index) ?? item.extra.get(index) ?? undefined;
}

/** The listed classes of a view: the best ones, and others that were requested. */
function listOf({ item, chosen, versus }) {
  const best = item.answer.classes.slice(0, item.listed);
  const others = [...item.answer.classes.slice(item.listed), ...item.extra.values()].filter(
    (entry) => entry && (entry === chosen || entry === versus || state.named.has(entry.index)),
  );
  return [...best, ...others];
}

/** The answer of an item as numbers: the selected map, its grid and its peak. */
function makeView(item) {
  const { answer: a } = item;
  const chosen = (state.chosen !== null && entryOf(item, state.chosen)) || a.classes[0];
  const refined = chosen.map?.kind === "object"; // to the object: likeness, which is no evidence to compare
  const versus = !refined && state.versus !== null && state.versus !== chosen.index ? entryOf(item, state.versus) : null;
  const view = { item, image: a.image, chosen, versus: versus || null, refined, cells: null };
  view.rule = versus ? "paper" : (chosen.box?.rule ?? boxRule()); // of a difference, the service knows no box
  view.fixed = view.rule !== "paper" || refined; // the box is the service's
  view.most = numBoxes();
  if (!chosen.map?.values || (versus && !versus.map?.values)) return view;
  view.cells = cellsOf(chosen.map, versus?.map);
  view.kind = kindOf(a, chosen.map);
  view.grid = { ...upsample(view.cells, a.image, gridOf(a.image)), image: a.image };
  view.peak = peakOf(view.grid, a.image);
  return view;
}

/** How the numbers of a view become colours. */
function styleOf(view) {
  const { smooth } = settings;
  const sides = Boolean(view.versus) || settings.negative;
  const colormap = settings.colormap === "auto" && view.kind.sides ? "signed" : settings.colormap;
  const max = scaleOf(view.cells, { ...view.kind, sides: sides || view.kind.sides });
  return { colormap, smooth, sides, signed: colormap === "signed", max };
}

function drawPicture() {
  const { view } = state;
  const canvas = $("canvas");
  const { photo } = view.item;
  const grid = gridOf(view.image, 1920);
  canvas.width = photo?.width || grid.width;
  canvas.height = photo?.height || grid.height;
  $("picture").style.setProperty("--ratio", view.image.width / view.image.height);
  $("frame").setAttribute("viewBox", `0 0 ${view.image.width} ${view.image.height}`);
  view.style = view.cells && styleOf(view);
  view.heat = view.cells && heatOf(view.cells, view.grid, view.style);
  paint(canvas, photo, view.heat, settings.opacity);
}

function drawMarks() {
  const { view } = state;
  const shown = settings["show-box"];
  Object.assign(view, boxedIn(view, settings.threshold, view.most));
  setBox($("box"), shown ? view.box : null);
  setBox($("box2"), shown ? view.box2 : null);
  setBoxes($("more"), shown ? view.boxes : []);
  showThreshold();
  const peak = settings["show-peak"] && view.cells && view.cells.max > 0 ? view.peak : null;
  $("peak").toggleAttribute("hidden", !peak);
  if (peak) {
    $("peak").setAttribute("cx", peak.x);
    $("peak").setAttribute("cy", peak.y);
    $("peak").setAttribute("r", Math.max(view.image.width, view.image.height) / 80);
  }
}

/** What the colours mean, in words. */
function scaleText(view, both) {
  const name = nameOf(view.chosen);
  if (view.refined) return `likeness to the object: ${name}`;
  if (view.versus) return `← ${nameOf(view.versus)} | ${name} →`;
  return both ? "against | for" : `evidence for ${name}`;
}

/** Shows the colours of a style and their range. */
function showScale(style, text) {
  const both = style.sides || style.signed;
  paintScale($("scale-bar"), style);
  $("scale-min").textContent = both ? number(-style.max) : "0";
  $("scale-mid").textContent = text;
  $("scale-max").textContent = number(style.max);
}

function drawScale() {
  const { view } = state;
  $("scale").hidden = !view.cells;
  if (!view.cells) return;
  const { style } = view;
  const both = style.sides || style.signed;
  showScale(style, scaleText(view, both));
  const share = Math.min(1, Math.max(0, (view.threshold * view.cells.max) / style.max)) || 0;
  $("scale-cut").hidden = (view.rule === "object") !== view.refined; // cuts another map
  $("scale-cut").style.left = `${100 * (both ? 0.5 + share / 2 : share)}%`;
}

function drawFacts() {
  const { view } = state;
  const { item } = view;
  const { image, timing_ms: t } = item.answer;
  const best = nameOf(view.chosen);
  $("headline").textContent = view.versus
    ? `Why ${best} and not ${nameOf(view.versus)}?`
    : `${best}, ${percent(view.chosen.score)}`;
  $("facts").textContent =
    `${placeText(view)} ${image.width} × ${image.height} ${image.format}${item.drawn ? ` drawn from ${item.drawn}` : ""}, ` +
    `decoded in ${t.decode.toFixed(1)} ms, classified in ${t.infer.toFixed(1)} ms.`;
  $("explained").textContent = explainedText(item.answer, view.chosen, view.chosen.map?.checks ?? item.answer.explanation?.checks, (index) => nameOf(entryOf(item, index) ?? { index }));
  $("class-inside").href = `#inside-class/${view.chosen.index}`;
  $("canvas").setAttribute("aria-label", `${view.item.name} with the evidence for ${best}. ${placeText(view)}`);
}

function button(className, label, pressed, act) {
  const made = document.createElement("button");
  made.className = className;
  made.setAttribute("aria-pressed", String(pressed));
  if (label) made.setAttribute("aria-label", label);
  made.addEventListener("click", act);
  return made;
}

function classRow(view, entry) {
  const row = document.createElement("li");
  const parts = ["name", "share", "bar"].map((name) => {
    const part = document.createElement("span");
    part.className = name;
    return part;
  });
  const fill = document.createElement("span");
  const show = button("show", "", entry === view.chosen, () => choose(entry.index, null));
  const compare = button("compare", `compare with ${nameOf(entry)}`, entry === view.versus, () =>
    choose(view.chosen.index, entry === view.versus ? null : entry.index),
  );
  parts[0].textContent = nameOf(entry);
  parts[1].textContent = percent(entry.score);
  fill.style.width = `${100 * entry.score}%`;
  parts[2].append(fill);
  show.append(...parts);
  show.dataset.index = compare.dataset.index = entry.index;
  compare.textContent = "vs";
  compare.disabled = entry === view.chosen || !view.cells || view.refined;
  row.append(show, compare);
  return row;
}

/** Draws the list, and restores the keyboard focus. */
function drawClasses() {
  const { view } = state;
  const focus = $("classes").contains(document.activeElement) && document.activeElement;
  const list = listOf(view);
  $("classes").replaceChildren(...list.map((entry) => classRow(view, entry)));
  $("hint").hidden = list.length < 2 || view.refined; // which is not compared
  $("apart").hidden = view.item.answer.exclusive !== false;
  $("another").hidden = list.length >= numClasses();
  if (focus) $("classes").querySelector(`.${focus.classList[0]}[data-index="${focus.dataset.index}"]`)?.focus();
}

function drawOverTime() {
  const { view, items } = state;
  if (!view) return;
  const index = plotted();
  const entries = items.map((item) => item.answer && entryOf(item, index));
  const count = entries.filter(Boolean).length; // of those in which it was looked for
  film?.drawFilm();
  $("over-time").hidden = count < 2 || !$("film").hidden;
  if ($("over-time").hidden) return;
  const scores = entries.map((entry) => entry?.score ?? null);
  const entry = entries.find(Boolean) ?? view.chosen;
  $("chart-title").textContent = `Score of ${nameOf(entry)}, image by image`;
  drawChart($("chart"), scores, state.at, state.live ? null : show);
}

/** Clears an outdated answer. */
function forget() {
  state.view = null;
  $("stage").hidden = $("answer").hidden = true;
  for (const id of ["headline", "facts", "classes"]) $(id).replaceChildren();
}

/** Draws everything about the current item. */
function draw() {
  const item = state.items[state.at];
  if (!item?.answer) return;
  $("result").classList.remove("waiting", "failed");
  state.view = makeView(item);
  $("result").hidden = $("stage").hidden = $("answer").hidden = false;
  document.body.classList.add("asked");
  drawPicture();
  drawMarks();
  drawScale();
  drawFacts();
  drawClasses();
  drawOverTime();
  readout(null);
  side?.keepSide(item);
  showChannels(state.view);
}

/** Asks for what the channels say of the class of a view. */
async function askChannels({ item, chosen, versus }, options, signal = state.asking.signal) {
  const { target, against } = versus ? { target: "margin", against: versus.index } : howOptions();
  const about = { ...options, values: "f32", heatmap: "none", top: 1, class: chosen.index, threshold: settings.threshold };
  if (target) about.target = target;
  if (against !== undefined) about.against = against;
  return JSON.parse(await post(item, about, signal)).channels;
}

/** Shows a channel's activations in place of the evidence; null: the evidence. */
function showChannel(channel) {
  const { view } = state;
  if (!view) return;
  if (!channel) {
    drawPicture();
    drawMarks();
    drawScale();
    return;
  }
  const cells = cellsOf(channel.map);
  const grid = { ...upsample(cells, view.image, gridOf(view.image)), image: view.image };
  const style = { colormap: settings.colormap === "signed" ? "auto" : settings.colormap, smooth: settings.smooth, max: cells.max };
  paint($("canvas"), view.item.photo, heatOf(cells, grid, style), settings.opacity);
  showScale(style, `channel ${channel.channel}`);
  $("scale-cut").hidden = true;
  setBox($("box"), channel.box);
  setBox($("box2"), null);
  setBoxes($("more"), []);
  $("peak").toggleAttribute("hidden", true);
}

let side = null; // the script of maps side by side, when one has been added
let loading = null; // it, once

/** Puts the map that is looked at beside the others. */
async function keepBeside() {
  const { view } = state;
  if (!view?.cells) return;
  const text = mapText(view);
  loading ??= import("./side.js").then((script) => {
    side = script;
    side.startSide(readout);
    showBeside();
  });
  await loading;
  say(side.addSide(text, view, view.style) ? `Added to side by side: ${text}.` : "This map is there already.");
}

const showBeside = () =>
  side?.drawSide({ opacity: settings.opacity, threshold: settings.threshold, box: settings["show-box"] });

/** Makes an item the current one; a film does so silently. An error that is shown goes
 *  away, unless it is to be kept. */
function show(at, silent = Boolean(state.live), kept = false) {
  const item = state.items[at];
  if (!item) return;
  state.at = at;
  if (item.error) {
    complain(item.error, item);
    say("");
    forget(); // shows no answer of another image or model with it
    $("result").hidden = state.items.length < 2 && $("how").hidden; // another method may work
    $("result").classList.remove("waiting");
    $("result").classList.add("failed");
    document.body.classList.add("asked");
  } else if (item.answer) {
    if (!kept) complain(null);
    draw();
    if (!silent) tell();
  }
  showStrip();
  fill();
  showPlace();
}

/** The same as an answer arrives: an error that is not about an image stays. */
const showAnswered = (at) => show(at, Boolean(state.live), blamed === null);

/** Retries the image that failed. */
function tryAgain() {
  state.items[state.at].error = null;
  complain(null);
  work();
}

function choose(index, versus) {
  state.chosen = index;
  state.versus = versus;
  draw();
  tell();
  fill();
}

function stripButton(item, i) {
  const made = document.createElement("button");
  const name = document.createElement("span");
  made.dataset.photo = i;
  made.setAttribute("aria-current", String(i === state.at));
  made.tabIndex = i === state.at ? 0 : -1;
  name.textContent = item.error ? "error" : item.answer ? nameOf(item.answer.classes[0]) : "…";
  made.title = item.name;
  made.append(item.thumb || document.createElement("canvas"), name);
  made.addEventListener("click", () => show(i));
  return made;
}

function showStrip() {
  const strip = $("strip");
  strip.hidden = state.items.length < 2 || Boolean(state.live);
  $("film-open").hidden = strip.hidden;
  if (strip.hidden) return;
  const focused = strip.contains(document.activeElement);
  strip.replaceChildren(...state.items.map(stripButton));
  const now = strip.children[state.at];
  if (focused) now?.focus();
  strip.scrollLeft = now?.offsetLeft - strip.clientWidth / 2;
}

// ---- reading values off the map ----

function readout(place) {
  const { view } = state;
  const cell = place && view?.cells && cellAt(view.cells, place.x, place.y);
  $("cell").toggleAttribute("hidden", !cell);
  side?.pointAt(view && place);
  $("readout").textContent = cell
    ? `${number(cell.value)} in cell ${cell.column + 1}, ${cell.row + 1} of ${view.cells.width} × ${view.cells.height}; pixel ${Math.round(place.x)}, ${Math.round(place.y)}`
    : "Point at the image, or use the arrow keys on it, to read values of the map.";
  if (!cell) return;
  const { region } = view.cells;
  setBox($("cell"), {
    x: region.x + (cell.column * region.width) / view.cells.width,
    y: region.y + (cell.row * region.height) / view.cells.height,
    width: region.width / view.cells.width,
    height: region.height / view.cells.height,
  });
  state.cell = cell;
}

$("canvas").addEventListener("pointermove", (event) => {
  const at = $("canvas").getBoundingClientRect();
  if (!state.view) return;
  readout({
    x: ((event.clientX - at.left) / at.width) * state.view.image.width,
    y: ((event.clientY - at.top) / at.height) * state.view.image.height,
  });
});
$("canvas").addEventListener("pointerleave", () => readout(null));
$("canvas").addEventListener("keydown", (event) => {
  const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  const cells = state.view?.cells;
  if (!step || !cells) return;
  event.preventDefault();
  const from = state.cell || { column: Math.floor(cells.width / 2), row: Math.floor(cells.height / 2) };
  const column = Math.min(cells.width - 1, Math.max(0, from.column + step[0]));
  const row = Math.min(cells.height - 1, Math.max(0, from.row + step[1]));
  readout(centreOf(cells, column, row));
  say($("readout").textContent, false);
});
$("strip").addEventListener("keydown", (event) => {
  const to = { ArrowLeft: state.at - 1, ArrowRight: state.at + 1, Home: 0, End: state.items.length - 1 }[event.key];
  if (to === undefined || !state.items[to]) return;
  event.preventDefault();
  show(to);
});

// ---- settings and links ----

/** Shows the lengths of the list that the model allows. */
function showLengths() {
  const count = numClasses();
  const fewer = LENGTHS.filter((length) => length < count);
  const all = count <= MOST_MAPS ? [new Option(`all ${count}`, count)] : [];
  $("top").replaceChildren(...fewer.map((length) => new Option(length)), ...all);
  $("top").value = Math.min(settings.top, count);
}

function showSettings() {
  for (const [name, value] of Object.entries(settings)) {
    if (typeof value === "boolean") $(name).checked = value;
    else if (name !== "top") $(name).value = value;
  }
  showLengths();
  showThreshold();
}

/** Shows the threshold, which only the rule of the paper leaves to the user. */
function showThreshold() {
  const { view } = state;
  const fixed = Boolean(view) && view.fixed;
  $("threshold").disabled = fixed;
  const share = `${Math.round(100 * (fixed ? view.threshold : settings.threshold))} %`;
  $("threshold-value").textContent = view?.rule === "object" && !view.refined ? "of object" : share; // of another map
}

function set(name, value) {
  settings[name] = name === "top" && value >= numClasses() ? MOST_MAPS : value; // all, for other models too
  showSettings();
  if (["opacity", "threshold", "show-box"].includes(name)) showBeside();
  if (!state.view) return;
  if (name === "opacity") return paint($("canvas"), state.view.item.photo, state.view.heat, value);
  if (name === "top") return askAgain();
  if (name !== "threshold" && !name.startsWith("show-")) drawPicture();
  drawMarks();
  drawScale();
  drawFacts();
}

// ---- a film: several images, one after another ----

let film = null; // its script, when one has been opened

const filmHost = {
  items: () => state.items,
  at: () => state.at,
  chosen: () => state.chosen,
  versus: () => state.versus,
  show: (at) => show(at, true),
  choose,
};

async function setFilm(on) {
  $("film-open").setAttribute("aria-expanded", String(on));
  $("film-open").textContent = on ? "Close the film" : "Show as a film";
  if (on) film ??= await import("./film.js");
  if (on) film.openFilm(filmHost);
  else film?.closeFilm();
  drawOverTime();
}

/** Takes the film that the service offers. */
async function takeOffered(at = 0) {
  film ??= await import("./film.js");
  try {
    take(await film.offered(host.get));
    state.at = Math.min(at, state.items.length - 1);
    setFilm(true);
  } catch (problem) {
    complain(problem);
  }
}

/** Takes the images in folders that were dropped, as a film. */
async function takeFolders(folders) {
  film ??= await import("./film.js");
  const files = await film.filesIn(folders);
  if (!files.length) return complain({ message: "There is no image in the folder.", final: true });
  take(itemsOf(files));
  setFilm(files.length > 1);
}

/** The settings and the classes, as a fragment; a sample is named in it. */
function fragment() {
  const parts = new URLSearchParams();
  const item = state.items[state.at];
  if (item?.sample) parts.set("sample", item.sample);
  if (item?.frame !== undefined) parts.set("film", item.frame);
  if ($("model-choice")?.selectedIndex > 0) parts.set("model", modelName());
  if (state.view && state.chosen !== null) parts.set("class", state.view.chosen.index);
  if (state.view?.versus) parts.set("vs", state.view.versus.index);
  for (const [name, value] of Object.entries(settings))
    if (value !== defaults[name] && (name !== "threshold" || state.view?.rule === "paper")) parts.set(name, Number(value));
  if (settings.colormap !== defaults.colormap) parts.set("colormap", settings.colormap);
  writeHow(parts);
  return parts;
}

const defaults = { ...settings };

const EXAMPLE = "chelsea.png"; // shown before the user has chosen

function readFragment() {
  fragmentRead = isInside() ? "" : location.hash;
  const parts = new URLSearchParams(location.hash.slice(1));
  const index = (name) => (/^\d{1,6}$/.test(parts.get(name) ?? "") ? Number(parts.get(name)) : null);
  for (const [name, value] of Object.entries(defaults)) {
    const text = parts.get(name);
    const given = Number(text);
    if (text === null) continue;
    if (name === "colormap") settings.colormap = palettes[text] ? text : value;
    else if (typeof value === "boolean") settings[name] = text === "1";
    else if (name === "top") settings.top = LENGTHS.includes(given) ? given : value;
    else if (given >= 0 && given <= 1) settings[name] = given;
  }
  state.keep = index("class");
  state.keepVersus = index("vs");
  const before = modelName();
  const did = JSON.stringify(howOptions());
  const sample = parts.get("sample") ?? (state.items.length || parts.has("film") ? null : EXAMPLE); // empty: none
  state.model = parts.get("model");
  chooseModel(state.model);
  readHow(parts);
  showSettings();
  showBeside();
  if (modelName() !== before && state.models.length) list();
  $("example").hidden = parts.has("sample") || !sample;
  if (parts.has("film")) takeOffered(index("film") ?? 0);
  else if (sample) takeSample(sample);
  else if (state.items.length && (modelName() !== before || JSON.stringify(howOptions()) !== did)) changeModel(false);
}

// ---- the inside view, which is another part of the page, and another script ----

/** What it can ask and know. */
const host = {
  model: modelName,
  item: () => state.items[state.at] ?? null,
  get: (path, options, more) => ask("GET", addressOf(options, path), null, { ...patience, ...more }).finally(calm),
  send: (path, fields, more) => {
    const form = new FormData();
    for (const pair of Object.entries(fields)) form.append(...pair);
    return ask("POST", addressOf({}, path), form, { ...patience, ...more }).finally(calm);
  },
  photo: (item, path, options, signal) => post(item, options, signal, path),
  channels: askChannels,
};

const isInside = () => /^#inside(-class)?([/&]|$)/.test(location.hash);

let inside = null; // its script, when it has been looked at
let fragmentRead = null; // by the first view

/** Shows what the address names. */
async function showPlace() {
  document.body.classList.toggle("inside", isInside());
  $("inside").hidden = !isInside();
  $("view-photo").href = fragmentRead || "#";
  for (const [id, on] of [["view-photo", !isInside()], ["view-inside", isInside()]])
    if (on) $(id).setAttribute("aria-current", "page");
    else $(id).removeAttribute("aria-current");
  if (!isInside()) return void inside?.leaveInside();
  inside ??= await import("./inside.js");
  if (isInside()) inside.showInside(location.hash, host);
}

/** Reads another address: the first view's again only if it is another one. */
function readAddress() {
  if (isInside()) stopLive();
  else if (location.hash !== fragmentRead) readFragment();
  showPlace();
}

// ---- saving and copying ----

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

async function copy(text, but) {
  try {
    await navigator.clipboard.writeText(text);
    say(["Copied.", but].filter(Boolean).join(" "));
  } catch {
    say(`Copy this: ${text}`); // the clipboard needs https
  }
}

/** Quotes for a shell. */
const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;

function curl() {
  const { view } = state;
  const options = new URLSearchParams({ ...howOptions(), class: view.chosen.index, ...cut(), colormap: settings.colormap, alpha: settings.opacity });
  if (modelName()) options.set("model", modelName());
  const address = new URL(`cam?${options}`, location.href);
  const token = state.token ? ' -H "Authorization: Bearer $TOKEN"' : "";
  return `curl${token} -F ${quote(`image=@${view.item.name}`)} ${quote(address.href)}`;
}

const stem = () => state.view.item.name.replace(/\.[^.]*$/, "");
const actions = {
  "download-png": () => {
    const { view } = state;
    const canvas = document.createElement("canvas");
    canvas.width = $("canvas").width;
    canvas.height = $("canvas").height;
    paint(canvas, view.item.photo, view.heat, settings.opacity);
    const boxes = settings["show-box"] ? [view.box, view.box2, ...view.boxes].filter(Boolean) : [];
    paintMarks(canvas, view.image, boxes, settings["show-peak"] && view.cells ? view.peak : null);
    canvas.toBlob((blob) => save(blob, `${stem()}-${view.chosen.index}.png`));
  },
  "download-json": () => save(new Blob([state.view.item.text], { type: "application/json" }), `${stem()}.json`),
  "copy-curl": () => copy(curl(), state.view.item.drawn && `Convert ${state.view.item.name} to JPEG, PNG or WebP first.`),
  "copy-link": () => {
    const link = new URL(location.href);
    link.hash = fragment();
    copy(link.href);
  },
  "other-show": () => {
    const name = $("other").value.trim();
    if (name && state.items.length) askAgainFor(name);
  },
};

/** Requests a class by its name, and shows it. */
async function askAgainFor(name) {
  const item = state.items[state.at];
  const { signal } = state.asking;
  try {
    await answer(item, signal, name);
    const index = item.answer.class; // the first one requested
    state.named.add(index);
    $("other").value = "";
    complain(null);
    choose(index, null);
  } catch (problem) {
    if (!signal.aborted) complain(problem);
  }
}

// ---- wiring ----

/** Fetches the lists that the pickers show. */
async function list(another = false) {
  const get = async (path) => JSON.parse(await ask("GET", addressOf({}, path), null, { token: () => state.token, onToken: askToken, tries: 1 }));
  await listHow(get, another);
  if (state.view) draw();
}

/** Requests the images again, in another way. */
function changeHow() {
  $("result").classList.add("waiting"); // the old answer is of another method
  if (!state.live) askAgain();
}

function changeModel(another = true) {
  $("result").classList.add("waiting"); // the old answer is of another model
  if (another) list(true);
  state.chosen = state.versus = null;
  state.named.clear();
  showLengths();
  if (state.live) startLive();
  else askAgain();
  showPlace();
}

/** Selects the model of a link, or the default one. */
function chooseModel(name) {
  const choice = $("model-choice");
  if (!choice) return;
  const at = state.models.findIndex((model) => model.name === name);
  choice.selectedIndex = Math.max(0, at);
}

async function showModels() {
  try {
    const { models, film: frames } = JSON.parse(await ask("GET", "models", null, { token: () => state.token, onToken: askToken, tries: 1 }));
    const texts = models.map((model) => `${model.name}, ${model.num_classes} ${model.num_classes === 1 ? "class" : "classes"}`);
    state.models = models;
    $("film-take").hidden = !frames;
    if (models.length === 1) $("model").append(texts[0]);
    else {
      const choice = document.createElement("select");
      choice.id = "model-choice";
      choice.append(...models.map((model, i) => new Option(texts[i], model.name)));
      choice.ariaLabel = "Model";
      choice.addEventListener("change", changeModel);
      $("model").replaceChildren(choice);
      chooseModel(state.model);
    }
    showLengths();
    if (state.view) drawClasses();
  } catch {
    // the page works without it
  }
}

startPickers(changeHow);
startChannels(askChannels, showChannel);
$("side-add").addEventListener("click", keepBeside);
$("film-open").addEventListener("click", () => setFilm($("film").hidden));
$("film-take").addEventListener("click", () => takeOffered());
$("cancel").addEventListener("click", cancel);
for (const [id, act] of Object.entries(actions)) $(id).addEventListener("click", act);
$("again").addEventListener("click", tryAgain);
$("other").addEventListener("keydown", (event) => event.key === "Enter" && $("other-show").click());
$("colormap").append(...[...new Set(["auto", ...Object.keys(palettes)])].map((name) => new Option(name)));
for (const [name, value] of Object.entries(settings)) {
  const control = $(name);
  control.addEventListener(control.type === "range" ? "input" : "change", () =>
    set(name, typeof value === "boolean" ? control.checked : typeof value === "number" ? Number(control.value) : control.value),
  );
}
for (const id of ["file", "camera"])
  $(id).addEventListener("change", ({ target }) => {
    if (target.files.length) take(itemsOf(target.files));
    target.value = ""; // so that the same file can be chosen again
  });
for (const sample of document.querySelectorAll("[data-sample]"))
  sample.addEventListener("click", () => takeSample(sample.dataset.sample));
/** Whether it is text for an input field, not for the page. */
const isForField = ({ target, clipboardData, dataTransfer }) =>
  target.matches?.('[type="text"], [type="password"]') && !(clipboardData ?? dataTransfer).types.includes("Files");

for (const type of ["dragover", "dragleave", "drop"])
  addEventListener(type, (event) => {
    document.body.classList.toggle("over", type === "dragover");
    if (isForField(event)) return;
    event.preventDefault();
    if (type === "drop") takeGiven(event.dataTransfer, "dropped");
  });
addEventListener("paste", (event) => {
  if (isForField(event)) return;
  event.preventDefault();
  takeGiven(event.clipboardData, "pasted");
});
$("webcam").addEventListener("click", () => (state.live ? stopLive() : startLive()));
document.addEventListener("visibilitychange", () => document.hidden && stopLive());
for (const type of ["online", "offline"])
  addEventListener(type, () => ($("offline").hidden = type === "online"));
addEventListener("hashchange", readAddress);

/** For the tests. */
window.wherefore = Object.freeze({
  answer: () => state.view?.item.answer ?? null,
  box: () => state.view?.box ?? null,
  photos: () => state.items.length,
});

// Which of a link's numbers are parameters, the list of methods says.
const link = new URLSearchParams(location.hash.slice(1));
state.model = link.get("model");
if (link.has("method")) await list();
readFragment();
showPlace();
await showModels();
list();
