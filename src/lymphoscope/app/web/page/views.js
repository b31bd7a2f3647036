// The two views: PET alone, the only one whose values are measured, and CT with PET over it.
import { Niivue, NVImage, SHOW_RENDER, DRAG_MODE, SLICE_TYPE, cmapper } from "/vendor/niivue.js";

const BASE = {
  isRadiologicalConvention: true, sagittalNoseLeft: true, showAllOrientationMarkers: true, multiplanarPadPixels: 12,
  isRuler: true, isColorbar: true, multiplanarShowRender: SHOW_RENDER.NEVER, trustCalMinMax: true,
  isForceMouseClickToVoxelCenters: true, dragAndDropEnabled: false, logLevel: "error", viewModeHotKey: "",
  clipPlaneHotKey: "", cycleClipPlaneHotKey: "", backColor: [0.06, 0.06, 0.06, 1], isAntiAlias: false,
  crosshairWidth: 0.6, crosshairWidthUnit: "mm", crosshairGap: 8, crosshairColor: [0.85, 0.25, 0.1, 1],
  fontColor: [0.85, 0.45, 0.1, 1], fontSizeScaling: 0.5,
};
const COLOUR = { in: [230, 159, 0], doubt: [240, 228, 66], out: [86, 180, 233] };

async function made(canvas) {
  const nv = new Niivue(BASE);
  await nv.attachToCanvas(canvas, false);
  nv.setSliceType(SLICE_TYPE.MULTIPLANAR);
  nv.setMouseEventConfig?.({
    leftButton: { primary: DRAG_MODE.crosshair }, rightButton: DRAG_MODE.callbackOnly, centerButton: DRAG_MODE.pan,
  });
  return nv;
}

export class Views {
  constructor(petCanvas, ctCanvas, moved) {
    Object.assign(this, { petCanvas, ctCanvas, moved, at: null, window: 10, hidden: false, rows: [], chosen: new Set() });
  }
  async open(pet, ct) {
    this.pet = await made(this.petCanvas);
    await this.pet.loadFromArrayBuffer(pet.slice(0), "pet.nii.gz");
    this.grey(this.pet);
    this.pet.onLocationChange = (where) => this.follow(where);
    if (ct) {
      this.ct = await made(this.ctCanvas);
      await this.ct.loadFromArrayBuffer(ct, "ct.nii.gz");
      await this.ct.addVolume(await NVImage.new(pet.slice(0), "pet.nii.gz"));
      this.ct.volumes[1].colormap = "hot";
      [this.ct.volumes[1].cal_min, this.ct.volumes[1].cal_max] = [0, 10];
      this.ct.setOpacity(1, 0.5);
      this.ct.updateGLVolume();
      this.ct.onLocationChange = (where) => this.follow(where);
    }
    for (const canvas of [this.petCanvas, this.ctCanvas])
      canvas.addEventListener("webglcontextlost", () => this.moved(null));
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
