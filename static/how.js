// How maps are made: the method, its layer, target and parameters. Pickers for them,
// from what the service lists; and how they are written in requests and links.

import { calibrationText } from "./words.js";

const $ = (id) => document.getElementById(id);
const CHOICES = ["method", "layer", "target", "against", "map", "box", "quality"]; // null: the service's default

const pickerOf = (name) => $({ box: "box-rule", map: "map-kind" }[name] ?? name);

const how = { method: null, layer: null, target: null, against: null, map: null, box: null, quality: null, parameters: {} };
let listed = { methods: [], layers: [], targets: [], maps: [], rules: [], qualities: [], standard: null, input: null };

const namesIn = (accepts) => (accepts ?? "").split(/, | or /).filter((name) => /^[\w+-]+$/.test(name));

/** Fetches what the model can be asked. A service without one of the lists has the
 *  names of its methods and targets at least. `get(path)` resolves to an object. */
async function fetchLists(get) {
  const [said, shown, model] = await Promise.all(["methods", "model/layers", "model"].map((path) => get(path).catch(() => null)));
  const optionNamed = (name) => model?.options?.find((option) => option.name === name);
  const accepts = (name) => namesIn(optionNamed(name)?.accepts);
  return {
    methods: said?.methods ?? accepts("method").map((name) => ({ name, title: name, layer: true, parameters: [] })),
    layers: shown?.layers ?? [],
    targets: accepts("target"),
    maps: accepts("map"),
    rules: accepts("box"),
    rule: optionNamed("box")?.default ?? "paper",
    qualities: accepts("quality"),
    boxes: optionNamed("boxes"),
    percentile: optionNamed("percentile"),
    calibration: model?.box ?? null,
    standard: said?.default ?? model?.method ?? null,
    input: model?.input ?? null,
  };
}

/** The row of a method; without a name, of the one that is chosen. */
export const methodNamed = (name = how.method ?? listed.standard) => listed.methods.find((method) => method.name === name);

/** Whether maps of all listed classes can be had, at no more than the pass that
 *  classifies. A margin is not that of a class against itself. */
export const isPlain = () => how.layer === null && how.quality === null && how.target !== "margin" && (methodNamed() ? methodNamed().passes === 1 : how.method === null);

/** The rule for boxes. */
export const boxRule = () => how.box ?? listed.rule;

/** How many boxes to list for a class. */
export const numBoxes = () => Number(options().boxes ?? 1);

/** The options of a request. */
export function options() {
  const method = methodNamed();
  const given = {};
  for (const name of CHOICES) if (how[name] !== null) given[name] = how[name];
  if (method && !method.layer) delete given.layer, delete given.map; // it has pixels, and no object's map
  if (how.target !== "margin") delete given.against;
  else if (how.against === null) delete given.target; // nothing to compare with yet
  if (boxRule() !== "object") delete given.quality;
  if (how.parameters.boxes > 1) given.boxes = how.parameters.boxes;
  if (how.box === "percentile" && how.parameters.percentile !== undefined) given.percentile = how.parameters.percentile;
  for (const { name } of method?.parameters ?? []) if (how.parameters[name] !== undefined) given[name] = how.parameters[name];
  return given;
}

/** Reads the fragment of a link. What the service does not list is left to it: its
 *  answer says what is wrong. */
export function readHow(parts) {
  for (const name of CHOICES) how[name] = parts.get(name) || null;
  if (parts.has("threshold")) how.box ??= "paper"; // as the service reads it
  how.parameters = Object.fromEntries([...parts].filter(([, value]) => value !== "" && Number.isFinite(Number(value))));
  show();
}

/** Adds the choices to the fragment of a link. */
export function writeHow(parts) {
  for (const [name, value] of Object.entries(options())) parts.set(name, value);
}

// ---- the pickers ----

const layerText = (layer) => `${layer.module ?? layer.name} · ${layer.width} × ${layer.height} × ${layer.channels}`;

function optionOf(text, value, refusal) {
  const option = new Option(text, value);
  option.disabled = Boolean(refusal);
  option.title = refusal ?? "";
  return option;
}

function fillMethods() {
  const rows = listed.methods.map((m) =>
    optionOf(m.title === m.name ? m.name : `${m.name}: ${m.title}`, m.name, m.allowed === false ? "The service does not allow it." : m.refusal),
  );
  if (how.method && !methodNamed()) rows.push(optionOf(how.method, how.method));
  $("method").replaceChildren(...rows);
  $("method").value = how.method ?? listed.standard ?? "";
}

function fillLayers() {
  const { layers } = listed;
  const standard = layers.find((layer) => layer.default);
  const others = layers.filter((layer) => layer !== standard).reverse(); // from the last to the first
  const rows = [optionOf(standard ? `default: ${layerText(standard)}` : "default", ""), ...others.map((layer) => optionOf(layerText(layer), layer.name))];
  if (how.layer !== null && how.layer !== standard?.name && !others.some((layer) => layer.name === how.layer)) rows.push(optionOf(how.layer, how.layer));
  $("layer").replaceChildren(...rows);
  $("layer").value = how.layer === standard?.name ? "" : (how.layer ?? "");
}

function control({ name, default: standard, min, max, help }) {
  const label = document.createElement("label");
  const input = document.createElement("input");
  Object.assign(input, { type: "number", id: `parameter-${name}`, min, max, step: max > 1 ? 1 : "any", value: how.parameters[name] ?? standard, title: help ?? "" });
  if (help) input.ariaDescription = help;
  input.addEventListener("change", () => {
    if (!input.reportValidity()) return;
    if (input.value === "" || Number(input.value) === standard) delete how.parameters[name];
    else how.parameters[name] = input.value;
    changed();
  });
  label.append(`${name.replaceAll("_", " ")} `, input);
  return label;
}

/** The rules for boxes, and what the chosen one needs or was found on. */
function fillRules() {
  const { rules, boxes, percentile, calibration } = listed;
  const rows = rules.map((name) => optionOf(name, name, name === "calibrated" && !calibration ? "The model has no calibration." : null));
  if (how.box && !rules.includes(how.box)) rows.push(optionOf(how.box, how.box));
  $("box-rule").replaceChildren(...rows);
  $("box-rule").value = boxRule();
  $("box-rule").closest("label").hidden = rows.length < 2;
  $("quality").replaceChildren(...listed.qualities.map((name) => new Option(name)));
  $("quality").value = how.quality ?? listed.qualities[0] ?? "";
  $("quality").closest("label").hidden = listed.qualities.length < 2 || boxRule() !== "object";
  const numbers = [boxes && { ...boxes, default: 1, min: 1, max: 16 }, how.box === "percentile" && percentile && { ...percentile, default: Number(percentile.default), min: 0, max: 1 }];
  $("box-parameters").replaceChildren(...numbers.filter(Boolean).map(control));
  $("calibration").textContent = how.box === "calibrated" && calibration ? calibrationText(calibration) : "";
}

/** Shows the choices. */
function show() {
  const method = methodNamed();
  const named = (how.target ?? "") === "margin";
  fillMethods();
  fillLayers();
  fillRules();
  $("target").replaceChildren(...listed.targets.map((name) => new Option(name)));
  $("target").value = how.target ?? listed.targets[0] ?? "";
  $("against").value = how.against ?? "";
  $("how").hidden = listed.methods.length === 0;
  $("layer").closest("label").hidden = listed.layers.length === 0 || method?.layer === false;
  $("target").closest("label").hidden = listed.targets.length < 2;
  $("against").closest("label").hidden = !named;
  $("map-kind").replaceChildren(...listed.maps.map((name) => new Option(name)));
  $("map-kind").value = how.map ?? listed.maps[0] ?? "";
  $("map-kind").closest("label").hidden = listed.maps.length < 2 || method?.layer === false;
  $("parameters").replaceChildren(...(method?.parameters ?? []).map(control));
}

let changed = () => {};

/** Connects the pickers; `act` is called after each change. */
export function startPickers(act) {
  changed = act;
  for (const name of CHOICES)
    pickerOf(name).addEventListener("change", ({ target }) => {
      const standard = { method: listed.standard, target: listed.targets[0], map: listed.maps[0], box: listed.rule, quality: listed.qualities[0] }[name] ?? "";
      how[name] = target.value.trim() === "" || target.value === standard ? null : target.value.trim();
      show();
      if (name !== "against") pickerOf(name).focus();
      if (name === "target" && how.target === "margin" && how.against === null) return void $("against").focus();
      changed();
    });
}

let asked = 0;

/** Lists what a model can be asked; if it is another model than before, without the
 *  layer, which was that one's. */
export async function listHow(get, another) {
  const mine = ++asked;
  if (another) how.layer = null;
  const found = await fetchLists(get);
  if (mine !== asked) return; // another model was chosen meanwhile
  listed = found;
  show();
}

/** What drawing must know of a map: whether negative values are evidence against the
 *  class, and whether its cells are the pixels of the network's input. */
export function kindOf(answer, map) {
  const { input } = listed;
  return {
    sides: map.kind !== "object" && (methodNamed(answer.method)?.signed ?? false),
    pixels: Boolean(input) && map.width === input.width && map.height === input.height,
  };
}
