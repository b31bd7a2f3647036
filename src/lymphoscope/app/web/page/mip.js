// The turning projection: frames made by the server, the regions' numbers over them.
import { get } from "/net.js";
import { kind } from "/views.js";

const COLOUR = { in: "#e69f00", doubt: "#f0e442", out: "#56b4e9" };

// what lies at the picture's left when the patient is turned by an angle: R, RA, AR, A, … as on the planes
function side(degrees) {
  const turn = (degrees * Math.PI) / 180;
  const parts = [[Math.cos(turn), "R", "L"], [Math.sin(turn), "A", "P"]].sort((a, b) => Math.abs(b[0]) - Math.abs(a[0]));
  return parts.filter(([share]) => Math.abs(share) > 0.3).map(([share, there, opposite]) => (share > 0 ? there : opposite)).join("");
}

export class Turning {
  constructor(canvas, frames, picked) {
    Object.assign(this, { canvas, frames, picked, frame: 0, top: 10, images: [], marks: new Map(), table: null, beside: null, active: 0 });
    let from = null;
    let turned = false;
    canvas.addEventListener("pointerdown", (e) => { from = e.clientX; turned = false; canvas.setPointerCapture(e.pointerId); });
    canvas.addEventListener("pointermove", (e) => {
      if (from === null || Math.abs(e.clientX - from) < 12) return;
      this.turn(e.clientX > from ? 1 : -1);
      from = e.clientX;
      turned = true;
    });
    canvas.addEventListener("pointerup", (e) => { from = null; if (!turned) this.pick(e.offsetX, e.offsetY); });
    new ResizeObserver(() => this.draw()).observe(canvas);
  }
  async open(path) {
    this.path = path;
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
    image.src = `${this.path}/mip/${n}.png?top=${top}`;
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
  async turn(step) {
    if (this.follows) { this.follows.turn(step); return; }
    this.frame = (this.frame + step + this.frames) % this.frames;
    if (this.beside) { this.beside.frame = this.frame; this.beside.image(this.frame).then(() => this.beside.draw()); }
    await this.image(this.frame);
    this.draw();
    this.place();
  }
  async show(path, table) {
    if (this.table?.head !== table.head) this.marks.clear();
    Object.assign(this, { version: path, table });
    await this.place();
  }
  async place() {
    const n = this.frame;
    if (!this.version) return;
    if (!this.marks.has(n)) {
      const told = await get(`${this.version}/mip/${n}`).catch(() => null);
      if (told && told.head === this.table.head) this.marks.set(n, told.marks);
    }
    this.draw();
  }
  box() {
    const image = this.images[this.frame];
    const { clientWidth: w, clientHeight: h } = this.canvas;
    const scale = Math.min(w / image.width, h / image.height);
    return [(w - image.width * scale) / 2, (h - image.height * scale) / 2, image.width * scale, image.height * scale];
  }
  draw() {
    const { canvas } = this;
    [canvas.width, canvas.height] = [canvas.clientWidth, canvas.clientHeight];
    const image = this.images[this.frame];
    if (!image?.width) return;
    const pen = canvas.getContext("2d");
    const [x, y, w, h] = this.box();
    pen.drawImage(image, x, y, w, h);
    pen.font = "bold 15px system-ui";
    pen.fillStyle = "#000";
    const degrees = (360 / this.frames) * this.frame;
    pen.fillText(side(degrees), x + 6, y + 18);
    pen.textAlign = "right";
    pen.fillText(side(degrees + 180), x + w - 6, y + 18);
    pen.textAlign = "left";
    pen.fillText(`${this.frame * 10}°`, x + w / 2 - 12, y + h - 6);
    const marks = this.bare ? {} : this.marks.get(this.frame) || {};
    for (const row of this.table?.rows || []) {
      const at = marks[row.region];
      if (!at) continue;
      const [mx, my] = [x + at[1] * w, y + at[0] * h];
      pen.strokeStyle = "#000";
      pen.lineWidth = row.region === this.active ? 7 : 4;
      pen.beginPath(); pen.arc(mx, my, 7, 0, 7); pen.stroke();
      pen.strokeStyle = COLOUR[kind(row)];
      pen.lineWidth = 2;
      pen.beginPath(); pen.arc(mx, my, 7, 0, 7); pen.stroke();
      if (row.counted) { pen.fillStyle = COLOUR[kind(row)]; pen.beginPath(); pen.arc(mx, my, 3, 0, 7); pen.fill(); }
      pen.font = "12px system-ui";
      pen.lineWidth = 3;
      pen.strokeStyle = "#fff";
      pen.strokeText(row.id + (kind(row) === "doubt" ? "?" : ""), mx + 10, my + 4);
      pen.fillStyle = "#000";
      pen.fillText(row.id + (kind(row) === "doubt" ? "?" : ""), mx + 10, my + 4);
    }
  }
  hide(bare) {
    this.bare = bare;
    this.draw();
  }
  async pick(px, py) {
    const [x, y, w, h] = this.box();
    const [column, row] = [(px - x) / w, (py - y) / h];
    if (this.follows || column < 0 || column > 1 || row < 0 || row > 1) return;
    this.picked(await get(`${this.path}/mip/${this.frame}/pick?row=${row}&column=${column}`));
  }
}
