// Says in words what was done for a map.

const round = (value) => (value === null || value === undefined ? "none" : Number(value.toPrecision(6)).toString());
const passes = (count) => `${count} ${count === 1 ? "pass" : "passes"}`;

const checkText = ({ name, expected, found }) => `${name}: expected ${round(expected)}, found ${round(found)}`;

/** The method's title, layer, target, parameters, passes, checks, the object's map, and
 *  why each is not the usual one. */
export function explainedText(answer, { map, box }, checks, nameOfClass) {
  const { method, explanation: done } = answer;
  if (!method || !done) return "";
  const { layer, target, against } = done;
  const said = [
    method === done.title ? method : `${method}: ${done.title}`,
    layer && `layer ${layer.name}, ${layer.width} × ${layer.height} × ${layer.channels}`,
    target && target !== "logit" && `target ${target}${against === null ? "" : ` against ${nameOfClass(against)}`}`,
    ...Object.entries(done.parameters ?? {}).map(([name, value]) => `${name} ${value}`),
    passes(done.passes),
    ...(checks ?? []).map(checkText),
    map?.kind === "object" && `refined to the object${box?.layer ? ` at ${box.layer}` : ""}`,
  ];
  const not = [done.reason && `Not cam: ${done.reason}.`, box?.fallback && `No map of the object: ${box.fallback}.`];
  return [`${said.filter(Boolean).join("; ")}.`, ...not].filter(Boolean).join(" ");
}
