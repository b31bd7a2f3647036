// The two views: PET alone, the only one whose values are measured, and CT with PET over it.
import { Niivue, NVImage, SHOW_RENDER, DRAG_MODE, SLICE_TYPE, cmapper } from "/vendor/niivue.js";

const BASE = {
  isRadiologicalConvention: true, sagittalNoseLeft: true, showAllOrientationMarkers: true, multiplanarPadPixels: 12,
  isRuler: true, isColorbar: true, multiplanarShowRender: SHOW_RENDER.NEVER, trustCalMinMax: true,
  isForceMouseClickToVoxelCenters: true, dragAndDropEnabled: false, logLevel: "error", viewModeHotKey: "",
  clipPlaneHotKey: "", cycleClipPlaneHotKey: "", backColor: [0.06, 0.06, 0.06, 1], isAntiAlias: false,
  crosshairWidth: 1.8, crosshairWidthUnit: "mm", crosshairGap: 12, crosshairColor: [0.85, 0.25, 0.1, 1],
  fontColor: [0.85, 0.45, 0.1, 1], fontSizeScaling: 0.5, isCornerOrientationText: false,
};
const TALL = [
  { sliceType: SLICE_TYPE.AXIAL, position: [0, 0, 1, 0.5] },
  { sliceType: SLICE_TYPE.CORONAL, position: [0, 0.5, 0.48, 0.41] },
  { sliceType: SLICE_TYPE.SAGITTAL, position: [0.52, 0.5, 0.48, 0.41] },
];
const WIDE = [
  { sliceType: SLICE_TYPE.AXIAL, position: [0, 0, 0.48, 0.46] },
  { sliceType: SLICE_TYPE.SAGITTAL, position: [0, 0.48, 0.48, 0.43] },
  { sliceType: SLICE_TYPE.CORONAL, position: [0.52, 0, 0.48, 0.91] },
];
const COLOUR = { in: [230, 159, 0], doubt: [240, 228, 66], out: [86, 180, 233] };

async function made(canvas, volume) {
  const nv = new Niivue(BASE);
  await nv.attachToCanvas(canvas, false);
  nv.setSliceType(SLICE_TYPE.MULTIPLANAR);
  nv.setMouseEventConfig?.({
    leftButton: { primary: DRAG_MODE.crosshair }, rightButton: DRAG_MODE.callbackOnly, centerButton: DRAG_MODE.pan,
  });
  await nv.loadFromArrayBuffer(volume, "volume.nii.gz");
  const lay = () => nv.setCustomLayout(canvas.clientHeight > 1.1 * canvas.clientWidth ? TALL : WIDE);
  new ResizeObserver(lay).observe(canvas);
  lay();
  // what is read is on the server: a picture that was lost is covered, and made anew when it can be
  canvas.addEventListener("webglcontextlost", (event) => { event.preventDefault(); canvas.parentElement.classList.add("lost"); });
  canvas.addEventListener("webglcontextrestored", () => location.reload());
  return nv;
}

export class Views {
  constructor(petCanvas, ctCanvas, moved) {
    Object.assign(this, { petCanvas, ctCanvas, moved, at: null, window: 10, hidden: false, rows: [], chosen: new Set() });
  }
  async openPet(pet) {
    this.pet = await made(this.petCanvas, pet.slice(0));
    this.grey(this.pet);
    this.pet.onLocationChange = (where) => this.follow(where);
  }
  async openCt(ct, pet) {
    const nv = await made(this.ctCanvas, ct);
    await nv.addVolume(await NVImage.new(pet.slice(0), "pet.nii.gz"));
    nv.volumes[1].colormap = "hot";
    [nv.volumes[1].cal_min, nv.volumes[1].cal_max] = [0, this.window];
    nv.setOpacity(1, 0.5);
    nv.updateGLVolume();
    nv.onLocationChange = (where) => this.follow(where);
    this.ct = nv;
    if (this.at) this.go(this.at);
  }
  grey(nv) {
    const volume = nv.volumes[0];
    volume.colormap = "gray";
    volume.colormapInvert = true;
    [volume.cal_min, volume.cal_max] = [0, this.window];
    nv.updateGLVolume();
  }
  setWindow(top) {
    this.window = top;
    this.grey(this.pet);
    if (!this.ct) return;
    [this.ct.volumes[1].cal_min, this.ct.volumes[1].cal_max] = [0, top];
    this.ct.updateGLVolume();
  }
  setCt(low, high) {
    if (!this.ct) return;
    [this.ct.volumes[0].cal_min, this.ct.volumes[0].cal_max] = [low, high];
    this.ct.updateGLVolume();
  }
  setFusion(share) {
    this.ct?.setOpacity(1, share);
  }
  follow(where) {
    // one place, shown in both; niivue speaks RAS, everything else here LPS
    const lps = [-where.mm[0], -where.mm[1], where.mm[2]];
    if (this.at && lps.every((v, k) => Math.abs(v - this.at[k]) < 0.01)) return;
    this.go(lps);
  }
  go(lps) {
    this.at = lps;
    for (const nv of [this.pet, this.ct]) {
      if (!nv) continue;
      nv.scene.crosshairPos = nv.mm2frac([-lps[0], -lps[1], lps[2]]);
      nv.drawScene();
    }
    this.moved(lps);
  }
  // the place under the mouse, LPS mm, or null beside the slices
  under(layer, event) {
    const nv = this[layer];
    const scale = nv.canvas.width / nv.canvas.clientWidth;
    const frac = nv.canvasPos2frac([event.offsetX * scale, event.offsetY * scale]);
    if (frac[0] < 0) return null;
    const mm = nv.frac2mm(frac);
    return [-mm[0], -mm[1], mm[2]];
  }
  // move by voxels of the PET towards left, back, head
  nudge(by, times) {
    const step = this.pet.volumes[0].pixDimsRAS.slice(1, 4);
    const ends = this.pet.volumes[0];
    const lps = this.at.map((v, k) => v + by[k] * step[k] * times);
    const vox = ends.mm2vox([-lps[0], -lps[1], lps[2]]);
    if ([...vox].every((v, k) => Math.round(v) >= 0 && Math.round(v) < ends.dimsRAS[k + 1])) this.go(lps);
  }
  value(nv, layer) {
    const volume = nv?.volumes[layer];
    if (!volume || !this.at) return null;
    const vox = volume.mm2vox([-this.at[0], -this.at[1], this.at[2]]);
    const found = [...vox].map(Math.round);
    if (found.some((v, k) => v < 0 || v >= volume.dimsRAS[k + 1])) return null;
    return volume.getValue(...found);
  }
  get suv() { return this.value(this.pet, 0); }
  get hu() { return this.value(this.ct, 0); }
  async labels(buffer, rows) {
    const image = await NVImage.new(buffer, "labels.nii.gz");
    if (!this.pet.loadDrawing(image)) throw new Error("The regions do not lie on the PET");
    this.colour(rows, this.chosen);
  }
  colour(rows, chosen) {
    Object.assign(this, { rows, chosen });
    const top = Math.max(1, ...rows.map((r) => r.slot));
    const lut = { R: [0], G: [0], B: [0], A: [0], I: [0], labels: [""] };
    const at = new Map(rows.map((r) => [r.slot, r]));
    for (let slot = 1; slot <= top; slot++) {
      const row = at.get(slot);
      const [r, g, b] = COLOUR[row ? kind(row) : "out"];
      const alpha = !row || this.hidden ? 0 : kind(row) === "out" ? 40 : chosen.has(row.region) ? 255 : 190;
      lut.R.push(r); lut.G.push(g); lut.B.push(b); lut.A.push(alpha); lut.I.push(slot); lut.labels.push("");
    }
    this.pet.drawLut = cmapper.makeDrawLut(lut);
    this.pet.setDrawOpacity(this.hidden ? 0 : 0.45);
    this.pet.drawRimOpacity = this.hidden ? 0 : 1;
    this.pet.refreshColormaps();
    this.pet.drawScene();
  }
  hide(hidden) {
    this.hidden = hidden;
    this.colour(this.rows, this.chosen);
  }
}

export const kind = (row) => (row.status === "doubtful" ? "doubt" : row.counted ? "in" : "out");
