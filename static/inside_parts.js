// Parts that all places of the inside view have.

import { made } from "./dom.js";
import { sentence } from "./words.js";

/** The heading of a place, which gets the focus, so that it is read aloud. */
export function titleOf(text) {
  const title = made("h2", "", text);
  title.tabIndex = -1;
  return title;
}

export function linkTo(address, ...inside) {
  const link = made("a", "", ...inside);
  link.href = address;
  return link;
}

/** Links to other places, those that there are. */
export function linksTo(...links) {
  const nav = made("nav", "row small", ...links.filter(Boolean));
  nav.ariaLabel = "Layers";
  return nav;
}

/** Whether a request was given up: nothing is to be said of it. */
export const isLeft = (problem) => problem.name === "AbortError";

/** A problem in words, where what was asked for would be. */
export function problemIn(element, problem) {
  if (isLeft(problem)) return;
  const text = made("p", "bad", [sentence(problem.message), problem.advice].filter(Boolean).join(" "));
  text.role = "alert";
  element.replaceChildren(text);
}

/** A picture of the service, in place of what is in an element. */
export function pictureIn(element, blob, alt) {
  const picture = document.createElement("img");
  picture.alt = alt;
  picture.src = URL.createObjectURL(blob);
  picture.addEventListener("load", () => URL.revokeObjectURL(picture.src));
  element.replaceChildren(picture);
}
