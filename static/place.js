// Addresses of the inside view: #inside, #inside/LAYER, #inside/LAYER/CHANNEL and
// #inside-class/INDEX. A layer's name is encoded, as it may have slashes.

export const layerAddress = (name, channel = null) => `#inside/${encodeURIComponent(name)}${channel === null ? "" : `/${channel}`}`;

export const classAddress = (index) => `#inside-class/${index}`;

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // typed by hand
  }
}

const indexIn = (text) => (/^\d{1,6}$/.test(text ?? "") ? Number(text) : null);

/** What an address names: {layer, channel, index (of a class)}, each null if it does not. */
export function placeOf(hash) {
  const [kind, first, second] = hash.slice(1).split("&")[0].split("/");
  if (kind === "inside-class") return { layer: null, channel: null, index: indexIn(first) };
  return { layer: first ? decoded(first) : null, channel: indexIn(second), index: null };
}
