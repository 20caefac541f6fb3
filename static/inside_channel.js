// A channel from inside: where it is active in the photo, the photos that excite it
// most, and what it wants to see.

import { ascentOf } from "./ascent.js";
import { made } from "./dom.js";
import { heatOf, paint } from "./draw.js";
import { isLeft, pictureIn, problemIn } from "./inside_parts.js";
import { cellsOf, gridOf, upsample } from "./map.js";
import { number, percent } from "./words.js";

const OPACITY = 0.6;
const LONGEST = 640; // pixels of a map

/** Why the photo has no activations to look at, or "". */
export function photoLack(item) {
  if (!item) return "No photo is chosen: drop one anywhere, or choose one under “The photo”, to see what the network makes of it.";
  return item.error ? "There is no answer about the photo: see “The photo”." : "";
}

/** Draws a map over a photo: {width, height, values, region}. Values below 0 have a
 *  colour of their own. */
export function drawChannel(canvas, item, image, map, longest = LONGEST) {
  const cells = cellsOf(map);
  const grid = { ...upsample(cells, image, gridOf(image, longest)), image };
  const sides = cells.min < 0;
  canvas.width = grid.width;
  canvas.height = grid.height;
  paint(canvas, item.photo, heatOf(cells, grid, { colormap: "auto", smooth: true, sides, max: sides ? Math.max(cells.max, -cells.min) : cells.max }), OPACITY);
}

/** What is said of a channel's activations. */
export const factsOf = ({ mean, min, max, above_zero: share }) => `Mean ${number(mean)}, from ${number(min)} to ${number(max)}, above 0 in ${percent(share)} of the cells.`;

async function showActivations(section, channel, { find, item }) {
  const canvas = made("canvas", "photo");
  const facts = made("p", "small", "Asking…");
  section.append(facts);
  try {
    const { entry, image } = await find(channel);
    facts.textContent = factsOf(entry);
    drawChannel(canvas, item, image, entry);
    canvas.role = "img";
    canvas.ariaLabel = `Where channel ${channel} is active in ${item.name}`;
    section.prepend(canvas);
  } catch (problem) {
    problemIn(section, problem);
  }
}

/** The layers of the index of exemplars; null without one. */
const offered = (ask, own) =>
  ask.get("exemplars", {}, { own }).then(
    (text) => JSON.parse(text).layers,
    (problem) => {
      if (problem.status === 404) return null;
      throw problem;
    },
  );

const has = ({ channels }, channel) => (Array.isArray(channels) ? channels.includes(channel) : channel < channels);

/** Shows the photos that excite a channel most, where the service has an index. */
async function showExemplars(section, layer, channel, { ask, own }) {
  try {
    const index = (await offered(ask, own))?.find(({ layer: name }) => name === layer);
    if (!index || !has(index, channel)) return;
    const place = made("div", "sheet", "Asking…");
    section.append(made("h3", "", "Photos that excite it most"), place);
    section.hidden = false;
    try {
      const blob = await ask.get("exemplars", { layer, channel }, { own, picture: true });
      pictureIn(place, blob, `Crops of the photos that excite channel ${channel} most`);
    } catch (problem) {
      problemIn(place, problem);
    }
  } catch (problem) {
    if (isLeft(problem)) return;
    section.hidden = false;
    problemIn(section, problem);
  }
}

/** The sections of a channel. `find(channel)` resolves to its activations. */
export function channelParts(layer, channel, { ask, find, item, own }) {
  const seen = made("section");
  const exemplars = made("section");
  const lack = photoLack(item);
  const ascend = (fields, more) => ask.ascend(fields, { ...more, own });
  exemplars.hidden = true;
  if (lack) seen.append(made("p", "small", lack));
  else showActivations(seen, channel, { find, item });
  showExemplars(exemplars, layer, channel, { ask, own });
  return [seen, ascentOf({ layer, channel }, `channel ${channel}`, ascend), exemplars];
}
