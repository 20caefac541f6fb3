// Reads images: files are drawn and scaled before they are sent; and the webcam.

import { EXACT, formatOf, SERVED } from "./given.js";

const LONGEST = 1280; // more than any network uses, less than a phone's photo
const SHOWN = 1920; // the longest side kept for drawing
const LIVE = 640;
const SIDE = 512; // of an SVG without a size
const SMALL = SIDE * SIDE; // pixels that are always sent without loss
const WHOLE = [...SERVED, "GIF", "BMP", "ICO", "AVIF"]; // a bitmap, or broken
const LARGE = 4e6; // bytes above which a PNG is sent as a JPEG
const SENT = 8e6; // largest file that is sent as it is for its orientation

function canvasOf(source, width, height, longest) {
  const scale = Math.min(1, longest / Math.max(width, height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff"; // like the service's background
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(source, 0, 0, canvas.width, canvas.height);
  return canvas;
}

const blobOf = (canvas, type, quality) =>
  new Promise((resolve, reject) =>
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("The image is too large for this browser."))), `image/${type}`, quality),
  );

/** A canvas as a file that the service reads, without loss if it is small or not a
 *  photo. */
async function encode(canvas, exact) {
  const png = exact || canvas.width * canvas.height <= SMALL ? await blobOf(canvas, "png") : null;
  return png && png.size <= LARGE ? png : blobOf(canvas, "jpeg", 0.92);
}

/** An SVG as a data URL; with a blob URL the canvas could not be read back. */
const addressOf = (svg) =>
  new Promise((resolve) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.readAsDataURL(new Blob([svg], { type: "image/svg+xml" }));
  });

/** The image in a file, for drawing on a canvas, or null. The browser applies the
 *  EXIF orientation, like the service, and uses the first frame of an animation. */
async function drawable(file, format) {
  try {
    return await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    if (WHOLE.includes(format)) return null; // an <img> would show a part of it
  }
  const image = new Image();
  image.src = format === "SVG" ? await addressOf(file) : URL.createObjectURL(file);
  try {
    await image.decode();
    return image;
  } catch {
    return null;
  } finally {
    URL.revokeObjectURL(image.src);
  }
}

// Orientation that the service reads, but no browser: in XMP, in texts of PNGs, in
// EXIF of WebPs or after a PNG's pixels, or as a number of an unusual type.
const XMP_TURN = /tiff:Orientation(="|>)[2-8]/;
const PNG_TURN = /Raw profile type exif\0|XML:com\.adobe\.xmp\0\x01|zTXtXML:com\.adobe\.xmp\0/;
const EXIF_TURN = /\x12\x01(.)\0\x01\0\0\0[\x02-\x08]|\x01\x12\0(.)\0\0\0\x01\0{0,3}[\x02-\x08]/s;
const SHORT = "\x03";

/** Whether the service may turn a file that the browser does not turn. */
async function mayLie(file, format) {
  if (!SERVED.includes(format) || file.size > SENT) return false;
  const text = new TextDecoder("latin1").decode(await file.arrayBuffer());
  const exif = text.match(EXIF_TURN);
  return XMP_TURN.test(text) || (format === "PNG" && PNG_TURN.test(text)) || (exif !== null && (format !== "JPEG" || (exif[1] ?? exif[2]) !== SHORT));
}

/** The image as the service has read it, as a canvas, or null. */
export async function photoOf(base64) {
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const source = await drawable(new Blob([bytes], { type: "image/png" }), "PNG");
  return source && canvasOf(source, source.width, source.height, SHOWN);
}

/** What to send and what to draw for a file: {blob, photo, drawn, redraw, lying}.
 *  photo is null if the service's version is to be drawn: the browser cannot read
 *  the file but the service may, or the browser may not turn it (`lying` is its
 *  version then). If the service cannot read the file, the browser's version is sent,
 *  and `drawn` is the original format. redraw() makes another blob, in case the
 *  service refuses a file that the browser can read. */
export async function prepare(file, original) {
  const format = await formatOf(file);
  const served = SERVED.includes(format);
  const source = await drawable(file, format);
  if (!source) {
    if (!format || served) return { blob: file, photo: null };
    throw Object.assign(new Error(`${file.name} is ${format}, which neither this browser nor the service can read.`), { advice: "Use a JPEG, PNG or WebP.", final: true });
  }
  const width = (source.naturalWidth ?? source.width) || SIDE;
  const height = (source.naturalHeight ?? source.height) || SIDE;
  const longest = Math.max(width, height);
  const scaled = !original && longest > LONGEST;
  const exact = EXACT.includes(format);
  const photo = canvasOf(source, width, height, scaled ? LONGEST : SHOWN);
  const whole = served || scaled || longest <= SHOWN ? photo : canvasOf(source, width, height, Infinity);
  source.close?.();
  if (await mayLie(file, format)) return { blob: file, photo: null, lying: photo };
  if (!served) return { blob: await encode(whole, exact), photo, drawn: format ?? "another format" };
  if (scaled) return { blob: await blobOf(photo, "jpeg", 0.92), photo };
  return { blob: file, photo, redraw: () => encode(photo, format === "PNG") };
}

/** A small image for the film strip, and for old frames. */
export function thumbnail(photo) {
  return photo ? canvasOf(photo, photo.width, photo.height, 320) : document.createElement("canvas");
}

/** Runs the webcam: calls `each({blob, photo})` for one frame after another, each
 *  when the last call has resolved, until the signal. */
export async function webcam(signal, each) {
  if (!navigator.mediaDevices) throw new Error("This browser allows the camera only on https pages or on this machine.");
  const stream = await navigator.mediaDevices.getUserMedia({
    video: { facingMode: "environment", width: { ideal: 1280 } },
  });
  try {
    const video = document.createElement("video");
    video.muted = true;
    video.playsInline = true;
    video.srcObject = stream;
    await video.play();
    while (!signal.aborted) {
      const photo = canvasOf(video, video.videoWidth, video.videoHeight, LIVE);
      await each({ blob: await blobOf(photo, "jpeg", 0.85), photo });
    }
  } finally {
    for (const track of stream.getTracks()) track.stop();
  }
}
