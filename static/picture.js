// Getting a picture in: files drawn and scaled before they are sent, and the
// webcam.

import { EXACT, formatOf, SERVED } from "./given.js";

const LONGEST = 1280; // more than any network sees, less than a phone's photo
const SHOWN = 1920; // the longest side kept for drawing
const LIVE = 640;
const SIDE = 512; // of an SVG that has none
const SMALL = SIDE * SIDE; // pixels that are sent as they are, whatever they are of
const WHOLE = [...SERVED, "GIF", "BMP", "ICO", "AVIF"]; // a bitmap, or broken
const LARGE = 4e6; // bytes above which a PNG is worth its loss as a JPEG
const SENT = 8e6; // bytes that a file is sent with for the sake of how it lies

function canvasOf(source, width, height, longest) {
  const scale = Math.min(1, longest / Math.max(width, height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff"; // what the service puts behind what is transparent
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(source, 0, 0, canvas.width, canvas.height);
  return canvas;
}

const blobOf = (canvas, type, quality) =>
  new Promise((resolve, reject) =>
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("The picture is too large for this browser."))), `image/${type}`, quality),
  );

/** A canvas as a file that the service reads: its very pixels where they are few
 *  or were never a photo's. */
async function encode(canvas, exact) {
  const png = exact || canvas.width * canvas.height <= SMALL ? await blobOf(canvas, "png") : null;
  return png && png.size <= LARGE ? png : blobOf(canvas, "jpeg", 0.92);
}

/** An SVG's own address: of a blob's a canvas could not be read again. */
const addressOf = (svg) =>
  new Promise((resolve) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.readAsDataURL(new Blob([svg], { type: "image/svg+xml" }));
  });

/** What a canvas can draw of a file, or null. The browser turns it upright by
 *  its EXIF orientation, as the service does, and takes an animation's first
 *  picture. */
async function drawable(file, format) {
  try {
    return await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    if (WHOLE.includes(format)) return null; // an <img> would show what is left of it
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

// Where a picture may say how it lies and no browser looks, but the service does:
// XMP, texts of PNGs, EXIF of WebPs and behind a PNG's pixels, or a number of a type
// that is not the usual one.
const XMP_TURN = /tiff:Orientation(="|>)[2-8]/;
const PNG_TURN = /Raw profile type exif\0|XML:com\.adobe\.xmp\0\x01|zTXtXML:com\.adobe\.xmp\0/;
const EXIF_TURN = /\x12\x01(.)\0\x01\0\0\0[\x02-\x08]|\x01\x12\0(.)\0\0\0\x01\0{0,3}[\x02-\x08]/s;
const SHORT = "\x03";

/** Whether the service may turn a file that the browser draws as it lies. */
async function mayLie(file, format) {
  if (!SERVED.includes(format) || file.size > SENT) return false;
  const text = new TextDecoder("latin1").decode(await file.arrayBuffer());
  const exif = text.match(EXIF_TURN);
  return XMP_TURN.test(text) || (format === "PNG" && PNG_TURN.test(text)) || (exif !== null && (format !== "JPEG" || (exif[1] ?? exif[2]) !== SHORT));
}

/** The picture that the service has read, as a canvas, or null. */
export async function photoOf(base64) {
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const source = await drawable(new Blob([bytes], { type: "image/png" }), "PNG");
  return source && canvasOf(source, source.width, source.height, SHOWN);
}

/** What is sent of a file and what is drawn: {blob, photo, drawn, redraw, lying}.
 *  photo is null where the browser cannot read it and the service may, and where
 *  it may draw it as it lies, which is `lying` then: the service's is to be drawn. What the
 *  service cannot read is drawn here: `drawn` is what it was then. redraw() is
 *  another blob, for a service that refuses a file that the browser has read. */
export async function prepare(file, original) {
  const format = await formatOf(file);
  const served = SERVED.includes(format);
  const source = await drawable(file, format);
  if (!source) {
    if (!format || served) return { blob: file, photo: null };
    throw Object.assign(new Error(`${file.name} is ${format}: this browser cannot read it, nor can the service.`), { advice: "Use a JPEG, PNG or WebP.", final: true });
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

/** A small picture for the film strip, and for a frame that has gone by. */
export function thumbnail(photo) {
  return photo ? canvasOf(photo, photo.width, photo.height, 320) : document.createElement("canvas");
}

/** Runs the webcam: calls `each({blob, photo})` frame after frame, the next
 *  when it has resolved, until the signal. */
export async function webcam(signal, each) {
  if (!navigator.mediaDevices) throw new Error("This browser gives the camera to pages of https or of this machine only.");
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
