// The turning projection: frames made by the server, over them the shadows of the regions, with their numbers.
import { get } from "/net.js";
import { css, hue, kind } from "/status.js";

const NEAR = 7; // pixels: so near the upper or lower end a drag moves that end
const SMALL = 9; // pixels: what throws less of a shadow has a ring round it

// what lies at the picture's left when the patient is turned by an angle: R, RA, AR, A, … as on the planes
function side(degrees) {
  const turn = (degrees * Math.PI) / 180;
  const parts = [[Math.cos(turn), "R", "L"], [Math.sin(turn), "A", "P"]].sort((a, b) => Math.abs(b[0]) - Math.abs(a[0]));
  return parts.filter(([share]) => Math.abs(share) > 0.3).map(([share, there, opposite]) => (share > 0 ? there : opposite)).join("");
}

export class Turning {
  constructor(canvas, frames, picked, hovered = () => {}) {
    // drawn by the processor: on the graphics it would wait for the planes' pictures, and everything for it
    const pen = canvas.getContext("2d", { willReadFrequently: true });
    Object.assign(this, { canvas, pen, frames, picked, hovered, frame: 0, top: 10, images: [], marks: new Map(), table: null,
      beside: null, active: 0, pointed: 0, paths: new Map(), cuts: null, end: null, limit: null });
    let from = null;
    let turned = false;
    canvas.addEventListener("pointerdown", (e) => {
      [from, turned, this.end] = [e.clientX, false, this.endAt(e.offsetY)];
      canvas.setPointerCapture(e.pointerId);
    });
    canvas.addEventListener("pointermove", (e) => {
      if (from === null) canvas.style.cursor = this.endAt(e.offsetY) ? "ns-resize" : "";
      if (this.end) { this.limitAt(e.offsetY); return; }
      if (from === null) { this.hovered(this.regionAt(e.offsetX, e.offsetY)); return; }
      if (Math.abs(e.clientX - from) < 12) return;
      this.turn(e.clientX > from ? 1 : -1);
      from = e.clientX;
      turned = true;
    });
    canvas.addEventListener("pointerleave", () => this.hovered(0));
    canvas.addEventListener("pointerup", (e) => {
      from = null;
      if (this.end) this.cut();
      else if (!turned) this.pick(e.offsetX, e.offsetY);
    });
    new ResizeObserver(() => this.draw()).observe(canvas);
  }
  // the first frame may have been asked for before it was known which measurement of the case it belongs to
  async open(path, of, front = null) {
    Object.assign(this, { path, of });
    await front?.decode().then(() => { this.images[0] = front; }, () => {});
    await this.image(0);
    this.draw();
  }
  // all other frames, one after the other, when nothing that is waited for is on its way any more
  async rest() {
    for (let n = 1; n < this.frames; n++) await this.image(n);
    await this.beside?.rest();
  }
  async image(n) {
    if (this.images[n]) return;
    const [image, top] = [new Image(), this.top];
    image.src = `${this.path}/mip/${n}.png?top=${top}&of=${this.of}`;
    await image.decode().catch(() => {});
    if (top === this.top) this.images[n] = image;
  }
  async setWindow(top) {
    Object.assign(this, { top, images: [] });
    await this.image(this.frame);
    this.draw();
    this.beside?.setWindow(top);
  }
  mark(region) {
    this.active = region;
    this.draw();
  }
  point(region) {
    if (region === this.pointed) return;
    this.pointed = region;
    this.draw();
  }
  async turn(step) {
    if (this.follows) { this.follows.turn(step); return; }
    this.frame = (this.frame + step + this.frames) % this.frames;
    if (this.beside) { this.beside.frame = this.frame; this.beside.image(this.frame).then(() => this.beside.draw()); }
    await this.image(this.frame);
    this.draw();
    this.place();
  }
  async show(path, table) {
    if (this.table?.labels !== table.labels) this.marks.clear(); // shadows change with voxels, not with decisions
    Object.assign(this, { version: path, table });
    await this.place();
  }
  async place() {
    const n = this.frame;
    if (!this.version) return;
    if (!this.marks.has(n)) {
      const told = await get(`${this.version}/mip/${n}`).catch(() => null);
      if (told && told.labels === this.table.labels) this.marks.set(n, told);
    }
    this.draw();
  }
  box() {
    const image = this.images[this.frame];
    if (!image?.width) return null;
    const { clientWidth: w, clientHeight: h } = this.canvas;
    const scale = Math.min(w / image.width, h / image.height);
    return [(w - image.width * scale) / 2, (h - image.height * scale) / 2, image.width * scale, image.height * scale];
  }
  // the ends of the picture can be drawn towards the middle: what lies beyond is then asked about
  endAt(py) {
    const box = this.cuts && this.box();
    if (!box) return null;
    return Math.abs(py - box[1]) < NEAR ? "head" : Math.abs(py - box[1] - box[3]) < NEAR ? "foot" : null;
  }
  limitAt(py) {
    const [, y, , h] = this.box();
    this.limit = Math.min(1, Math.max(0, (py - y) / h));
    this.draw();
  }
  cut() {
    const { end, limit } = this;
    Object.assign(this, { end: null, limit: null });
    this.draw();
    if (limit > 0 && limit < 1) this.cuts(end, limit);
  }
  drawLimit(pen, [x, y, w, h]) {
    const at = y + this.limit * h;
    pen.fillStyle = "rgb(86 180 233 / .35)";
    if (this.end === "head") pen.fillRect(x, y, w, at - y);
    else pen.fillRect(x, at, w, y + h - at);
    pen.fillStyle = "#000";
    pen.fillRect(x, at - 1, w, 2);
  }
  drawEnds(pen, [x, y, w, h]) {
    pen.fillStyle = "#888";
    for (const at of [y, y + h - 4]) pen.fillRect(x + w / 2 - 22, at, 44, 4);
  }
  draw() {
    const { canvas } = this;
    [canvas.width, canvas.height] = [canvas.clientWidth, canvas.clientHeight];
    this.paths.clear();
    const box = this.box();
    if (!box) return;
    const { pen } = this;
    const [x, y, w, h] = box;
    pen.drawImage(this.images[this.frame], x, y, w, h);
    pen.font = "bold 15px system-ui";
    pen.fillStyle = "#000";
    const degrees = (360 / this.frames) * this.frame;
    pen.fillText(side(degrees), x + 6, y + 18);
    pen.textAlign = "right";
    pen.fillText(side(degrees + 180), x + w - 6, y + 18);
    pen.textAlign = "left";
    pen.fillText(`${this.frame * 10}°`, x + w / 2 - 12, y + h - 6);
    const { marks = {}, outlines = {} } = (!this.bare && this.marks.get(this.frame)) || {};
    const rows = (this.table?.rows || []).filter((row) => marks[row.region]);
    // what is counted lies over what is removed, and what is pointed at over all
    const order = (row) => (row.region === this.pointed ? 3 : row.region === this.active ? 2 : row.counted ? 1 : 0);
    rows.sort((a, b) => order(a) - order(b));
    for (const row of rows) this.shadow(pen, row, marks[row.region], outlines[row.region], box);
    for (const row of rows) this.number(pen, row, marks[row.region], box);
    if (this.cuts) this.drawEnds(pen, box);
    if (this.end && this.limit !== null) this.drawLimit(pen, box);
  }
  shadow(pen, row, [mr, mc], lines, [x, y, w, h]) {
    const path = new Path2D();
    for (const line of lines) {
      line.forEach(([r, c], k) => path[k ? "lineTo" : "moveTo"](x + c * w, y + r * h));
      path.closePath();
    }
    const all = lines.flat();
    const size = Math.max(...[0, 1].map((k) => (Math.max(...all.map((p) => p[k])) - Math.min(...all.map((p) => p[k]))) * (k ? w : h)));
    if (size < SMALL) { path.moveTo(x + mc * w + SMALL, y + mr * h); path.arc(x + mc * w, y + mr * h, SMALL, 0, 7); }
    this.paths.set(row.region, path);
    const name = kind(row);
    const strong = row.region === this.active || row.region === this.pointed;
    if (row.counted || strong) { pen.fillStyle = css(hue(row), strong ? 0.45 : 0.18); pen.fill(path, "evenodd"); }
    pen.lineJoin = "round";
    pen.strokeStyle = "#000";
    pen.lineWidth = strong ? 5 : 3.4;
    pen.stroke(path);
    pen.setLineDash(name === "doubt" ? [6, 3] : []);
    pen.strokeStyle = css(hue(row));
    pen.lineWidth = strong ? 3 : 1.6;
    pen.stroke(path);
    pen.setLineDash([]);
  }
  number(pen, row, [mr, mc], [x, y, w, h]) {
    const said = row.id + (kind(row) === "doubt" ? "?" : "") + (row.new && row.counted ? " new" : "");
    pen.font = row.counted || kind(row) === "doubt" ? "bold 12px system-ui" : "11px system-ui";
    const at = [Math.min(x + mc * w + 8, x + w - pen.measureText(said).width - 2), y + mr * h - 6];
    pen.lineWidth = 3;
    pen.strokeStyle = "#fff";
    pen.strokeText(said, ...at);
    pen.fillStyle = "#000";
    pen.fillText(said, ...at);
  }
  hide(bare) {
    this.bare = bare;
    this.draw();
  }
  // the region whose shadow is there: the smallest of several
  regionAt(px, py) {
    const { pen } = this;
    const hit = (this.table?.rows || []).filter((row) => {
      const path = this.paths.get(row.region);
      return path && pen.isPointInPath(path, px, py, "evenodd");
    });
    return hit.sort((a, b) => a.volume_ml - b.volume_ml)[0]?.region || 0;
  }
  async pick(px, py) {
    const box = this.box();
    if (!box || this.follows) return;
    const [x, y, w, h] = box;
    const [column, row] = [(px - x) / w, (py - y) / h];
    if (column < 0 || column > 1 || row < 0 || row > 1) return;
    this.picked(await get(`${this.path}/mip/${this.frame}/pick?row=${row}&column=${column}`));
  }
}
