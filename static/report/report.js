"use strict";
// Draws the report from the data in the page. Names are strangers' words: they only
// ever become text, never markup.

const report = JSON.parse(document.getElementById("data").textContent);
const $ = id => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
const MOST_COLUMNS = 30; // of a confusion matrix; more classes are a list of pairs
const MOST_PAIRS = 200;
const MOST_MAPS = 60; // of classes

const className = k => report.classes[k].name;
const percent = (share, digits = 1) => (share === null ? "–" : `${(100 * share).toFixed(digits)} %`);
const counted = (count, one, more = `${one}s`) => `${count} ${count === 1 ? one : more}`;
const bytesOf = text => Uint8Array.from(atob(text), letter => letter.charCodeAt(0));

function made(name, attributes = {}, ...inside) {
  const element = document.createElement(name);
  for (const key in attributes) element.setAttribute(key, attributes[key]);
  element.append(...inside);
  return element;
}

function drawn(name, attributes, ...inside) {
  const element = document.createElementNS(SVG, name);
  for (const key in attributes) element.setAttribute(key, attributes[key]);
  element.append(...inside);
  return element;
}

function buttonOf(text, act, attributes = {}) {
  const button = made("button", { type: "button", ...attributes }, text);
  button.addEventListener("click", act);
  return button;
}

// ---- maps ----

const palette = bytesOf(report.palette); // 256 times red, green, blue

/** What a map of levels (height, width) is at a point of it, in cells: bilinear
 *  between the cells' centres, and constant beyond the outermost. */
function levelAt(levels, x, y) {
  const { width, height } = report.evidence;
  const within = (value, most) => Math.min(Math.max(value, 0), most);
  const left = within(x - 0.5, width - 1), top = within(y - 0.5, height - 1);
  const x0 = Math.floor(left), y0 = Math.floor(top);
  const x1 = Math.min(x0 + 1, width - 1), y1 = Math.min(y0 + 1, height - 1);
  const row = at => levels[at * width + x0] * (1 - left + x0) + levels[at * width + x1] * (left - x0);
  return row(y0) * (1 - top + y0) + row(y1) * (top - y0);
}

/** Lays a map over what is on a canvas. `region`: which part of the canvas the map
 *  covers, in shares of its sides. */
function overlay(canvas, levels, region, opacity) {
  const context = canvas.getContext("2d");
  const image = context.getImageData(0, 0, canvas.width, canvas.height);
  const [left, top, across, down] = region;
  for (let y = 0, at = 0; y < canvas.height; y++)
    for (let x = 0; x < canvas.width; x++, at += 4) {
      const u = ((x + 0.5) / canvas.width - left) / across, v = ((y + 0.5) / canvas.height - top) / down;
      const outside = u < 0 || u > 1 || v < 0 || v > 1;
      const level = outside ? 0 : Math.round(levelAt(levels, u * report.evidence.width, v * report.evidence.height));
      for (let channel = 0; channel < 3; channel++)
        image.data[at + channel] = (1 - opacity) * image.data[at + channel] + opacity * palette[3 * level + channel];
      image.data[at + 3] = 255;
    }
  context.putImageData(image, 0, 0);
}

// ---- photos ----

const pictureOf = new Map(report.pictures.map(picture => [picture.photo, picture]));

async function paint(canvas, picture) {
  const of = $("map-of").value, opacity = Number($("opacity").value);
  const image = new Image();
  image.src = `data:image/webp;base64,${picture.webp}`;
  await image.decode();
  canvas.width = image.width;
  canvas.height = image.height;
  canvas.getContext("2d").drawImage(image, 0, 0);
  if (of !== "" && picture.maps) overlay(canvas, bytesOf(picture.maps[of]), picture.region, opacity);
  canvas.dataset.drawn = "yes";
}

function photoOf(picture) {
  const right = picture.class === picture.predicted;
  const taken = right
    ? [`${className(picture.class)}, ${percent(picture.certainty)} certain`]
    : [`${className(picture.class)}, `, made("span", { class: "wrong" }, `taken for ${className(picture.predicted)}`),
       ` (${percent(picture.certainty)}; its own class: ${percent(picture.probability)})`];
  const frame = made("div", { class: "frame" });
  if (picture.webp) {
    const words = `${picture.file}: ${className(picture.class)}${right ? "" : `, taken for ${className(picture.predicted)}`}`;
    const canvas = made("canvas", { role: "img", "aria-label": words });
    frame.append(canvas);
    paint(canvas, picture).catch(() => frame.replaceChildren("The picture cannot be shown."));
  } else frame.append("no picture");
  return made("li", {}, made("figure", {}, frame, made("figcaption", {}, ...taken, made("span", { class: "file" }, picture.file))));
}

let open = null; // what is shown: title, indices of photos, how many there are

function show(title, photos, count, pressed) {
  open = { title, photos, count };
  for (const button of document.querySelectorAll("[aria-pressed]")) button.setAttribute("aria-pressed", button === pressed);
  redraw();
  $("opened").focus({ preventScroll: true });
  $("opened").scrollIntoView({ block: "nearest" });
}

function redraw() {
  if (!open) return;
  const shown = open.photos.map(photo => pictureOf.get(photo)).filter(Boolean);
  $("opened").textContent = open.title;
  $("photos").replaceChildren(...shown.map(photoOf));
  $("unshown").textContent = shown.length < open.count
    ? `${shown.length} of ${open.count} are shown here; report.json names all of them.` : "";
}

for (const id of ["map-of", "opacity"]) $(id).addEventListener("input", redraw);

// ---- the confusion matrix ----

function openCell(from, to, count, button) {
  const photos = report.pictures.filter(p => p.counts && p.class === from && p.predicted === to)
    .sort((a, b) => (from === to ? 1 : -1) * (a.certainty - b.certainty)).map(p => p.photo);
  const title = from === to
    ? `${counted(count, "photo")} of ${className(from)}, recognized; the least certain first`
    : `${counted(count, "photo")} of ${className(from)}, taken for ${className(to)}`;
  show(title, photos, count, button);
}

function cellButton(from, to, count, text) {
  const words = `${counted(count, "photo")} of ${className(from)}, ${from === to ? "recognized" : `taken for ${className(to)}`}`;
  const button = buttonOf(text, () => openCell(from, to, count, button), { "aria-pressed": "false", "aria-label": words });
  return button;
}

function matrixOf() {
  const counts = new Map(report.confusion.map(([from, to, count]) => [`${from} ${to}`, count]));
  const head = made("tr", {}, made("td"), ...report.classes.map(c => made("th", { scope: "col", title: c.name }, made("span", {}, c.name))));
  const rows = report.classes.map((c, from) => {
    const row = made("tr", {}, made("th", { scope: "row", title: c.name }, c.name));
    report.classes.forEach((_, to) => {
      const count = counts.get(`${from} ${to}`) ?? 0;
      const cell = made("td", from === to ? { class: "right" } : {});
      if (count > 0) {
        const button = cellButton(from, to, count, String(count));
        button.style.setProperty("--share", count / c.photos);
        cell.append(button);
      } else cell.append(made("span", {}, "0"));
      row.append(cell);
    });
    return row;
  });
  const table = made("table", { id: "matrix" }, made("thead", {}, head), made("tbody", {}, ...rows));
  return made("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Confusion matrix" }, table);
}

/** The most frequent confusions, where there are too many classes for a matrix. */
function pairsOf() {
  const wrong = report.confusion.filter(([from, to]) => from !== to).sort((a, b) => b[2] - a[2]);
  const pairs = wrong.slice(0, MOST_PAIRS).map(([from, to, count]) =>
    made("li", {}, cellButton(from, to, count, `${className(from)} → ${className(to)}: ${count}`)));
  const more = wrong.length > MOST_PAIRS ? `${MOST_PAIRS} of ${wrong.length} pairs of classes:` : "";
  return made("div", {}, made("p", { class: "small" }, more), made("ul", { class: "pairs" }, ...pairs));
}

// ---- classes, evidence ----

function classTable() {
  const heads = ["Class", "Photos", "Recognized", "95 % interval", "Precision", "F1"];
  const head = made("tr", {}, ...heads.map((text, i) => made("th", i ? { scope: "col" } : { scope: "col", class: "text" }, text)));
  const rows = report.classes.map(c => {
    const bar = made("span", { class: "bar", "aria-hidden": "true" }, made("span"));
    bar.firstChild.style.width = percent(c.recall ?? 0);
    return made("tr", {}, made("th", { scope: "row" }, c.name), made("td", {}, String(c.photos)),
      made("td", {}, percent(c.recall), bar), made("td", {}, `${percent(c.low, 0)} to ${percent(c.high, 0)}`),
      made("td", {}, percent(c.precision)), made("td", {}, c.f1 === null ? "–" : c.f1.toFixed(3)));
  });
  return made("table", {}, made("thead", {}, head), made("tbody", {}, ...rows));
}

function evidenceOf(found) {
  const { width, height } = report.evidence;
  const most = Math.max(...found.map), canvas = made("canvas", { role: "img", "aria-label": `Mean map of ${className(found.class)}` });
  canvas.width = 16 * width;
  canvas.height = 16 * height;
  canvas.style.setProperty("--ratio", `${width} / ${height}`);
  overlay(canvas, found.map.map(value => (most > 0 ? Math.max(0, (255 * value) / most) : 0)), [0, 0, 1, 1], 1);
  const shares = [["border", found.border], ["outside the centre", found.outside_centre],
    ...["top left", "top right", "bottom left", "bottom right"].map((name, i) => [name, found.corners[i]])];
  const list = made("dl", {}, ...shares.flatMap(([name, share]) => [made("dt", {}, name), made("dd", {}, percent(share, 0))]));
  return made("figure", {}, canvas, made("figcaption", {}, made("strong", {}, className(found.class)), list));
}

function warningOf(warning) {
  const pictures = warning.photos.filter(photo => pictureOf.has(photo));
  const title = `Photos of ${className(warning.class)} that have it: the ${warning.words}; the clearest first`;
  const look = pictures.length > 0
    ? [buttonOf("Look at these photos", event => show(title, pictures, warning.marked, event.target), { "aria-pressed": "false" })] : [];
  return made("div", { class: "warning" }, made("p", {}, made("strong", {}, `${className(warning.class)}: `), warning.text), ...look);
}

// ---- curves ----

/** A plot of (x, y) in 0..1 with named ends. */
function plot(label, below, marks, ...inside) {
  const svg = drawn("svg", { viewBox: "-12 0 390 250", role: "img", "aria-label": label });
  for (const [share, text] of marks)
    svg.append(drawn("path", { class: "grid", d: `M40 ${210 - 200 * share}h310` }), drawn("text", { x: 34, y: 214 - 200 * share, "text-anchor": "end" }, text));
  svg.append(drawn("text", { x: 195, y: 245, "text-anchor": "middle" }, below), ...inside);
  return svg;
}
const at = (x, y) => `${(40 + 310 * x).toFixed(1)} ${(210 - 200 * y).toFixed(1)}`;
const tick = (x, text) => drawn("text", { x: 40 + 310 * x, y: 227, "text-anchor": "middle" }, text);

function calibrationOf() {
  const { bins, ece } = report.calibration;
  const filled = bins.filter(bin => bin.photos > 0), most = Math.max(...filled.map(bin => bin.photos));
  const dots = filled.map(bin => {
    const [cx, cy] = at(bin.certainty, bin.accuracy).split(" ");
    const words = `${counted(bin.photos, "photo")}: ${percent(bin.certainty)} certain, ${percent(bin.accuracy)} right`;
    return drawn("circle", { class: "dot", cx, cy, r: 3 + 6 * Math.sqrt(bin.photos / most) }, drawn("title", {}, words));
  });
  const quarters = [0, 0.25, 0.5, 0.75, 1];
  const label = `How often the head is right, by how certain it is. The mean distance from the ideal is ${percent(ece)}.`;
  return [made("h3", {}, "Is it as right as it is certain?"),
    plot(label, "certainty", quarters.map(share => [share, percent(share, 0)]), ...quarters.map(share => tick(share, percent(share, 0))),
      drawn("path", { class: "ideal", d: `M${at(0, 0)}L${at(1, 1)}` }),
      drawn("path", { class: "line", d: filled.map((bin, i) => `${i ? "L" : "M"}${at(bin.certainty, bin.accuracy)}`).join("") }), ...dots),
    made("figcaption", {}, `Expected calibration error ${percent(ece)}. Larger dots are more photos; on the dashed line the head would be exactly as right as it says. Temperature ${report.temperature.toPrecision(3)}.`)];
}

function strengthOf() {
  const tried = report.strengths, powers = tried.map(s => Math.log10(s.c));
  const [first, last] = [powers[0], powers[powers.length - 1]];
  const x = i => (last > first ? (powers[i] - first) / (last - first) : 0.5);
  const most = Math.max(...tried.map(s => s.loss));
  const path = y => tried.map((s, i) => `${i ? "L" : "M"}${at(x(i), y(s))}`).join("");
  const chosen = tried[report.chosen];
  const step = Math.max(1, Math.ceil(tried.length / 7));
  const ticks = tried.flatMap((s, i) => (i % step ? [] : [tick(x(i), `1e${Math.round(powers[i])}`)]));
  const label = `Accuracy and loss by strength; ${chosen.c.toPrecision(2)} was chosen.`;
  return [made("h3", {}, "How strongly to trust the photos"),
    plot(label, "C: weight of the photos against small weights", [0, 0.25, 0.5, 0.75, 1].map(share => [share, percent(share, 0)]), ...ticks,
      drawn("path", { class: "chosen", d: `M${at(x(report.chosen), 0)}L${at(x(report.chosen), 1)}` }),
      drawn("path", { class: "line", d: path(s => s.accuracy) }), drawn("path", { class: "second", d: path(s => s.loss / most) })),
    made("figcaption", {}, `Solid: accuracy on held-out photos. Dotted: their log loss, of at most ${most.toPrecision(3)}. Chosen: ${chosen.c.toPrecision(2)}, with ${percent(chosen.accuracy)} and ${chosen.loss.toPrecision(3)}.`)];
}

// ---- the whole ----

function tiles() {
  const { accuracy, calibration } = report;
  const tile = (value, words) => made("div", { class: "tile" }, made("strong", {}, value), made("span", { class: "small" }, words));
  return [
    tile(percent(accuracy.share), `accuracy on ${accuracy.of} held-out photos; 95 % interval ${percent(accuracy.low)} to ${percent(accuracy.high)}`),
    tile(report.macro_f1.toFixed(3), "macro F1: the mean over the classes"),
    tile(percent(calibration.ece), "expected calibration error"),
    tile(String(report.photos), `${report.photos === 1 ? "photo" : "photos"} of ${counted(report.classes.length, "class", "classes")}`),
  ];
}

function listOf(title, words, photos, count) {
  if (count === 0) return made("span", { class: "small" }, words);
  return buttonOf(`${title} (${count})`, event => show(title, photos, count, event.target), { "aria-pressed": "false" });
}

function dataSet() {
  const { groups, left_out, num_left_out } = report;
  const described = (names, i) => names.join(" = ") + (i < report.groups_of_classes ? ": in several classes, so one may be mislabelled" : "");
  const details = (title, ...items) => made("details", {}, made("summary", {}, title), made("ul", {}, ...items.map(text => made("li", {}, text))));
  const parts = [];
  if (report.groups_found > 0)
    parts.push(details(`${counted(report.groups_found, "group")} of near-duplicates, which were kept on one side of each split`,
      ...groups.map(described)));
  else parts.push(made("p", {}, "No photo is nearly the same as another."));
  if (num_left_out > 0)
    parts.push(details(`${counted(num_left_out, "file")} left out`, ...left_out.map(trouble => `${trouble.file}: ${trouble.error}`)));
  return parts;
}

function begin() {
  document.title = `Report of ${report.name}`;
  $("title").textContent = document.title;
  $("about").textContent = `A head for ${counted(report.classes.length, "class", "classes")} on ${report.base}, fitted by wherefore ${report.version}; ` +
    (report.validation > 0 ? `measured on ${counted(report.validation, "photo")} of val/.` : `measured by cross-validation in ${report.folds} parts: each photo by a head that was fitted without it.`);
  const { mislabelled, least_certain, most_certain } = report;
  const { warnings, classes } = report.evidence;
  if (warnings.length > 0) $("warnings").append(...warnings.map(warningOf));
  else $("warnings").append(made("p", {}, report.evidence.examined > 0
    ? "None: no class has a mark of its own in a corner or along the border, such as a logo, a date or a frame."
    : "No class has enough photos to look for marks, such as a logo, a date or a frame."));
  $("tiles").append(...tiles());
  $("matrix-place").append(report.classes.length <= MOST_COLUMNS ? matrixOf() : pairsOf());
  $("classes-place").append(classTable());
  $("even").textContent = `${percent(report.evidence.even.border, 0)} in the border, ${percent(report.evidence.even.corners[0], 0)} in each corner, and ${percent(report.evidence.even.outside_centre, 0)} outside the centre`;
  const shown = classes.length > MOST_MAPS
    ? [...classes].sort((a, b) => b.outside_centre - a.outside_centre).slice(0, MOST_MAPS) : classes;
  $("maps").append(...shown.map(evidenceOf));
  if (shown.length < classes.length)
    $("evidence").append(made("p", { class: "small" }, `The ${MOST_MAPS} classes with most evidence outside the centre; report.json has all.`));
  $("lists-place").append(
    listOf("Perhaps mislabelled", "No photo looks mislabelled.", mislabelled.photos, mislabelled.found),
    listOf("Least certain", "", least_certain.photos, least_certain.photos.length),
    listOf("Most certain", "No photo is right.", most_certain.photos, most_certain.photos.length));
  $("calibration").append(...calibrationOf());
  $("strength").append(...strengthOf());
  $("data-set-place").append(...dataSet());
  for (const title of document.querySelectorAll("main h2"))
    $("contents").append(made("a", { href: `#${title.parentElement.id}` }, title.textContent));
  const worst = report.confusion.filter(([from, to]) => from !== to).sort((a, b) => b[2] - a[2])[0] ?? report.confusion[0];
  if (worst) openFirst(...worst);
}

/** Opens a cell without moving the focus to it. */
function openFirst(from, to, count) {
  openCell(from, to, count, null);
  document.activeElement.blur();
  scrollTo(0, 0);
}

begin();
