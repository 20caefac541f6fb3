// Detects the format of a file by its bytes, and fetches images that were dropped
// or pasted as URLs.

const HEAD = 4096; // bytes that the patterns below need
const MOST = 100e6; // most bytes that are fetched

/** The formats that the service reads. */
export const SERVED = ["JPEG", "PNG", "WebP"];

/** Formats of drawings, which must not become JPEGs. */
export const EXACT = ["GIF", "BMP", "SVG", "ICO"];

// Each byte is a character here. The brands of an ISO file have four.
const formats = [
  ["JPEG", /^\xff\xd8\xff/],
  ["PNG", /^\x89PNG\r\n\x1a\n/],
  ["WebP", /^RIFF.{4}WEBP/s],
  ["GIF", /^GIF8[79]a/],
  ["BMP", /^BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0/s],
  ["AVIF", /^.{4}ftyp(.{4}){0,14}?avi[fs]/s],
  ["HEIC", /^.{4}ftyp(.{4}){0,14}?(he[iv][cmsx]|mi[af][1f]|msf1)/s],
  ["JPEG XL", /^(\xff\x0a|\0\0\0\x0cJXL )/],
  ["JPEG 2000", /^(\xff\x4f\xff\x51|\0\0\0\x0cjP {2})/],
  ["ICO", /^\0\0[\x01\x02]\0[^\0]/],
  ["a raw photo", /^(.{4}ftypcrx |II[*]\0.{4}CR|IIR[OS]|IIU\0|FUJIFILM)/s],
  ["TIFF or a raw photo", /^(II[*+]\0|MM\0[*+])/],
  ["Photoshop", /^8BPS/],
  ["Netpbm", /^P[1-7][\s#]/],
  ["QOI", /^qoif/],
  ["OpenEXR", /^v\/1\x01/],
  ["DICOM", /^.{128}DICM/s],
  ["PDF", /^%PDF/],
  ["PostScript", /^(%!PS|\xc5\xd0\xd3\xc6)/],
  ["an archive", /^(PK\x03\x04|\x1f\x8b|Rar!|7z\xbc\xaf)/],
  ["a video", /^(.{4}(ftyp|moov|mdat)|\x1aE\xdf\xa3|RIFF.{4}AVI |\0\0\x01[\xb3\xba])/s],
  ["a web page", /^\W*<(!doctype html|html|head|body)/i],
  ["SVG", /^\W*<(([a-z]+:)?svg|(\?xml|!--|!doctype).*<([a-z]+:)?svg)[\s>]/is],
];

/** The name of a file's format, or undefined. */
export async function formatOf(file) {
  let head;
  try {
    head = new Uint8Array(await file.slice(0, HEAD).arrayBuffer());
  } catch {
    throw new Error(`${file.name} cannot be read. Is it a folder, or was it deleted?`);
  }
  const text = String.fromCharCode(...head);
  return formats.find(([, pattern]) => pattern.test(text))?.[0];
}

function isAddress(text) {
  try {
    return /^(https?|data|blob|file|ftp):$/.test(new URL(text).protocol);
  } catch {
    return false;
  }
}

/** The URLs in what was dropped or pasted: of the images in its HTML (an image
 *  inside a link has the link's URL elsewhere), of its URI list, or the text. */
export function addressesIn(transfer) {
  const html = new DOMParser().parseFromString(transfer.getData("text/html"), "text/html");
  const lines = (type) => transfer.getData(type).split(/\r?\n/).filter((line) => line && !line.startsWith("#"));
  const text = transfer.getData("text/plain").trim();
  const found = [
    [...html.images].map((image) => image.getAttribute("src") ?? ""),
    lines("text/uri-list"),
    /^data:/i.test(text) ? [/^[^,]*;base64,/i.test(text) ? text.replace(/\s+/g, "") : text] : text.split(/\s+/),
  ];
  return found.find((list) => list.length && list.every(isAddress)) ?? [];
}

/** A name for the image at a URL. */
export function nameOfAddress(address) {
  const { protocol, pathname, host } = new URL(address, location.href);
  if (protocol === "data:") return "picture";
  try {
    return decodeURIComponent(pathname.split("/").pop()) || host;
  } catch {
    return host; // malformed percent-encoding
  }
}

/** The image at a URL as a file, if the browser may fetch it: from this service,
 *  from a data URL, or from a site that allows other pages to read it. */
export async function fetchPicture(address, signal) {
  const { protocol, host } = new URL(address, location.href);
  const name = nameOfAddress(address);
  if (protocol === "file:") throw new Error(`${name} is a local file, which a page cannot open by its URL. Drop or choose the file itself.`);
  if (!/^(https?|data):$/.test(protocol)) throw new Error(`The page cannot fetch “${protocol}” URLs. Save the image and drop the file.`);
  const response = await fetch(address, { signal }).catch((error) => {
    if (signal?.aborted) throw error;
    throw new Error(
      protocol === "data:"
        ? "The data URL is malformed."
        : `${name} cannot be fetched: ${host} does not allow other pages to read it, or cannot be reached. Save the image and drop the file.`,
    );
  });
  if (!response.ok) throw new Error(`${name} cannot be fetched: ${host} returned status ${response.status}.`);
  if (response.headers.get("Content-Length") > MOST) throw new Error(`${name} is too large to be fetched; the limit is ${MOST / 1e6} MB.`);
  const blob = await response.blob();
  return new File([blob], name, { type: blob.type });
}
