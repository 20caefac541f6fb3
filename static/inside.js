// The inside view: the network as a list of its layers, each of which opens into its
// channels, and the classes, which open into theirs. There is one request at a time;
// those of a place that is left are given up.

import { made } from "./dom.js";
import { showClass } from "./inside_class.js";
import { showLayer } from "./inside_layer.js";
import { linksTo, linkTo, problemIn, titleOf } from "./inside_parts.js";
import { classAddress, layerAddress, placeOf } from "./place.js";
import { nameOf, percent } from "./words.js";

const root = document.getElementById("inside");
const TRIES = 3;

let page = null; // what app.js lets us ask and know
let shown = null; // {layer, index, model, item, answer}: what is looked at
let at = null; // {place, hash, move(channel)}: where in it; `move` when it is shown
let left = new AbortController(); // of the place that is shown
let last = Promise.resolve(); // the newest request, when it has ended
let ascent = null; // AbortController of the one that runs
let network = null; // {model, name, layers}
let announced = null; // the address that last got the focus

await new Promise((resolve) => {
  const style = document.createElement("link");
  style.rel = "stylesheet";
  style.href = "inside.css";
  style.onload = style.onerror = resolve;
  document.head.append(style);
});

/** Sends a request when the one before has ended, and ends a running ascent. `own`
 *  ends it before its place is left. */
function inTurn(send, own = null, long = null) {
  const signals = [left, own, long].filter(Boolean).map((one) => one.signal);
  const signal = AbortSignal.any(signals);
  ascent?.abort();
  ascent = long;
  const mine = last.then(() => {
    signal.throwIfAborted();
    return send(signal);
  });
  last = mine.catch(() => {});
  return mine;
}

/** Resolves when nothing is asked for, nor what follows from its answer. */
async function quiet() {
  for (let seen = null; seen !== last; ) {
    seen = last;
    await seen;
    await new Promise((resolve) => setTimeout(resolve));
  }
}

async function ascend(fields, { onLine, own, long }) {
  const { signal: mine } = left;
  await quiet(); // whatever is asked for later ends it
  mine.throwIfAborted();
  return inTurn((signal) => page.send("ascend", fields, { onLine, signal, tries: TRIES }), own, long);
}

/** What a place can ask: `own` and `long` are AbortControllers. */
const ask = {
  get: (path, options = {}, { own, ...more } = {}) => inTurn((signal) => page.get(path, options, { ...more, signal, tries: TRIES }), own),
  photo: (path, options, own) => inTurn((signal) => page.photo(shown.item, path, options, signal), own),
  channels: (entry, options) => inTurn((signal) => page.channels({ item: shown.item, chosen: entry }, options, signal)),
  ascend,
};

// ---- the list ----

const sizeText = ({ width, height }) => `${width} × ${height}`;

/** The columns: a title, whether a phone has room for it, and the text of a layer. */
const COLUMNS = [
  ["Made by", false, (layer) => layer.operation],
  ["Cells", true, sizeText],
  ["Channels", true, (layer) => String(layer.channels)],
  ["A cell sees", true, (layer) => (layer.field ? sizeText(layer.field) : "all")],
  ["One every", false, (layer) => (layer.stride ? sizeText(layer.stride) : "")],
];

function rowOf(layer) {
  const name = made("th", "", linkTo(layerAddress(layer.name), layer.name));
  name.scope = "row";
  return made("tr", "", name, ...COLUMNS.map(([, always, text]) => made("td", always ? "" : "wide", text(layer))));
}

function tableOf(layers) {
  const head = [["Layer", true], ...COLUMNS].map(([title, always]) => {
    const cell = made("th", always ? "" : "wide", title);
    cell.scope = "col";
    return cell;
  });
  return made("table", "", made("thead", "", made("tr", "", ...head)), made("tbody", "", ...layers.map(rowOf)));
}

/** The classes of the photo, as links. */
function classesOf(item) {
  if (!item?.answer) return [];
  const links = item.answer.classes.slice(0, item.listed).map((entry) => made("li", "", linkTo(classAddress(entry.index), `${nameOf(entry)}, ${percent(entry.score)}`)));
  return [made("h3", "", `What the classes in ${item.name} are made of`), made("ul", "row", ...links)];
}

function showList(place, { layers, item }) {
  const text = layers.length
    ? `The photo goes in at the top, and ${layers.length} layers compute from it, one after another, what the classes are made of. A layer is a stack of channels; each is a map of where it sees what it looks for. What a cell sees is in pixels of the network's input.`
    : "This network has no feature maps to look at.";
  root.replaceChildren(titleOf(`Inside ${network.name}`), made("p", "small", text), ...classesOf(item), made("h3", "", "Layers"), tableOf(layers));
}

// ---- places ----

/** The layers of the model; asked for once. */
async function layersOf(model) {
  if (network?.model !== model) {
    const { model: name, layers } = JSON.parse(await ask.get("model/layers"));
    network = { model, name, layers };
  }
  return network.layers;
}

function showWait() {
  root.replaceChildren(titleOf(`Inside ${network.name}`), made("p", "small", "The photo is being processed…"));
}

/** What shows a place: a function of it, and of what can be asked and is known. It
 *  may return one that moves to a channel of the same place. */
function partFor({ layer, index }, { item, answer, error }, layers) {
  if (layer === null && index === null) return showList;
  if (item && !answer && !error) return showWait;
  if (index !== null) return showClass;
  if (!layers.some(({ name }) => name === layer)) throw new Error(`There is no layer ${layer} in ${network.name}`);
  return showLayer;
}

/** Moves the focus to the heading of a place that is new, for the keyboard, and so that
 *  it is read aloud. */
function announce(hash) {
  if (hash === announced) return;
  announced = hash;
  (root.querySelector("section:not([hidden]) > h3[tabindex]") ?? root.querySelector("h2"))?.focus();
}

/** Shows what is looked at, where the newest address says when the layers are known. */
async function show() {
  const { signal } = left;
  try {
    const layers = await layersOf(shown.model);
    signal.throwIfAborted();
    at.move = partFor(at.place, shown, layers)(at.place, { root, ask, layers, item: shown.item });
    announce(at.hash);
  } catch (problem) {
    if (signal.aborted) return;
    problemIn(root, problem);
    root.prepend(linksTo(linkTo("#inside", "← All layers")));
    network = null;
    shown = null;
  }
}

/** Gives up what is asked for. */
function giveUp() {
  left.abort();
  left = new AbortController();
  shown = null;
}

export function leaveInside() {
  giveUp();
  announced = null;
}

/** Shows the place of an address, if it is not shown yet with this photo and model.
 *  `host` is what app.js lets us ask and know. */
export function showInside(hash, host) {
  page = host;
  const place = placeOf(hash);
  const item = page.item();
  const seen = { layer: place.layer, index: place.index, model: page.model(), item, answer: item?.answer, error: item?.error };
  if (shown && Object.entries(seen).every(([name, value]) => shown[name] === value)) {
    Object.assign(at, { place, hash });
    if (hash === announced || !at.move) return;
    at.move(place.channel);
    return announce(hash);
  }
  if (root.contains(document.activeElement)) announced = null; // the focus would be lost
  giveUp();
  shown = seen;
  at = { place, hash, move: null };
  root.replaceChildren(made("p", "small", "Asking…"));
  show();
}
