// The colours of engine/heatmap_palettes.h: 256 times red, green, blue each.
// Written by tools/reference/palettes.py; whose they are is said there. Every
// second colour, the others halfway: a level off at most.

// jet in straight lines: for red, green, blue where they bend, the share there,
// and which way a half is rounded.
const bends = [
  [[0, 0.35, 0.66, 0.89, 1], [0, 0, 1, 1, 0.5], 1e-9],
  [[0, 0.125, 0.375, 0.64, 0.91, 1], [0, 0, 1, 1, 0, 0], -1e-9],
  [[0, 0.11, 0.34, 0.65, 1], [0.5, 1, 1, 0, 0], 0],
];
const jet = Uint8Array.from({ length: 768 }, (_, at) => {
  const [xs, ys, half] = bends[at % 3];
  const x = Math.floor(at / 3) / 255;
  const i = xs.findIndex((end) => end >= x) || 1;
  return Math.round(255 * (ys[i] + ((ys[i - 1] - ys[i]) * (xs[i] - x)) / (xs[i] - xs[i - 1])) + half);
});
const base64 = {
  turbo:
    "MBI7MxhKNR5YNyRmOSpzOy+APTWLPzuXQECiQUasQku1RFG/RFbHRVzPRmHWRmbdRmvjR3HpR3buR3vyRoD2RoX6RYr8RI/+QpT/QJn/PZ7+OqP8N6j6M633L7L0LLfwKLzrJcDnIsXiH8ndHM3YGtLSGdXNGNnIGN3CGOC9GeO5HOa0H+mvIuuqJ+6kLPCeMvKYOPSRP/aKRviETvl9Vfp2XfxvZf1pbf5idf5cff9WhP9Ri/9Lkv9Hmf5Cn/0/pPw8qfs5r/o3tPg2ufY1vvQ0w/E0yO80zew00uk11+U12+I2398349s459c569M57s868cs69Mc69sM6+L45+ro5+7Y3/LE2/aw0/qcy/qEw/pst/pYr/pAp/Yom/IQj+34h+Xge+HIc9mwZ9GYX8mAU8FsS7VUQ61AO6EsM5UcL4kMK3z8I3DsH2DcG1DMF0C8FzCsEyCgDwyUDviECuR4CtBsBrxgBqRYBpBMBnhABmA4BkgsBiwkChQcCfgUCdgME",
  viridis:
    "RAFURQRXRgdaRgpdRw1gRxBjRxNlSBZoSBhqSBttSB1vSCBxSCN0SCV2SCh4Ryp6Ry17Ry99RjJ+RjSARTeBRDmDRDuEQz6FQkCGQUKHQEWIP0eIPkmJPkyKPU6KPFCLO1KLOlSMOVaMOFmMN1uNNl2NNV+NNGGNM2ONMmWOMWeOMGmOL2uOLm2OLm+OLXGOLHKOK3SOKnaOKniOKXqOKHyOJ36OJ4COJoKOJYOOJYWOJIeOI4mOIouNIo2NIY+NIZGMIJKMH5SMH5aLH5iLH5qKHpyJH56JH6CIH6GHIKOGIaWFIqeFI6mDJauCJq2BKK6AKrB/LbJ9L7R8MrZ6Nbd5OLl3O7t1P7xzQr5xRsBvSsFtTsNrUsVpVsZnWshkXsliY8tfZ8xcbM1acM9XddBUetFRf9NOhNRLidVIjtZFk9dBmNg+ndk7oto3qNs0rdwwst0tuN4pvd8mwt8jyOAgzeEd0uIb2OIZ3eMY4uQY5+QZ7OUb8eUd9uYg++cj/+cn",
  inferno:
    "AAAEAQEGAgEKAgIOBAMSBQQXBwUbCQYfCwckDQgpEAktEgoyFQs3GAw8GwxBHgxFIQxKJAxPKAtTKwtXLwpbMgpeNglhOQljPQllQApnRApoRwtqSgxrTQ1sUQ5sVA9tVxBuWhFuXRJuYRNuZBVuZxZuahdubRhucRludBpudxxteh1tfR5tgB9shCBrhyFriiJqjSNpkCVokyZnlydmmihlnSlkoCpjoyxhpi1gqS5erTBdsDFbszJatjRYuTVWvDdUvzlSwTpQxDxOxz5MykBKzEJIz0RG0kZE1EhC10s/2U0921A73lI44FU24lc05Fox5l0v6GAt6mMq62Yo7Wkl72wj8G8g8XMd83Yb9HkY9X0V9oAT94QQ+IcO+YsL+Y4J+pIH+5YG+5kG+50H/KEI/KUK/KgN/KwR/LAU/LQY+7gd+7wh+sAm+sQq+ccv+cs1+M8699NA9tdG9dtM9N9T8+Na8uZh8upp8e1x8fF58vSC8/aK9fmS+Pua+v2h/v+n",
};

/** (256 * 3) bytes by name. */
export const palettes = { jet };
for (const name in base64) {
  const text = atob(base64[name]);
  palettes[name] = Uint8Array.from({ length: 768 }, (_, at) => {
    const color = Math.floor(at / 3);
    const i = (color >> 1) * 3 + (at % 3);
    return (text.charCodeAt(i) + text.charCodeAt(i + 3 * (color % 2)) + 1) >> 1;
  });
}
palettes.gray = Uint8Array.from({ length: 768 }, (_, i) => i / 3);
