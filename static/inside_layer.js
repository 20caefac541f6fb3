// A layer from inside: its channels as maps over the photo, the most active ones first
// and a page at a time, its filters, and one channel that is looked at closely.

import { buttonOf, made } from "./dom.js";
import { channelParts, drawChannel, photoLack } from "./inside_channel.js";
import { linksTo, linkTo, pictureIn, problemIn, titleOf } from "./inside_parts.js";
import { layerAddress } from "./place.js";
import { number } from "./words.js";

const PAGE = 12; // channels at once
const RANKED = 256; // the most that the service puts in order
const TILE = 240; // pixels of a small map
const KERNEL = 40; // pixels of a filter

// ---- what is known of the channels ----

/** Asks for activations: the order of the channels once, and maps a page at a time. */
function activationsOf(layer, ask) {
  const known = new Map(); // entries with values, by channel
  let order = null;
  const post = async (options, own) => JSON.parse(await ask.photo("activations", { layer: layer.name, ...options }, own));
  const mapped = ({ region }, entry) => ({ ...entry, width: layer.width, height: layer.height, region });
  const fetched = async (list, own) => {
    const said = await post({ channels: list.join(","), values: "f32" }, own);
    for (const entry of said.channels) known.set(entry.index, { entry: mapped(said, entry), image: said.image });
  };
  return {
    /** The most active channels first, and those behind them by their number. */
    async ranked() {
      if (order) return order;
      const best = (await post({ top: Math.min(RANKED, layer.channels) })).channels.map(({ index }) => index);
      const among = new Set(best);
      const all = Array.from({ length: layer.channels }, (_, i) => i);
      order = [...best, ...all.filter((i) => !among.has(i))];
      return order;
    },
    /** The channels of a list: {entry, image}. */
    async some(list, own) {
      const lacking = list.filter((channel) => !known.has(channel));
      if (lacking.length) await fetched(lacking, own);
      return list.map((channel) => known.get(channel));
    },
  };
}

// ---- its channels ----

function tileOf(layer, item, { entry, image }) {
  const canvas = document.createElement("canvas");
  const tile = linkTo(layerAddress(layer.name, entry.index), canvas, made("span", "", `channel ${entry.index}`), made("span", "small", `mean ${number(entry.mean)}`));
  drawChannel(canvas, item, image, entry, TILE);
  tile.className = "tile";
  tile.dataset.channel = entry.index;
  return tile;
}

function mark(tiles, channel) {
  for (const tile of tiles.children) tile.ariaCurrent = String(tile.dataset?.channel === String(channel));
}

/** The number of a channel, to go to it. */
function pickerOf(layer) {
  const input = document.createElement("input");
  const form = made("form", "row");
  Object.assign(input, { type: "number", min: 0, max: layer.channels - 1, step: 1, required: true });
  form.append(made("label", "", "Channel ", input), made("button", "", "Look at it"));
  form.addEventListener("submit", (event) => {
    event.preventDefault(); // the policy allows no form to be sent
    location.hash = layerAddress(layer.name, Number(input.value));
  });
  return form;
}

const colourText = (entries) =>
  `${entries.some(({ entry }) => entry.min < 0) ? "Orange is above 0, and blue below" : "Red is where a channel is most active, and dark blue where it is not"}. Each map has a scale of its own.`;

/** The maps, a page at a time; `now()` is the channel that is looked at. */
function channelsPart(layer, { item, activations, now }) {
  const tiles = made("div", "tiles");
  const which = made("p", "small");
  const colours = made("p", "small");
  let first = 0;
  which.role = "status";
  const turn = async (from) => {
    const end = Math.min(layer.channels, from + PAGE);
    first = from;
    before.disabled = next.disabled = true;
    which.textContent = "Asking…";
    try {
      const list = (await activations.ranked()).slice(from, end);
      const entries = await activations.some(list);
      if (first !== from) return;
      tiles.replaceChildren(...entries.map((one) => tileOf(layer, item, one)));
      mark(tiles, now());
      colours.textContent = colourText(entries);
      which.textContent = `${from + 1} to ${end} of ${layer.channels}, ${from < RANKED ? "the most active first" : "by their number"}.`;
      before.disabled = from === 0;
      next.disabled = end === layer.channels;
    } catch (problem) {
      which.textContent = "";
      problemIn(tiles, problem);
    }
  };
  const before = buttonOf("Previous", () => turn(first - PAGE));
  const next = buttonOf("Next", () => turn(first + PAGE));
  turn(0);
  return { tiles, parts: [colours, made("div", "row", before, next, which), tiles] };
}

// ---- its filters ----

const filtersText = ({ convolution: c, dead, near_duplicates: near }) =>
  `${c.filters} filters of ${c.height} × ${c.width} × ${c.inputs}, the normalization folded in: ${dead} dead${near === null ? "" : `, ${near} nearly the same as another`}.`;

/** The filters, which are asked for when they are looked at. */
function filtersPart(layer, ask) {
  const place = made("div", "sheet");
  const text = made("p", "small");
  const part = made("details", "", made("summary", "", "Its filters"), text, place);
  let asked = false;
  place.tabIndex = 0; // scrolls
  place.role = "group";
  place.ariaLabel = "Filters";
  part.addEventListener("toggle", async () => {
    if (!part.open || asked) return;
    asked = true;
    text.textContent = "Asking…";
    try {
      text.textContent = filtersText(JSON.parse(await ask.get("filters", { layer: layer.name })));
      pictureIn(place, await ask.get("filters", { layer: layer.name, size: KERNEL }, { picture: true }), `The filters of ${layer.name}, each with its number`);
    } catch (problem) {
      text.textContent = "";
      asked = false;
      problemIn(place, problem);
    }
  });
  return part;
}

// ---- the layer ----

function factsOf(layer) {
  const { field, stride } = layer;
  const sees = field ? `sees ${field.width} × ${field.height} pixels of the network's input` : "sees the whole photo";
  const every = stride ? `, and there is one every ${stride.width} × ${stride.height}` : "";
  return `${layer.operation}${layer.module ? ` of ${layer.module}` : ""}: ${layer.channels} channels of ${layer.width} × ${layer.height} cells. A cell ${sees}${every}.`;
}

function neighbours(layer, layers) {
  const at = layers.indexOf(layer);
  const link = (other, mark) => other && linkTo(layerAddress(other.name), mark(other.name));
  return linksTo(
    linkTo("#inside", "← All layers"),
    link(layers[at - 1], (name) => `↑ ${name}`),
    link(layers[at + 1], (name) => `↓ ${name}`),
  );
}

/** Shows a layer; returns a function that shows another channel of it, or none. */
export function showLayer(place, { root, ask, layers, item }) {
  const layer = layers.find(({ name }) => name === place.layer);
  const activations = activationsOf(layer, ask);
  const panel = made("section", "channel");
  const lack = photoLack(item);
  let own = null; // of the channel that is looked at
  let now = place.channel;
  const channels = lack ? { parts: [made("p", "small", lack)] } : channelsPart(layer, { item, activations, now: () => now });
  const move = (channel) => {
    own?.abort();
    own = new AbortController();
    now = channel;
    if (channels.tiles) mark(channels.tiles, channel);
    panel.hidden = channel === null;
    if (channel === null) return;
    if (channel >= layer.channels) return problemIn(panel, new Error(`There are channels 0 to ${layer.channels - 1}`));
    const mine = own;
    const find = async (index) => (await activations.some([index], mine))[0];
    const title = made("h3", "", `Channel ${channel}`);
    title.tabIndex = -1;
    panel.replaceChildren(title, ...channelParts(layer.name, channel, { ask, find, item, own }));
  };
  const left = made("div", "", made("h3", "", lack ? "Channels" : `Channels in ${item.name}`), pickerOf(layer), ...channels.parts, filtersPart(layer, ask));
  root.replaceChildren(neighbours(layer, layers), titleOf(layer.name), made("p", "small", factsOf(layer)), made("div", "split", left, panel));
  move(place.channel);
  return move;
}
