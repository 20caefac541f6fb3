// Getting a picture in: files scaled before they are sent, and the webcam.

const LONGEST = 1280; // more than any network sees, less than a phone's photo
const SHOWN = 1920; // the longest side kept for drawing
const LIVE = 640;

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

const blobOf = (canvas, quality) =>
  new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", quality));

/** What is sent of a file and what is drawn: {blob, photo}; photo is null
 *  where the browser cannot read it (the service may). The browser turns it
 *  upright by its EXIF orientation, as the service does. */
export async function prepare(file, original) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    return { blob: file, photo: null };
  }
  const { width, height } = bitmap;
  const large = Math.max(width, height) > LONGEST;
  const photo = canvasOf(bitmap, width, height, large && !original ? LONGEST : SHOWN);
  bitmap.close();
  return { blob: large && !original ? await blobOf(photo, 0.92) : file, photo };
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
      await each({ blob: await blobOf(photo, 0.85), photo });
    }
  } finally {
    for (const track of stream.getTracks()) track.stop();
  }
}
