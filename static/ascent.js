// What a channel or a class wants to see: gradient ascent by the service, with the
// picture as it comes into being. It ends when it is cancelled or left.

import { buttonOf, made } from "./dom.js";
import { number, sentence } from "./words.js";

const STEPS = [32, 64, 128, 256];
const USUAL_STEPS = 128;
const EVERY = 8; // steps from one picture to the next
const PNG = "data:image/png;base64,";

function stepsPicker() {
  const steps = document.createElement("select");
  steps.append(...STEPS.map((count) => new Option(`${count} steps`, count)));
  steps.value = USUAL_STEPS;
  steps.ariaLabel = "Steps";
  return steps;
}

/** What a target answers; null if it is no number. */
const valueText = (value) => (value === null ? "no number" : number(value));

/** Why there is no picture, and what may help. */
const trouble = (problem) => `${sentence(problem.message)} ${problem.status === 413 ? "Choose fewer steps." : ""}`.trim();

/** The section for a target, {class} or {layer, channel}, whose name is in sentences.
 *  `ascend(fields, {onLine, long})` resolves to the answer's text; the
 *  AbortController `long` ends it. */
export function ascentOf(target, name, ascend) {
  const section = made("section", "ascent");
  const said = made("p", "small", "A picture is made from noise, step by step, so that the answer to it becomes as strong as possible.");
  const progress = document.createElement("progress");
  const picture = document.createElement("img");
  const steps = stepsPicker();
  let seed = 0;
  let running = null; // AbortController

  const draw = (data, text) => {
    picture.src = data.startsWith(PNG) ? data : PNG + data;
    picture.alt = `What ${name} wants to see, ${text}`;
    picture.hidden = false;
  };
  const onLine = ({ step, steps: of, value, picture: data }) => {
    if (step === undefined) return; // the answer
    progress.max = of;
    progress.value = step;
    if (!data) return;
    said.textContent = `Step ${step} of ${of}: the answer is ${valueText(value)}.`; // only now and then, as it is read aloud
    draw(data, `after step ${step} of ${of}`);
  };
  const show = (on) => {
    const focused = section.contains(document.activeElement);
    progress.hidden = stop.hidden = !on;
    start.disabled = steps.disabled = on;
    if (focused) (on ? stop : start).focus();
  };
  const run = async () => {
    running = new AbortController();
    progress.removeAttribute("value");
    picture.hidden = true;
    said.textContent = "Starting…";
    show(true);
    try {
      const fields = { ...target, steps: steps.value, every: EVERY, seed: seed++ };
      const answer = JSON.parse(await ascend(fields, { onLine, long: running }));
      draw(answer.picture, "at the end");
      said.textContent = `Done: the answer to this picture is ${valueText(answer.value)}. Once more begins with other noise.`;
      start.textContent = "Once more";
    } catch (problem) {
      const stopped = running.signal.aborted || problem.name === "AbortError";
      said.textContent = stopped ? `Stopped at step ${progress.value || 0} of ${steps.value}.` : trouble(problem);
    }
    show(false);
  };
  const start = buttonOf("Show it", run);
  const stop = buttonOf("Cancel", () => running.abort());
  said.role = "status";
  progress.ariaLabel = "Steps done";
  picture.hidden = progress.hidden = stop.hidden = true;
  section.append(made("h3", "", `What does ${name} want to see?`), made("p", "row", start, steps, stop), progress, said, picture);
  return section;
}
