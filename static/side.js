// Side by side: up to four maps of one picture, of several methods or layers, in a
// grid. They have one zoom and one point; what is pointed at in one is in all.

import { made } from "./dom.js";
import { heatOf, paint, setBox, setBoxes } from "./draw.js";
import { boxedIn, cellAt } from "./map.js";

const SVG = "http://www.w3.org/2000/svg";
const MOST = 4;
const MOST_ZOOM = 8;

/** A panel: {text, view, style, canvas, box, more, most, cross, value, element}, of a view of app.js
 *  as it was when the panel was made. */
let panels = [];
let item = null; // whose maps they are
let zoom = { scale: 1, x: 0, y: 0 }; // x, y: the corner that is seen, in shares of the picture
let drawing = { opacity: 0.5, threshold: 0.2, box: true };
let pointed = () => {};

const $ = (id) => document.getElementById(id);
const within = (least, value, most) => Math.min(most, Math.max(least, value));

// ---- the zoom that all have ----

function move(scale, x, y) {
  const room = 1 - 1 / scale;
  zoom = { scale, x: within(0, x, room), y: within(0, y, room) };
  for (const { lens } of panels) lens.style.transform = `scale(${scale}) translate(${-100 * zoom.x}%, ${-100 * zoom.y}%)`;
  $("side-out").disabled = $("side-whole").disabled = scale === 1;
  $("side-grid").classList.toggle("zoomed", scale > 1); // a finger moves the maps then
  $("side-in").disabled = scale === MOST_ZOOM;
}

/** Zooms so that the place, in shares of what is seen, stays where it is. */
function zoomAt(factor, place = { x: 0.5, y: 0.5 }) {
  const scale = within(1, zoom.scale * factor, MOST_ZOOM);
  const stays = 1 / zoom.scale - 1 / scale;
  move(scale, zoom.x + place.x * stays, zoom.y + place.y * stays);
}

const KEYS = {
  "+": () => zoomAt(1.5),
  "=": () => zoomAt(1.5),
  "-": () => zoomAt(1 / 1.5),
  0: () => move(1, 0, 0),
  ArrowLeft: () => move(zoom.scale, zoom.x - 0.1 / zoom.scale, zoom.y),
  ArrowRight: () => move(zoom.scale, zoom.x + 0.1 / zoom.scale, zoom.y),
  ArrowUp: () => move(zoom.scale, zoom.x, zoom.y - 0.1 / zoom.scale),
  ArrowDown: () => move(zoom.scale, zoom.x, zoom.y + 0.1 / zoom.scale),
};

/** The place of a pointer, in shares of what is seen of a panel. */
function placeIn(frame, event) {
  const area = frame.getBoundingClientRect();
  return { x: (event.clientX - area.left) / area.width, y: (event.clientY - area.top) / area.height };
}

function listen(frame) {
  let from = null; // of a drag
  frame.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return; // scrolls the page
    event.preventDefault();
    zoomAt(event.deltaY < 0 ? 1.25 : 0.8, placeIn(frame, event));
  }, { passive: false });
  frame.addEventListener("dblclick", (event) => zoomAt(2, placeIn(frame, event)));
  frame.addEventListener("pointerdown", (event) => {
    if (zoom.scale === 1) return;
    from = { ...placeIn(frame, event), zoom };
    frame.setPointerCapture(event.pointerId);
  });
  for (const type of ["pointerup", "pointercancel"]) frame.addEventListener(type, () => (from = null));
  frame.addEventListener("pointermove", (event) => {
    const at = placeIn(frame, event);
    if (from) return move(zoom.scale, from.zoom.x + (from.x - at.x) / zoom.scale, from.zoom.y + (from.y - at.y) / zoom.scale);
    const { image } = panels[0].view;
    pointed({ x: (zoom.x + at.x / zoom.scale) * image.width, y: (zoom.y + at.y / zoom.scale) * image.height });
  });
  frame.addEventListener("pointerleave", () => pointed(null));
  frame.addEventListener("keydown", (event) => {
    const act = event.ctrlKey || event.metaKey || event.altKey ? null : KEYS[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
}

/** Marks a place of the image in all panels, and says what their maps are there. */
export function pointAt(place) {
  for (const { view, cross, value } of panels) {
    const cell = place && cellAt(view.cells, place.x, place.y);
    cross.toggleAttribute("hidden", !place);
    if (place) cross.setAttribute("d", `M${place.x} 0V${view.image.height}M0 ${place.y}H${view.image.width}`);
    value.textContent = cell ? cell.value.toPrecision(3) : "";
  }
}

// ---- the panels ----

function mark(name, className) {
  const element = document.createElementNS(SVG, name);
  element.setAttribute("class", className);
  return element;
}

function panelOf(text, view, style) {
  const panel = { text, view, style, most: view.most, element: made("figure", "panel"), lens: made("div", "lens"), canvas: document.createElement("canvas") };
  const frame = made("div", "frame");
  const caption = document.createElement("figcaption");
  const remove = made("button", "", "Remove");
  const svg = mark("svg", "");
  panel.box = mark("rect", "box");
  panel.more = mark("g", "");
  panel.cross = mark("path", "cross");
  panel.value = made("output", "");
  svg.setAttribute("viewBox", `0 0 ${view.image.width} ${view.image.height}`);
  svg.append(panel.box, panel.more, panel.cross);
  frame.tabIndex = 0;
  frame.role = "img";
  frame.ariaLabel = `${text}. Plus and minus zoom all maps, arrow keys move them.`;
  frame.style.setProperty("--ratio", view.image.width / view.image.height);
  remove.ariaLabel = `Remove ${text}`;
  remove.addEventListener("click", () => {
    panels = panels.filter((one) => one !== panel);
    show();
    (panels[0]?.element.querySelector("button") ?? $("side-add")).focus();
  });
  listen(frame);
  panel.lens.append(panel.canvas, svg);
  frame.append(panel.lens);
  caption.append(made("span", "", text), panel.value, remove);
  panel.element.append(frame, caption);
  return panel;
}

function drawPanel({ view, style, canvas, box, more, most }) {
  const { photo } = view.item;
  canvas.width = photo?.width || view.grid.width;
  canvas.height = photo?.height || view.grid.height;
  paint(canvas, photo, heatOf(view.cells, view.grid, style), drawing.opacity);
  const found = boxedIn(view, drawing.threshold, most);
  setBox(box, drawing.box ? found.box : null);
  setBoxes(more, drawing.box ? found.boxes : []);
}

function show() {
  $("side").hidden = panels.length === 0;
  $("side-grid").replaceChildren(...panels.map(({ element }) => element));
  $("side-add").disabled = panels.length === MOST;
  pointAt(null);
  move(zoom.scale, zoom.x, zoom.y);
}

/** Adds a view with a map, unless there is room for none or it is there. */
export function addSide(text, view, style) {
  if (panels.length === MOST || panels.some((panel) => panel.text === text)) return false;
  if (panels.length === 0) zoom = { scale: 1, x: 0, y: 0 };
  item = view.item;
  panels.push(panelOf(text, view, style));
  drawPanel(panels.at(-1));
  show();
  return true;
}

/** Draws all with other settings: {opacity, threshold, box}. */
export function drawSide(settings) {
  drawing = settings;
  panels.forEach(drawPanel);
}

/** Removes the maps of another picture. */
export function keepSide(current) {
  if (panels.length === 0 || item === current) return;
  panels = [];
  show();
}

/** Connects the controls; `point(place)` is called with what is pointed at. */
export function startSide(point) {
  pointed = point;
  $("side-in").addEventListener("click", () => zoomAt(1.5));
  $("side-out").addEventListener("click", () => zoomAt(1 / 1.5));
  $("side-whole").addEventListener("click", () => move(1, 0, 0));
}
