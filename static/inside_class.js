// A class from inside: the channels that its logit is the sum of, and what it wants to
// see.

import { ascentOf } from "./ascent.js";
import { barsIn, channelsText } from "./channels.js";
import { made } from "./dom.js";
import { drawChannel, photoLack } from "./inside_channel.js";
import { linksTo, linkTo, problemIn, titleOf } from "./inside_parts.js";
import { layerAddress } from "./place.js";
import { nameOf } from "./words.js";

const MOST = 8; // channels for it, and as many against it

/** Its entry in the answer about a photo, or what is known without one. */
const entryIn = (item, index) => item?.answer?.classes.find((entry) => entry.index === index) ?? { index };

async function showParts(section, entry, { ask, layers, item }) {
  const lack = photoLack(item);
  if (lack) return void section.append(made("p", "small", lack));
  const said = made("p", "small", "Asking…");
  const list = made("ol", "parts");
  const canvas = made("canvas", "photo");
  const last = layers.find((layer) => layer.default);
  section.append(said, made("div", "pair", list, canvas));
  canvas.hidden = true;
  canvas.role = "img";
  list.ariaLabel = "Parts of the logit";
  try {
    const channels = await ask.channels(entry, { channels: MOST });
    const point = (channel) => {
      if (!channel) return;
      drawChannel(canvas, item, item.answer.image, channel.map);
      canvas.ariaLabel = `Where channel ${channel.channel} is active`;
      canvas.hidden = false;
    };
    said.textContent = `${channelsText(channels, "the logit")} Choose it to look at it in its layer.`;
    barsIn(list, channels, point, last && ((channel) => (location.hash = layerAddress(last.name, channel.channel))));
    point(channels.list[0]);
  } catch (problem) {
    problemIn(section, problem);
  }
}

/** Shows a class: {index}. */
export function showClass({ index }, { root, ask, layers, item }) {
  const entry = entryIn(item, index);
  const name = nameOf(entry);
  const parts = made("section", "", made("h3", "", "Channels that speak for it and against it"));
  root.replaceChildren(linksTo(linkTo("#inside", "← All layers")), titleOf(name), parts, ascentOf({ class: index }, name, ask.ascend));
  showParts(parts, entry, { ask, layers, item });
}
