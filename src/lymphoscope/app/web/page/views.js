// The two views: PET alone, the only one whose values are measured, and CT with PET over it.
import { Niivue, NVImage, SHOW_RENDER, DRAG_MODE, SLICE_TYPE, cmapper } from "/vendor/niivue.js";
import { ViewerGrid, distance } from "/grid.js";
import { onOther, onPet, renumbered } from "/marks.js";
import { COLOUR, hue, kind } from "/status.js";

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
  { sliceType: SLICE_TYPE.SAGITTAL, position: [0.52, 0.5, 0.46, 0.41] },
];
const WIDE = [
  { sliceType: SLICE_TYPE.AXIAL, position: [0, 0, 0.48, 0.46] },
  { sliceType: SLICE_TYPE.SAGITTAL, position: [0, 0.48, 0.48, 0.43] },
  { sliceType: SLICE_TYPE.CORONAL, position: [0.52, 0, 0.46, 0.91] },
];
const FRESH = 255; // slot of what a click would add
const OPACITY = { pet: 0.45, ct: 0.3 };

// However often a picture is asked for before the next frame, it is drawn once, and not before the last one is finished:
// without a graphics card each takes a tenth of a second, and pictures that are queued hold up the whole page.
function oncePerFrame(nv) {
  const draws = nv.drawScene.bind(nv);
  let [waiting, last] = [0, null];
  const next = () => {
    const { gl } = nv;
    waiting = last && gl.clientWaitSync(last, 0, 0) === gl.TIMEOUT_EXPIRED ? requestAnimationFrame(next) : 0;
    if (waiting) return;
    if (last) gl.deleteSync(last);
    draws();
    drawRuler(nv);
    last = gl.fenceSync(gl.SYNC_GPU_COMMANDS_COMPLETE, 0);
    gl.flush();
  };
  nv.drawScene = () => { waiting ||= requestAnimationFrame(next); };
}

// a measured line, in the planes that it lies in
function drawRuler(nv) {
  const [from, to] = nv.ruler.map((lps) => nv.grid.fraction(lps));
  for (const plane of to ? [SLICE_TYPE.AXIAL, SLICE_TYPE.CORONAL, SLICE_TYPE.SAGITTAL] : []) {
    const [a, b] = [from, to].map((frac) => nv.frac2canvasPosWithTile(frac, plane));
    if (!a || !b || a.tileIndex !== b.tileIndex) continue;
    const ends = [...a.pos, ...b.pos];
    nv.drawLine(ends, 5, [0, 0, 0, 1]);
    nv.drawLine(ends, 2, [1, 1, 0.4, 1]);
    nv.drawTextBetween(ends, `${distance(nv.ruler).toFixed(1)} mm`, 1, [1, 1, 0.4, 1]);
  }
}

async function made(canvas, volume) {
  const nv = Object.assign(new Niivue(BASE), { ruler: [] });
  oncePerFrame(nv);
  await nv.attachToCanvas(canvas, false);
  nv.setSliceType(SLICE_TYPE.MULTIPLANAR);
  nv.setMouseEventConfig?.({
    leftButton: { primary: DRAG_MODE.crosshair }, rightButton: DRAG_MODE.callbackOnly, centerButton: DRAG_MODE.pan,
  });
  await nv.loadFromArrayBuffer(volume, "volume.nii.gz");
  nv.grid = new ViewerGrid(nv.volumes[0]);
  const lay = () => nv.setCustomLayout(canvas.clientHeight > 1.1 * canvas.clientWidth ? TALL : WIDE);
  new ResizeObserver(lay).observe(canvas);
  lay();
  // what is read is on the server: a picture that was lost is covered, and made anew when it can be
  canvas.addEventListener("webglcontextlost", (event) => { event.preventDefault(); canvas.parentElement.classList.add("lost"); });
  canvas.addEventListener("webglcontextrestored", () => location.reload());
  return nv;
}

function draw(nv, bitmap) {
  if (!nv.drawBitmap) nv.createEmptyDrawing();
  nv.drawBitmap = bitmap;
  nv.refreshDrawing(false);
}

export class Views {
  constructor(petCanvas, ctCanvas, moved) {
    Object.assign(this, { petCanvas, ctCanvas, moved, at: null, window: 10, hidden: false, rows: [], chosen: new Set(),
      hovered: 0, fresh: [], slots: null, grid: null });
  }
  async openPet(pet) {
    this.pet = await made(this.petCanvas, pet.slice(0));
    this.grey(this.pet);
    this.pet.onLocationChange = (where) => this.follow(this.pet, where);
  }
  async openCt(ct, pet) {
    const nv = await made(this.ctCanvas, ct);
    await nv.addVolume(await NVImage.new(pet.slice(0), "pet.nii.gz"));
    nv.volumes[1].colormap = "hot";
    [nv.volumes[1].cal_min, nv.volumes[1].cal_max] = [0, this.window];
    nv.setOpacity(1, 0.5);
    nv.updateGLVolume();
    nv.onLocationChange = (where) => this.follow(nv, where);
    this.ct = nv;
    if (this.slots) draw(nv, onOther(this.slots, this.grid, nv.grid));
    this.colour(this.rows, this.chosen);
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

  // places: one, shown in both; LPS mm
  follow(nv, where) {
    const lps = nv.grid.place(where.frac);
    if (this.at && lps.every((v, k) => Math.abs(v - this.at[k]) < 0.01)) return;
    this.go(lps);
  }
  go(lps) {
    this.at = lps;
    for (const nv of [this.pet, this.ct]) {
      if (!nv) continue;
      nv.scene.crosshairPos = nv.grid.fraction(lps);
      nv.drawScene();
    }
    this.moved(lps);
  }
  // a line between two places, or none
  measure(ends) {
    for (const nv of [this.pet, this.ct]) if (nv) { nv.ruler = ends; nv.drawScene(); }
  }
  // the place under the mouse, or null beside the slices
  under(layer, event) {
    const nv = this[layer];
    if (!nv) return null;
    const scale = nv.canvas.width / nv.canvas.clientWidth;
    const frac = nv.canvasPos2frac([event.offsetX * scale, event.offsetY * scale]);
    return frac[0] < 0 ? null : nv.grid.place(frac);
  }
  // move by voxels of the PET towards left, back, head
  nudge(by, times) {
    const { grid } = this.pet;
    const voxel = grid.index(this.at).map((v, k) => v + [-by[0], -by[1], by[2]][k] * times);
    if (grid.inside(voxel)) this.go(grid.lps(voxel));
  }
  value(nv) {
    const voxel = nv && this.at && nv.grid.index(this.at);
    return voxel && nv.grid.inside(voxel) ? nv.volumes[0].getValue(...voxel) : null;
  }
  get suv() { return this.value(this.pet); }
  get hu() { return this.value(this.ct); }

  // regions
  labels(slots, grid, rows) {
    Object.assign(this, { slots, grid, fresh: [] });
    draw(this.pet, onPet(slots, grid, this.pet.grid));
    if (this.ct) draw(this.ct, onOther(slots, grid, this.ct.grid));
    this.colour(rows, this.chosen);
  }
  colour(rows, chosen) {
    Object.assign(this, { rows, chosen });
    const lut = { R: [0], G: [0], B: [0], A: [0], I: [0], labels: [""] };
    const at = new Map(rows.map((r) => [r.slot, r]));
    for (let slot = 1; slot <= FRESH; slot++) {
      const row = at.get(slot);
      const [r, g, b] = COLOUR[slot === FRESH ? "fresh" : row ? hue(row) : "out"];
      lut.R.push(r); lut.G.push(g); lut.B.push(b); lut.A.push(this.alpha(slot, row)); lut.I.push(slot); lut.labels.push("");
    }
    const made = cmapper.makeDrawLut(lut);
    for (const layer of ["pet", "ct"]) {
      const nv = this[layer];
      if (!nv) continue;
      nv.drawLut = made;
      nv.drawOpacity = this.hidden ? 0 : OPACITY[layer];
      nv.drawRimOpacity = this.hidden ? 0 : 1;
      nv.refreshColormaps();
      nv.drawScene();
    }
  }
  alpha(slot, row) {
    if (this.hidden) return 0;
    if (slot === FRESH) return 200;
    if (!row) return 0;
    if (row.region === this.hovered || this.chosen.has(row.region)) return 255;
    return kind(row) === "out" ? 2 : 150; // what is removed is an outline: rims are drawn wherever there is any colour
  }
  hide(hidden) {
    this.hidden = hidden;
    this.colour(this.rows, this.chosen);
  }
  hover(region) {
    if (region === this.hovered) return;
    this.hovered = region;
    this.colour(this.rows, this.chosen);
  }
  // outline what a click would add: runs of free voxels of the PET
  outline(runs) {
    if (!this.fresh.length && !runs.length) return;
    const { pet } = this;
    const to = renumbered(this.grid, pet.grid);
    for (const n of this.fresh) pet.drawBitmap[n] = 0;
    this.fresh = runs.flatMap(([first, count]) => Array.from({ length: count }, (_, k) => to(first + k))).filter((n) => !pet.drawBitmap[n]);
    for (const n of this.fresh) pet.drawBitmap[n] = FRESH;
    pet.refreshDrawing(true);
  }
}
