// The PET's storage grid: index (z, y, x) and patient millimetres (LPS), both ways.
export class Grid {
  constructor(shape, affine) {
    this.shape = shape;
    this.affine = affine;
    const m = affine.slice(0, 3).map((row) => row.slice(0, 3));
    const [[a, b, c], [d, e, f], [g, h, i]] = m;
    const det = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);
    this.inverse = [
      [e * i - f * h, c * h - b * i, b * f - c * e],
      [f * g - d * i, a * i - c * g, c * d - a * f],
      [d * h - e * g, b * g - a * h, a * e - b * d],
    ].map((row) => row.map((v) => v / det));
    this.spacing = [0, 1, 2].map((k) => Math.hypot(...m.map((row) => row[k])));
  }
  at(lps) {
    const p = lps.map((v, k) => v - this.affine[k][3]);
    return this.inverse.map((row) => row[0] * p[0] + row[1] * p[1] + row[2] * p[2]);
  }
  index(lps) {
    return this.at(lps).map(Math.round);
  }
  lps(index) {
    return [0, 1, 2].map((k) => this.affine[k].slice(0, 3).reduce((s, v, n) => s + v * index[n], this.affine[k][3]));
  }
  // height of the body at a share of its length from the head, mm, in the middle of the image
  height(share) {
    const along = [0, 1, 2].reduce((best, k) => (Math.abs(this.affine[2][k]) / this.spacing[k] > Math.abs(this.affine[2][best]) / this.spacing[best] ? k : best), 0);
    const middle = this.shape.map((n) => (n - 1) / 2);
    const from = this.affine[2][along] > 0 ? 1 - share : share;
    middle[along] = from * this.shape[along] - 0.5;
    return this.lps(middle)[2];
  }
  inside(index) {
    return index.every((v, k) => v >= 0 && v < this.shape[k]);
  }
  flat([z, y, x]) {
    return (z * this.shape[1] + y) * this.shape[2] + x;
  }
  ball(centre, mm) {
    // runs [first, count] of the voxels within a distance
    const reach = this.spacing.map((s) => Math.floor(mm / s));
    const runs = [];
    for (let z = centre[0] - reach[0]; z <= centre[0] + reach[0]; z++)
      for (let y = centre[1] - reach[1]; y <= centre[1] + reach[1]; y++) {
        const left = mm ** 2 - ((z - centre[0]) * this.spacing[0]) ** 2 - ((y - centre[1]) * this.spacing[1]) ** 2;
        if (left < 0 || z < 0 || y < 0 || z >= this.shape[0] || y >= this.shape[1]) continue;
        const half = Math.floor(Math.sqrt(left) / this.spacing[2]);
        const [from, to] = [Math.max(0, centre[2] - half), Math.min(this.shape[2] - 1, centre[2] + half)];
        if (to >= from) runs.push([this.flat([z, y, from]), to - from + 1]);
      }
    return runs;
  }
}

// The voxels of a volume in the viewer, which run right, front, head, and places in the patient. The viewer's own
// millimetres are not the patient's where slices lie oblique: of what it tells only fractions of the image are used.
export class ViewerGrid extends Grid {
  constructor(volume) {
    const rows = [0, 1, 2].map((r) => [0, 1, 2, 3].map((c) => (r < 2 ? -1 : 1) * volume.matRAS[4 * r + c]));
    super([...volume.dimsRAS.slice(1, 4)], [...rows, [0, 0, 0, 1]]);
  }
  fraction(lps) { return this.at(lps).map((v, k) => (v + 0.5) / this.shape[k]); }
  place(fraction) { return this.lps([0, 1, 2].map((k) => fraction[k] * this.shape[k] - 0.5)); }
  flat([i, j, k]) { return (k * this.shape[1] + j) * this.shape[0] + i; }
}

// millimetres between two places in the patient, whatever grid shows them
export const distance = ([a, b]) => Math.hypot(...a.map((v, k) => v - b[k]));

// The voxels of a compressed NIfTI-1 file of bytes, in storage order.
export async function labelsIn(buffer) {
  const plain = new Response(new Blob([buffer]).stream().pipeThrough(new DecompressionStream("gzip")));
  const whole = await plain.arrayBuffer();
  return new Uint8Array(whole, new DataView(whole).getFloat32(108, true));
}
