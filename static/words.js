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
  const { box } = view;
  if (!box) return view.cells.max > 0 ? "Nothing is above the threshold." : "There is no positive evidence for this class.";
  return `Box ${box.x}, ${box.y}, ${box.width} × ${box.height}; peak ${number(view.peak.value)} at ${Math.round(view.peak.x)}, ${Math.round(view.peak.y)}.`;
}

/** Which map it is that a view shows: method, layer, parameters, target, class. */
export function mapText({ item, chosen, versus }) {
  const { method, explanation } = item.answer;
  const { layer, target, against, parameters } = explanation ?? {};
  const said = Object.entries(parameters ?? {}).map((pair) => pair.join(" "));
  if (target && target !== "logit") said.push(target);
  if ((against ?? null) !== null) said.push(`against ${against}`);
  const what = `${nameOf(chosen)}${versus ? `, not ${nameOf(versus)}` : ""}`;
  return [method, layer?.name, ...said, what].filter(Boolean).join(" · ");
}
