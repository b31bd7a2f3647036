// Which lesion of the scan before is which of this one. The server proposes; "new" is what the reader says.
import { $, make } from "/elements.js";
import { get } from "/net.js";

const REST_MS = 400; // several acts at once are followed once
const ids = (side) => side.map((l) => l.id).join(" ");
const numbers = (side, key) => side.map((l) => l.shown[key]).join(", ");

export class Course {
  constructor(reader) {
    Object.assign(this, { reader, rows: [], events: -1, asked: 0 });
  }
  // asked for after what is waited for; an answer to a state that is gone is followed by another
  follow() {
    clearTimeout(this.asked);
    this.asked = setTimeout(() => this.ask(), this.events < 0 ? 0 : REST_MS);
  }
  async ask() {
    const { reader } = this;
    if (this.events === reader.table.events) return;
    const told = await get(`${reader.version}/course`).catch((error) => ({ events: -1, apart: error.what, rows: [] }));
    if (told.events >= 0 && told.events < reader.table.events) { this.follow(); return; }
    Object.assign(this, { rows: told.rows, events: told.events });
    $("apart").textContent = told.apart ? `Lesions are not matched: ${told.apart}.` : "";
    $("course").hidden = !told.rows.length;
    $("courserows").replaceChildren(...told.rows.map((row) => this.line(row)));
  }
  line(row) {
    const made = make("tr", "", { className: row.course });
    const [word, now] = [make("td", row.word), make("td", "", { className: "n" })];
    if (row.gap_mm) word.append(make("small", ` gap ${row.gap_shown}`));
    const where = make("button", ids(row.now) || "site", { onclick: () => this.go(row) });
    where.setAttribute("aria-label", row.now.length ? `Go to ${ids(row.now)}` : `Go to where ${ids(row.before)} was`);
    const { shown, not_counted: others } = row.site || { not_counted: [] };
    const there = shown ? [`SUVmax ${shown}`, ...others.map((id) => `${id} not counted`)].join(", ") : "–";
    now.append(row.now.length ? numbers(row.now, "volume_ml") : there, " ");
    if (row.now.length || row.site) now.append(where);
    made.append(word, make("td", `${ids(row.before)} ${numbers(row.before, "volume_ml")}`, { className: "n" }), now);
    return made;
  }
  go(row) {
    const { reader } = this;
    if (row.now.length) reader.choose(row.now[0].region);
    else if (row.site) reader.views.go(row.site.lps);
  }
  // lesions of this scan alone of which the reader has not said whether they are new
  get open() {
    return this.rows.filter((row) => row.course === "new" && row.now.some((l) => (this.reader.row(l.region)?.new ?? null) === null));
  }
}
