// Evidence by channel: the parts that a logit is the sum of, each bar from where the
// one before ends. The photo shows the channel that is pointed at.

import { made } from "./dom.js";
import { number } from "./words.js";

const MOST = 8; // for the class, and as many against it

let current = null; // {key, view}: what the bars are of, or are asked for
let wanted = null; // asks the service for the channels of a view
let pointed = () => {}; // shows a channel, or null: the evidence again

const $ = (id) => document.getElementById(id);
const signed = (value) => `${value < 0 ? "−" : "+"}${number(Math.abs(value))}`;

/** All parts of the sum in the order of their bars: {name, value, channel}. */
function partsOf({ bias, list, rest, total }) {
  const of = (one) => ({ name: `channel ${one.channel}`, value: one.contribution, channel: one });
  const others = total - list.length;
  return [
    { name: "bias", value: bias },
    ...list.filter((one) => one.contribution > 0).map(of),
    ...(others > 0 ? [{ name: `${others} others`, value: rest }] : []),
    ...list.filter((one) => one.contribution < 0).map(of),
  ];
}

/** A bar from `from` on; `left` and `scale` turn values into shares of the width. */
function rowOf({ name, value, channel }, from, { left, scale, point, open }) {
  const row = document.createElement("li");
  const inside = made(channel ? "button" : "div", "part");
  const bar = made("span", "bar");
  const fill = made("span", value < 0 ? "against" : "for");
  fill.style.marginLeft = `${100 * (Math.min(from, from + value) - left) * scale}%`;
  fill.style.width = `${100 * Math.abs(value) * scale}%`;
  bar.append(fill);
  inside.append(made("span", "name", name), made("span", "share", signed(value)), bar);
  row.append(inside);
  if (!channel) return row;
  inside.title = `weight ${number(channel.weight)} × activation ${number(channel.activation)}`;
  for (const type of ["pointerenter", "focus"]) inside.addEventListener(type, () => point(channel));
  for (const type of ["pointerleave", "blur"]) inside.addEventListener(type, () => point(null));
  if (open) inside.addEventListener("click", () => open(channel));
  return row;
}

/** Draws the bars into a list. `point` is called with the channel that is pointed at,
 *  or null, and `open` with one that is chosen. */
export function barsIn(list, channels, point, open) {
  const parts = partsOf(channels);
  const ends = parts.reduce((sums, { value }) => [...sums, sums.at(-1) + value], [0]);
  const left = Math.min(...ends);
  const scale = 1 / (Math.max(...ends) - left || 1);
  list.replaceChildren(...parts.map((part, i) => rowOf(part, ends[i], { left, scale, point, open })));
}

/** What the bars add up to, in words. */
export const channelsText = (channels, sum) =>
  `Weight × mean activation of the last feature map's channels: together ${number(channels.check.found)}, ${sum}. Point at a bar to see its channel.`;

/** Asks for the channels of the view, unless they are there. */
async function update() {
  if (!$("channels").open || !current || current.asked) return;
  const mine = current;
  mine.asked = true;
  $("channels-list").replaceChildren();
  $("channels-text").textContent = "Asking…";
  try {
    const channels = await wanted(mine.view, { channels: MOST });
    if (mine !== current) return;
    barsIn($("channels-list"), channels, pointed);
    $("channels-text").textContent = channelsText(channels, mine.view.versus ? "the difference of the logits" : "the logit");
  } catch (problem) {
    if (mine === current) $("channels-text").textContent = problem.message;
  }
}

/** Shows the channels of a view when they are looked at. */
export function showChannels(view) {
  const same = current && ["item", "chosen", "versus"].every((part) => current.view[part] === view[part]);
  if (same && current.answer === view.item.answer) return;
  current = { view, answer: view.item.answer, asked: false };
  update();
}

/** `ask(view, options)` resolves to the channels of a view's class; `show` gets the one
 *  that is pointed at, or null. */
export function startChannels(ask, show) {
  wanted = ask;
  pointed = show;
  $("channels").addEventListener("toggle", update);
}
