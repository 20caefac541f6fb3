// The page: a photo in, classes, evidence and box out. Every address is
// relative, so that it works under any path a proxy puts it at.
"use strict";

const $ = (id) => document.getElementById(id);

let photo = null; // the file that is shown
let photoUrl = null; // of #photo, to be revoked
let choice = null; // a <select>, where there is more than one model
let asked = 0; // the latest request; answers to earlier ones are dropped

function say(text, bad) {
  $("message").textContent = text || "\u00a0";
  $("message").classList.toggle("bad", Boolean(bad));
}

/** What went wrong, as the service says it, or as well as we can. */
async function problemText(response) {
  try {
    const problem = await response.json();
    if (problem.detail) return problem.detail;
  } catch {
    // not JSON: something between us and the service answered
  }
  return `the service answered ${response.status} ${response.statusText}`;
}

/** Asks about `file`; with `index`, for the evidence of that class. */
async function ask(file, index) {
  const mine = ++asked;
  const form = new FormData();
  form.append("image", file);
  if (index !== undefined) form.append("class", index);
  if (choice) form.append("model", choice.value);
  say("Looking…");
  try {
    const response = await fetch("cam", {
      method: "POST",
      body: form,
      headers: { Accept: "application/json" },
    });
    const text = response.ok ? null : await problemText(response);
    const answer = response.ok ? await response.json() : null;
    if (mine !== asked) return;
    if (text) {
      say(text, true);
      return;
    }
    show(file, answer);
    say("");
  } catch {
    if (mine === asked) say("The service cannot be reached.", true);
  }
}

function classRow(entry, chosen) {
  const item = document.createElement("li");
  const button = document.createElement("button");
  const row = document.createElement("span");
  const name = document.createElement("span");
  const share = document.createElement("span");
  const bar = document.createElement("progress");

  button.type = "button";
  button.setAttribute("aria-pressed", String(entry.index === chosen));
  button.addEventListener("click", () => ask(photo, entry.index));
  row.className = "row";
  name.textContent = entry.label || entry.id || `class ${entry.index}`;
  share.textContent = `${(100 * entry.score).toFixed(1)} %`;
  bar.max = 1;
  bar.value = entry.score;
  bar.setAttribute("aria-hidden", "true");
  row.append(name, share);
  button.append(row, bar);
  item.append(button);
  return item;
}

function showBox(answer) {
  const box = answer.box || { x: 0, y: 0, width: 0, height: 0 };
  $("frame").setAttribute("viewBox", `0 0 ${answer.image.width} ${answer.image.height}`);
  for (const side of ["x", "y", "width", "height"]) $("box").setAttribute(side, box[side]);
}

/** Lists the classes; who chose one by keyboard stays on the chosen one. */
function showClasses(answer) {
  const list = $("classes");
  const focused = list.contains(document.activeElement);
  list.replaceChildren(...answer.classes.map((entry) => classRow(entry, answer.class)));
  if (focused) list.querySelector("[aria-pressed=true]").focus();
}

function show(file, answer) {
  if (file !== photo || !photoUrl) {
    if (photoUrl) URL.revokeObjectURL(photoUrl);
    photoUrl = URL.createObjectURL(file);
    $("photo").src = photoUrl;
    photo = file;
  }
  $("heatmap").hidden = !answer.heatmap;
  if (answer.heatmap) $("heatmap").src = `data:image/png;base64,${answer.heatmap}`;
  showBox(answer);
  showClasses(answer);
  const t = answer.timing_ms;
  const place = answer.refusal
    ? `No evidence can be shown: ${answer.refusal}.`
    : answer.box
      ? `Box: ${answer.box.x}, ${answer.box.y}, ${answer.box.width} × ${answer.box.height} pixels.`
      : "There is no positive evidence for this class.";
  $("facts").textContent =
    `${place} ${answer.image.width} × ${answer.image.height} ${answer.image.format}, ` +
    `decoded in ${t.decode.toFixed(1)} ms, looked at in ${t.infer.toFixed(1)} ms.`;
  $("result").hidden = false;
}

async function askSample(name) {
  try {
    const response = await fetch(`samples/${name}`);
    if (!response.ok) throw new Error(response.statusText);
    ask(new File([await response.blob()], name));
  } catch {
    say("The sample cannot be loaded.", true);
  }
}

async function showModel() {
  try {
    const { models } = await (await fetch("models")).json();
    const texts = models.map((model) => `${model.name}, ${model.num_classes} classes`);
    if (models.length === 1) {
      $("model").textContent = `Model: ${texts[0]}.`;
      return;
    }
    choice = document.createElement("select");
    choice.append(...models.map((model, i) => new Option(texts[i], model.name)));
    choice.setAttribute("aria-label", "Model");
    choice.addEventListener("change", () => photo && ask(photo));
    $("model").replaceChildren("Model: ", choice);
  } catch {
    // the page works without it
  }
}

$("file").addEventListener("change", () => {
  if ($("file").files.length) ask($("file").files[0]);
  $("file").value = ""; // so that the same file can be chosen again
});
for (const button of document.querySelectorAll("[data-sample]"))
  button.addEventListener("click", () => askSample(button.dataset.sample));
for (const type of ["dragover", "dragleave", "drop"])
  document.addEventListener(type, (event) => {
    event.preventDefault();
    $("drop").classList.toggle("over", type === "dragover");
    if (type === "drop" && event.dataTransfer.files.length) ask(event.dataTransfer.files[0]);
  });
document.addEventListener("paste", (event) => {
  if (event.clipboardData.files.length) ask(event.clipboardData.files[0]);
});
$("opacity").addEventListener("input", () => {
  $("heatmap").style.opacity = $("opacity").value;
});
$("show-box").addEventListener("change", () => {
  $("frame").toggleAttribute("hidden", !$("show-box").checked);
});
showModel();
