// Asking the service: one request at a time, with progress, patience and the
// problem's own words.

/** What to do, by the kind of a problem. */
const advice = {
  "over-limit": "Send a smaller picture, or let the page scale it: turn “send original” off.",
  "unsupported": "Use a JPEG, PNG or WebP.",
  "bad-input": "Try another file, or other settings.",
  "too-slow": "Try again over a better connection, or send a smaller picture.",
  "not-found": "Is the page at the same address as the service?",
  "internal": "This is a fault of the service; its log has the request.",
};

const BUSY = [429, 502, 503, 504];
const MAX_TRIES = 6;
const MAX_WAIT = 30; // seconds

export class Problem extends Error {
  constructor(status, body) {
    super(body?.detail || (status ? `The service answered ${status}.` : "The service cannot be reached."));
    this.status = status; // 0: no answer
    this.kind = body?.kind;
    this.advice = advice[body?.kind] || "";
    this.id = body?.request_id;
  }
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null; // something between us and the service answered
  }
}

/** One attempt: resolves to the text of a 200, rejects with a Problem. */
function attempt(method, address, body, { token, signal, onProgress }) {
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    const stop = () => xhr.abort();
    const end = () => signal?.removeEventListener("abort", stop);
    xhr.open(method, address);
    xhr.setRequestHeader("Accept", "application/json");
    if (token) xhr.setRequestHeader("Authorization", `Bearer ${token}`);
    xhr.upload.onprogress = (event) => event.lengthComputable && onProgress?.(event.loaded / event.total);
    xhr.onload = () => {
      end();
      if (xhr.status === 200) return resolve(xhr.responseText);
      const problem = new Problem(xhr.status, parse(xhr.responseText));
      problem.after = Number(xhr.getResponseHeader("Retry-After")) || 0;
      reject(problem);
    };
    xhr.onerror = () => (end(), reject(new Problem(0)));
    xhr.onabort = () => (end(), reject(new DOMException("given up", "AbortError")));
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
      reject(new DOMException("given up", "AbortError"));
    });
  });
}

/** Waits out a busy or unreachable service: `onWait(problem, seconds)` once a
 *  second. Longer each time, never all clients at the same moment. */
async function wait(problem, tries, { signal, onWait }) {
  const seconds = Math.min(MAX_WAIT, Math.max(problem.after || 1, 2 ** tries) * (0.75 + Math.random() / 2));
  for (let left = Math.ceil(seconds); left > 0; left--) {
    onWait?.(problem, left);
    await sleep(1000, signal);
  }
}

/** Asks until there is an answer, or an error that waiting does not mend.
 *  options: token() asks for what is known, signal, onProgress, onWait, and
 *  onToken() resolves to another token where one is wanted. */
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
      const patient = problem.status === 0 || BUSY.includes(problem.status);
      if (!patient || tries + 1 >= (options.tries ?? MAX_TRIES)) throw problem;
      await wait(problem, tries, options);
    }
  }
}
