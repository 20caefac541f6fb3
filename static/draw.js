// Draws maps in colour over an image, the colour scale, and the chart.

import { palettes } from "./palettes.js";

const SVG = "http://www.w3.org/2000/svg";
const WARM = [230, 81, 0]; // evidence for
const COOL = [25, 103, 210]; // evidence against, or for the other class

const within = (least, value, most) => Math.min(most, Math.max(least, value));
const plainLevel = (value, max) => (max > 0 ? within(0, Math.floor((255 * value) / max + 0.5), 255) : 0);
const signedLevel = (value, max) => Math.floor((max > 0 ? within(-127, (127 * value) / max, 127) : 0) + 128.5);

/** Writes the colour of a value. */
function shade(pixels, at, value, style) {
  if (style.sides) {
    const share = Math.min(1, Math.abs(value) / style.max);
    const colour = value < 0 ? COOL : WARM;
    pixels[at] = colour[0];
    pixels[at + 1] = colour[1];
    pixels[at + 2] = colour[2];
    pixels[at + 3] = 255 * Math.sqrt(share); // weak evidence stays visible
    return;
  }
  const level = style.signed ? signedLevel(value, style.max) : plainLevel(value, style.max);
  const palette = palettes[style.colormap];
  pixels[at] = palette[3 * level];
  pixels[at + 1] = palette[3 * level + 1];
  pixels[at + 2] = palette[3 * level + 2];
  pixels[at + 3] = 255;
}

function canvasOf(width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  return canvas;
}

/** A canvas with one pixel per value. */
function coloured(grid, style) {
  const canvas = canvasOf(grid.width, grid.height);
  const context = canvas.getContext("2d");
  const data = context.createImageData(grid.width, grid.height);
  for (let i = 0; i < grid.values.length; i++) shade(data.data, 4 * i, grid.values[i], style);
  context.putImageData(data, 0, 0);
  return canvas;
}

/** The colours of a map, to draw over an image. `style`: colormap, max, sides
 *  (negative values have their own colour), signed (the palette has 0 in its middle),
 *  smooth. */
export function heatOf(cells, grid, style) {
  if (style.smooth) return coloured(grid, style);
  const { region } = cells;
  const scale = { x: grid.width / grid.image.width, y: grid.height / grid.image.height };
  const canvas = coloured({ width: grid.width, height: grid.height, values: new Float32Array(grid.width * grid.height) }, style);
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.drawImage(coloured(cells, style), region.x * scale.x, region.y * scale.y, region.width * scale.x, region.height * scale.y);
  return canvas;
}

/** Paints the image (grey if the browser cannot show it) below the heatmap. */
export function paint(canvas, photo, heat, opacity) {
  const context = canvas.getContext("2d");
  context.globalAlpha = 1;
  context.fillStyle = "#808080";
  context.fillRect(0, 0, canvas.width, canvas.height);
  if (photo) context.drawImage(photo, 0, 0, canvas.width, canvas.height);
  if (!heat) return;
  context.globalAlpha = opacity;
  context.imageSmoothingQuality = "high";
  context.drawImage(heat, 0, 0, canvas.width, canvas.height);
  context.globalAlpha = 1;
}

/** Paints box and peak into the image, for saving. */
export function paintMarks(canvas, image, boxes, peak) {
  const context = canvas.getContext("2d");
  const s = canvas.width / image.width;
  const stroke = (width, colour, draw) => {
    context.lineWidth = width;
    context.strokeStyle = colour;
    context.beginPath();
    draw();
    context.stroke();
  };
  for (const mark of [
    ...boxes.map((b) => () => context.rect(b.x * s, b.y * s, b.width * s, b.height * s)),
    ...(peak ? [() => context.arc(peak.x * s, peak.y * s, 8, 0, 2 * Math.PI)] : []),
  ]) {
    stroke(5, "#000", mark);
    stroke(2.5, "#fff", mark);
  }
}

/** Paints the colour scale, from the least value at the left to the largest. */
export function paintScale(canvas, style) {
  const width = 256;
  const values = Float32Array.from({ length: width }, (_, i) =>
    style.sides || style.signed ? ((2 * i) / (width - 1) - 1) * style.max : (i / (width - 1)) * style.max,
  );
  canvas.width = width;
  canvas.height = 1;
  const context = canvas.getContext("2d");
  context.drawImage(coloured({ width, height: 1, values }, style), 0, 0);
}

export function setBox(element, box) {
  element.toggleAttribute("hidden", !box);
  for (const side of ["x", "y", "width", "height"]) element.setAttribute(side, box ? box[side] : 0);
}

/** Draws further boxes into a group. */
export function setBoxes(group, boxes) {
  group.replaceChildren(
    ...boxes.map((box) => {
      const made = document.createElementNS(SVG, "rect");
      made.setAttribute("class", "box more");
      setBox(made, box);
      return made;
    }),
  );
}

/** Draws a line of scores 0..1 (null: unknown) into an <svg>, at its size. */
export function drawChart(svg, scores, at, choose) {
  const { width, height } = svg.getBoundingClientRect();
  const x = (i) => 6 + (i / (scores.length - 1)) * (width - 12);
  const y = (score) => height - 6 - (height - 12) * score;
  const pieces = [];
  scores.forEach((score, i) => {
    if (score === null) return;
    const joined = i > 0 && scores[i - 1] !== null;
    pieces.push(`${joined ? "L" : "M"}${x(i).toFixed(1)} ${y(score).toFixed(1)}`);
  });
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("class", "line");
  line.setAttribute("d", pieces.join("") || "M0 0");
  const marks = scores.flatMap((score, i) => {
    if (score === null) return [];
    const dot = document.createElementNS(SVG, "circle");
    dot.setAttribute("cx", x(i));
    dot.setAttribute("cy", y(score));
    dot.setAttribute("r", i === at ? 4 : 2);
    dot.setAttribute("class", i === at ? "now" : "dot");
    if (choose) dot.addEventListener("click", () => choose(i));
    return [dot];
  });
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.replaceChildren(line, ...marks);
}
