// Numbers, names and places in words.

export const percent = (share) => `${(100 * share).toFixed(1)} %`;

/** With two digits at least, as gradients may be small. */
export const number = (value) => (Math.abs(value) < 0.1 && value !== 0 ? value.toPrecision(2) : value.toFixed(Math.abs(value) < 10 ? 2 : 1));

export const nameOf = (entry) => entry.label || entry.id || `class ${entry.index}`;

export const sentence = (text) => (/[.?!]$/.test(text) ? text : `${text}.`);

/** Why there is no map. */
function lackText({ item, chosen, versus }) {
  const why = chosen.why ?? versus?.why ?? item.answer.refusal;
  return why || !item.answer.method ? sentence(`No evidence is available: ${why}`) : "The evidence is being computed.";
}

/** Where the evidence of a view is. */
export function placeText(view) {
  if (!view.cells) return lackText(view);
  const { box, boxes } = view;
  if (!box) return view.cells.max > 0 ? "Nothing is above the threshold." : "There is no positive evidence for this class.";
  const shares = boxes.length ? `; ${boxes.map(({ share }) => percent(share)).join(", ")} of the evidence in ${boxes.length === 1 ? "one box" : `${boxes.length} boxes`}` : "";
  return `Box ${box.x}, ${box.y}, ${box.width} × ${box.height}${shares}; peak ${number(view.peak.value)} at ${Math.round(view.peak.x)}, ${Math.round(view.peak.y)}.`;
}

/** The calibration of a model's boxes, and what it was found on. */
export function calibrationText({ threshold, scale, shift, found_on: on }) {
  return `Calibrated on ${on.photos} photos of ${on.data} with ${on.method}: threshold ${percent(threshold)}, scale ${scale}, shift ${shift.join(", ")} cells; ${percent(on.correct)} right there, ${percent(on.paper)} by paper.`;
}

/** Which map it is that a view shows: method, layer, parameters, target, class. */
export function mapText({ item, chosen, versus, refined, rule }) {
  const { method, explanation } = item.answer;
  const { layer, target, against, parameters } = explanation ?? {};
  const said = Object.entries(parameters ?? {}).map((pair) => pair.join(" "));
  if (target && target !== "logit") said.push(target);
  if ((against ?? null) !== null) said.push(`against ${against}`);
  if (refined) said.push("object");
  said.push(`box ${rule}`);
  const what = `${nameOf(chosen)}${versus ? `, not ${nameOf(versus)}` : ""}`;
  return [method, layer?.name, ...said, what].filter(Boolean).join(" · ");
}
