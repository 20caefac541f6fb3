// Requests to the service, with progress, retries and the messages of problems.

/** Advice by the kind of a problem. */
const advice = {
  "over-limit": "Send a smaller image, or let the page scale it: turn off “send originals”.",
  "unsupported": "Use a JPEG, PNG or WebP.",
  "bad-input": "Try another file, or other settings.",
  "too-slow": "Try again with a faster connection, or send a smaller image.",
  "not-found": "Does this page come from the same server as the service?",
  "internal": "This is an error of the service; see its log for this request.",
};

/** A method that does not fit is not cured by another file. */
const adviceFor = (status, body) =>
  (status === 422 && body?.kind === "unsupported") || / passes of the network/.test(body?.detail ?? "")
    ? "Choose another method, layer or target."
    : advice[body?.kind] || "";

const BUSY = [429, 502, 503, 504];
const MAX_TRIES = 6;
const MAX_WAIT = 30; // seconds

export class Problem extends Error {
  constructor(status, body, begun = false) {
    super(body?.detail || (status ? `The service returned status ${status}.` : "The service cannot be reached."));
    this.status = status; // 0: no response
    this.kind = body?.kind;
    this.begun = begun; // it ran for a while: the same again would take as long
    this.advice = adviceFor(status, body);
    this.id = body?.request_id;
  }
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null; // from something between us and the service
  }
}

const lastLine = (text) => text.trimEnd().split("\n").at(-1);

/** What calls `onLine` with each whole line that has arrived, as an object, once. */
function lineReader(xhr, onLine) {
  let read = 0;
  return () => {
    const end = xhr.responseText.lastIndexOf("\n") + 1;
    const lines = xhr.responseText.slice(read, end).split("\n");
    read = end;
    for (const line of lines.map(parse)) if (line) onLine(line);
  };
}

/** One attempt: resolves to the text of a 200, or with `picture` to its blob; rejects
 *  with a Problem. With onLine, the response is lines of progress, and at last the
 *  answer or a problem. */
function attempt(method, address, body, { token, signal, onProgress, onLine, picture }) {
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    const stop = () => xhr.abort();
    const end = () => signal?.removeEventListener("abort", stop);
    xhr.open(method, address);
    if (picture) xhr.responseType = "blob";
    xhr.setRequestHeader("Accept", picture ? "image/png" : onLine ? "application/x-ndjson" : "application/json");
    if (token) xhr.setRequestHeader("Authorization", `Bearer ${token}`);
    xhr.upload.onprogress = (event) => event.lengthComputable && onProgress?.(event.loaded / event.total);
    if (onLine) xhr.onprogress = lineReader(xhr, onLine);
    xhr.onload = async () => {
      end();
      if (picture && xhr.status === 200) return resolve(xhr.response);
      const text = picture ? await xhr.response.text() : xhr.responseText;
      const last = onLine ? lastLine(text) : text;
      const said = onLine && parse(last);
      if (said?.kind && said.status) return reject(new Problem(said.status, said, xhr.status === 200));
      if (xhr.status === 200) return resolve(last);
      const problem = new Problem(xhr.status, parse(text));
      problem.after = Number(xhr.getResponseHeader("Retry-After")) || 0;
      reject(problem);
    };
    xhr.onerror = () => (end(), reject(new Problem(0)));
    xhr.onabort = () => (end(), reject(signal?.reason?.name === "Cancelled" ? signal.reason : new DOMException("given up", "AbortError")));
    if (signal?.aborted) return xhr.onabort();
    signal?.addEventListener("abort", stop);
    xhr.send(body);
  });
}

function sleep(ms, signal) {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}

/** Waits for a busy or unreachable service, longer each time and with jitter.
 *  Calls `onWait(problem, seconds)` once a second. */
async function wait(problem, tries, { signal, onWait }) {
  const seconds = Math.min(MAX_WAIT, Math.max(problem.after || 1, 2 ** tries) * (0.75 + Math.random() / 2));
  for (let left = Math.ceil(seconds); left > 0; left--) {
    onWait?.(problem, left);
    await sleep(1000, signal);
  }
}

/** Sends a request until there is a response, or an error that a retry does not
 *  solve. options: token() returns the known token, signal, onProgress, onWait,
 *  and onToken() resolves when the user has entered another token. */
export async function ask(method, address, body, options = {}) {
  for (let tries = 0; ; tries++) {
    const token = options.token?.();
    try {
      return await attempt(method, address, body, { ...options, token });
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if (problem.status === 401 && options.onToken) {
        if (options.token() === token) await options.onToken(problem);
        tries = -1;
        continue;
      }
      const patient = !problem.begun && (problem.status === 0 || BUSY.includes(problem.status));
      if (!patient || tries + 1 >= (options.tries ?? MAX_TRIES)) throw problem;
      await wait(problem, tries, options);
    }
  }
}
