// Computes class activation maps: upsampling, threshold and box, as the engine does
// it (engine/render/heatmap.c, engine/explain/box.c, engine/render/render.c). The arithmetic is that
// of 32-bit floats, so that a box here is the server's box to the pixel.

const f32 = Math.fround;
const BOX_GRID = 1024; // RENDER_BOX_GRID
const LEAST_SHARE = 0.001; // BOX_LEAST_SHARE

/** @typedef {{width: number, height: number, values: Float32Array, max: number,
 *   min: number, region: {x: number, y: number, width: number, height: number}}} Cells
 */

function extent(values) {
  let min = Infinity;
  let max = -Infinity;
  for (const v of values) {
    if (v < min) min = v;
    if (v > max) max = v;
  }
  return { min, max };
}

/** The values of a `map` of the response: rows of numbers (values=1), or little-endian
 *  floats in base64 (values=f32). What is not a number is 0. */
function valuesOf({ values }) {
  if (Array.isArray(values)) return Float32Array.from(values.flat(), (v) => v ?? 0);
  const view = new DataView(Uint8Array.from(atob(values), (c) => c.charCodeAt(0)).buffer);
  return Float32Array.from({ length: view.byteLength / 4 }, (_, i) => view.getFloat32(4 * i, true) || 0);
}

/** The cells of a `map` of the response; with `minus`, the difference of two. */
export function cellsOf(map, minus) {
  const values = valuesOf(map);
  if (minus) valuesOf(minus).forEach((v, i) => (values[i] -= v));
  return { width: map.width, height: map.height, values, region: map.region, ...extent(values) };
}

/** The value, or its distance from 0, that is drawn in full: the largest, or of a map
 *  of pixels, a few of which are many times all others, the 99.5th percentile. */
export function scaleOf(cells, { sides, pixels }) {
  const largest = sides ? Math.max(cells.max, -cells.min) : cells.max;
  if (!pixels) return largest;
  const sizes = cells.values.map(Math.abs).sort();
  return sizes[Math.ceil(0.995 * sizes.length) - 1] || sizes.at(-1);
}

/** The size of the grid for an image, with a longest side of at most `longest`. */
export function gridOf(image, longest = BOX_GRID) {
  const side = Math.max(image.width, image.height);
  const scale = side > longest ? longest / side : 1;
  return {
    width: Math.max(1, Math.floor(image.width * scale + 0.5)),
    height: Math.max(1, Math.floor(image.height * scale + 0.5)),
  };
}

/** The output pixels whose centres lie in a range, and the cells of each. */
function taps(start, length, size, cells) {
  const clamp = (edge) => Math.min(size, Math.max(0, Math.ceil(edge - 0.5)));
  const first = clamp(start);
  const stop = length > 0 ? clamp(start + length) : first;
  const list = [];
  for (let i = first; i < stop; i++) {
    const at = ((i + 0.5 - start) / length) * cells - 0.5;
    const cell = Math.min(Math.max(Math.floor(at), 0), cells - 1);
    const inside = at > 0 && at < cells - 1;
    list.push({ cell, next: inside ? cell + 1 : cell, share: inside ? f32(at - cell) : 0 });
  }
  return { first, list };
}

/** Bilinear between cell centres, constant beyond them, 0 outside the region. */
export function upsample(cells, image, grid) {
  const out = new Float32Array(grid.width * grid.height);
  const sx = grid.width / image.width;
  const sy = grid.height / image.height;
  const { region } = cells;
  const columns = taps(region.x * sx, region.width * sx, grid.width, cells.width);
  const rows = taps(region.y * sy, region.height * sy, grid.height, cells.height);
  const stretched = [];
  for (let y = 0; y < cells.height; y++)
    stretched.push(
      Float32Array.from(columns.list, (tap) => {
        const a = cells.values[y * cells.width + tap.cell];
        const b = cells.values[y * cells.width + tap.next];
        return f32(a + f32(tap.share * f32(b - a)));
      }),
    );
  rows.list.forEach((tap, i) => {
    const upper = stretched[tap.cell];
    const lower = stretched[tap.next];
    const at = (rows.first + i) * grid.width + columns.first;
    for (let x = 0; x < upper.length; x++)
      out[at + x] = f32(upper[x] + f32(tap.share * f32(lower[x] - upper[x])));
  });
  return { ...grid, values: out };
}

/** The 8-connected pieces above the threshold, in pixels of the grid. With sign -1,
 *  for negative values. */
function piecesOf(grid, threshold, sign) {
  const { width, height, values } = grid;
  let max = 0;
  for (const v of values) if (sign * v > max) max = sign * v;
  if (!(max > 0)) return [];
  const cut = f32(f32(threshold) * max);
  const pieces = [];
  const root = (i) => {
    while (pieces[i].parent !== i) i = pieces[i].parent = pieces[pieces[i].parent].parent;
    return i;
  };
  const merge = (i, j) => {
    let a = root(i);
    let b = root(j);
    if (a === b) return a;
    if (pieces[b].area > pieces[a].area) [a, b] = [b, a];
    const into = pieces[a];
    const from = pieces[b];
    into.area += from.area;
    into.mass += from.mass;
    into.start = Math.min(into.start, from.start);
    into.left = Math.min(into.left, from.left);
    into.right = Math.max(into.right, from.right);
    into.top = Math.min(into.top, from.top);
    into.bottom = Math.max(into.bottom, from.bottom);
    from.parent = a;
    return a;
  };
  let above = [];
  for (let y = 0; y < height; y++) {
    const runs = [];
    let a = 0;
    for (let x = 0; x < width; x++) {
      if (!(sign * values[y * width + x] > cut)) continue;
      const left = x;
      let mass = sign * values[y * width + x];
      while (x + 1 < width && sign * values[y * width + x + 1] > cut) mass += sign * values[y * width + ++x];
      let piece = pieces.length;
      pieces.push({
        parent: piece, area: x - left + 1, mass, start: y * width + left,
        left, right: x, top: y, bottom: y,
      });
      while (a < above.length && above[a].right + 1 < left) a++;
      for (let j = a; j < above.length && above[j].left <= x + 1; j++)
        piece = merge(piece, above[j].piece);
      runs.push({ left, right: x, piece });
    }
    above = runs;
  }
  return pieces.filter((p, i) => p.parent === i);
}

/** A piece in whole pixels of the image. */
function around(piece, grid, image) {
  const x = Math.floor((piece.left * image.width) / grid.width);
  const y = Math.floor((piece.top * image.height) / grid.height);
  return {
    x,
    y,
    width: Math.ceil(((piece.right + 1) * image.width) / grid.width) - x,
    height: Math.ceil(((piece.bottom + 1) * image.height) / grid.height) - y,
  };
}

/** The box by the rule of the paper, in whole pixels of the image, or null. `grid`
 *  is a map upsampled to the size of gridOf(image). */
export function boxOf(grid, image, threshold, sign = 1) {
  const [best] = piecesOf(grid, threshold, sign).sort((a, b) => b.area - a.area || a.start - b.start);
  return best ? around(best, grid, image) : null;
}

/** Up to `most` boxes by the rule of the paper, those with the most evidence first,
 *  each with its share of all positive values, without specks. */
export function boxesOf(grid, image, threshold, most) {
  const total = grid.values.reduce((sum, v) => sum + Math.max(0, v), 0);
  const best = piecesOf(grid, threshold, 1).sort((a, b) => b.mass - a.mass || a.start - b.start);
  const isListed = (piece, i) => i < most && (i === 0 || piece.mass >= LEAST_SHARE * total);
  return best.filter(isListed).map((piece) => ({ ...around(piece, grid, image), share: piece.mass / total }));
}

/** What is boxed in a view: {box, box2 (against), boxes (several), threshold}. The boxes
 *  of other rules than the paper's, and of a map that is not shown, are the service's. */
export function boxedIn({ cells, grid, image, chosen, versus, fixed }, threshold, most) {
  if (!cells) return { box: null, box2: null, boxes: [], threshold };
  if (fixed) return { box: chosen.box, box2: null, boxes: chosen.boxes ?? [], threshold: chosen.box?.threshold ?? 1 };
  return {
    box: boxOf(grid, image, threshold),
    box2: versus && boxOf(grid, image, threshold, -1),
    boxes: most > 1 ? boxesOf(grid, image, threshold, most) : [],
    threshold,
  };
}

/** The position of the largest value, in pixels of the image. */
export function peakOf(grid, image) {
  let at = 0;
  grid.values.forEach((v, i) => {
    if (v > grid.values[at]) at = i;
  });
  return {
    x: (((at % grid.width) + 0.5) / grid.width) * image.width,
    y: ((Math.floor(at / grid.width) + 0.5) / grid.height) * image.height,
    value: grid.values[at],
  };
}

/** The cell at a position in the image, and its value; null outside. */
export function cellAt(cells, x, y) {
  const { region } = cells;
  const column = Math.floor(((x - region.x) / region.width) * cells.width);
  const row = Math.floor(((y - region.y) / region.height) * cells.height);
  if (column < 0 || row < 0 || column >= cells.width || row >= cells.height) return null;
  return { column, row, value: cells.values[row * cells.width + column] };
}

/** The centre of a cell, in pixels of the image. */
export function centreOf(cells, column, row) {
  const { region } = cells;
  return {
    x: region.x + ((column + 0.5) / cells.width) * region.width,
    y: region.y + ((row + 0.5) / cells.height) * region.height,
  };
}
