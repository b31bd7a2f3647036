// One version of a case on the screen. It computes no number: all come from the server, with the head they belong to.
import { Course } from "/course.js";
import { $, busy, make, note, pairs, say } from "/elements.js";
import { Grid, distance, labelsIn } from "/grid.js";
import { Turning } from "/mip.js";
import { ahead, bytes, get, letGo, peek, post, put } from "/net.js";
import { kind } from "/status.js";

const ORDER = { doubt: 0, in: 1, out: 2 };
const against = (row) => row.rule === "network against rules"; // read first
const SEEN_MS = 500;
const REST_MS = 120; // how long the mouse rests before the server is asked what a click would take
const ml = (volume) => volume.toFixed(1).replace(/\B(?=(\d{3})+\.)/g, " ");

export class Reader {
  constructor(me, path) {
    Object.assign(this, { me, path, chosen: new Set(), active: 0, show: "all", points: [], table: null, latest: null, drawn: "", looking: 0, stroke: null,
      ruler: null, held: false, over: null, peeking: 0, underway: 0, opened: new Set() });
  }
  // the projection is the first picture, for which no image has to be read: before it is there nothing is asked for that
  // would keep the server busy. The CT is the last
  async open(name, facts, front) {
    this.facts = await facts;
    this.grid = new Grid(this.facts.shape, this.facts.affine);
    $("worklist").hidden = true;
    $("reader").hidden = $("forcase").hidden = false;
    $("reader").classList.toggle("noct", !this.facts.ct);
    this.turning = new Turning($("mip"), this.me.frames, (found) => this.table && this.pickAt(found.lps), (region) => this.point(region));
    await this.turning.open(this.path, this.facts.digest, front);
    this.turning.cuts = this.cuts;
    performance.mark("projection");
    const begun = ahead(name ? Promise.resolve({ name }) : post(`${this.path}/versions`, {}));
    const pet = ahead(bytes(`${this.path}/pet.nii.gz?of=${this.facts.digest}`));
    const viewer = ahead(import("/views.js"));
    this.version = `${this.path}/versions/${encodeURIComponent((await begun).name)}`;
    const table = ahead(get(this.version));
    const { Views } = await viewer;
    this.views = new Views($("petview"), $("ctview"), (lps) => this.moved(lps));
    await this.views.openPet(await pet);
    await this.take(await table);
    if (this.table.mine && !this.table.signed) await this.begin();
    const first = this.table.rows.find((r) => kind(r) === "doubt") || this.table.rows[0];
    if (first) this.choose(first.region);
    requestAnimationFrame(() => performance.mark("pet"));
    busy(false);
    if (this.facts.ct) {
      $("ctwindow").textContent = "coming …";
      await this.views.openCt(await bytes(`${this.path}/ct-view.nii.gz?of=${this.facts.digest}`), await pet);
    }
    if (this.facts.previous) await this.beside();
    performance.mark("all");
    document.body.dataset.complete = "yes";
    this.turning.rest();
  }
  async beside() {
    const told = await get(`${this.path}/previous`);
    $("reader").classList.add("two");
    $("before").hidden = false;
    $("beforewhat").textContent = `${told.scanned.slice(0, 10)} · ${told.of} · ${told.threshold}`;
    $("beforenumbers").replaceChildren(...pairs(told.key_numbers.map((k) => [k.name, k.shown])),
      ...(told.notes.length ? [make("dt", "Note"), make("dd", told.notes.join("; "))] : []),
      ...(told.differs.length ? [make("dt", "Not comparable"), make("dd", told.differs.join("; "))] : []));
    const other = new Turning($("beforemip"), this.me.frames, () => {});
    other.follows = this.turning;
    this.turning.beside = other;
    await other.open(`/api/cases/${told.id}`, told.digest);
    this.course = new Course(this);
    this.course.follow();
  }

  // whatever the server answers becomes the page, unless a later state is known by then: answers overtake one another.
  // A number is shown only with the mask it belongs to
  async take(table) {
    if (table.events < this.latest?.events) return;
    this.latest = table;
    if (this.drawn !== table.labels) {
      const slots = await this.labels(table);
      if (this.latest !== table) return;
      this.slots = slots;
      this.drawn = table.labels;
      this.views.labels(slots, this.grid, table.rows);
    }
    this.table = table;
    this.hover(null);
    this.chosen = new Set([...this.chosen].filter((n) => this.row(n)));
    if (!this.chosen.has(this.active)) this.active = [...this.chosen].at(-1) || 0;
    this.because(this.row(this.active));
    if (this.views.at) this.moved(this.views.at);
    document.body.dataset.head = table.head;
    this.list();
    this.numbers();
    this.views.colour(table.rows, this.chosen);
    this.turning.show(this.version, table);
    if ($("past").open) this.past();
    this.course?.follow();
  }
  // of a state that is not the last any more there is no mask to be had, and none is needed
  labels(table) {
    const path = `${this.version}/labels/${table.labels}.nii.gz`;
    return bytes(path).then(labelsIn).catch((error) => { if (this.latest === table) throw error; });
  }
  numbers() {
    const { table } = this;
    const key = table.key_numbers.map((k) => [k.name, k.shown + (k.note ? ` (${k.note})` : "")]);
    const range = table.key_numbers[0].range_shown;
    if (range) key.splice(1, 0, ["doubtful out/in", range]);
    key.push(["Unseen", String(table.rows.filter((r) => r.counted && !r.seen).length)]);
    $("key").replaceChildren(...pairs(key));
    // a stage that was accepted has a dot, an empty one where its volume is another by now
    const mark = { undefined: "", true: " ●", false: " ○" };
    $("stages").replaceChildren(...pairs(table.stages.map((s, k) => [s.stage + mark[table.steps[k + 1]], `${s.shown.tmtv_ml} mL`])));
    $("step").hidden = !this.writable || !this.nextStep;
    $("step").textContent = `Accept TMTV${this.nextStep} ↵`;
    $("numbers").classList.remove("stale");
    $("undo").disabled = !table.can_undo || !this.writable;
    $("redo").disabled = !table.can_redo || !this.writable;
    $("sign").disabled = !this.writable;
    $("reopen").hidden = !(table.signed && this.me.rights.includes("reopen"));
    const state = table.signed ? "SIGNED" : "draft";
    $("where").textContent = `${this.facts.study?.slice(0, 8) || "case"} · ${this.facts.scanned?.slice(0, 10) || ""} · ${table.version} · ${state} · ${this.facts.threshold}`;
    $("saved").textContent = `mask ${table.head.slice(0, 4)}… saved${table.mine && !table.signed && !this.held ? " · read only" : ""}`;
    $("suggestion").hidden = !table.suggestion;
    $("suggestionwhat").textContent = table.suggestion ? `Suggestion ${table.suggestion.words}.` : "";
    $("reveal").hidden = !(table.may_reveal && this.writable);
    document.querySelector("#filters [data-show=differs]").hidden = !table.suggestion?.shown;
    $("messages").replaceChildren(...table.messages.map((m) => make("li", m.text)));
    $("papers").hidden = !table.signed;
    $("documents").replaceChildren(...(table.documents || []).map((name) => {
      const item = make("li");
      item.append(make("a", name, { href: `${this.version}/files/${name}`, download: "" }));
      return item;
    }));
  }
  stale() {
    $("numbers").classList.add("stale");
    for (const shown of document.querySelectorAll("#key dd, #stages dd")) shown.textContent = "…";
  }

  // the first stage that is not accepted as it stands
  get nextStep() { return [1, 2, 3, 4].find((step) => this.table.steps[step] !== true) || 0; }
  accept() {
    if (this.writable && this.nextStep) this.change(`${this.version}/steps/${this.nextStep}`, {}, false);
  }

  // regions
  row(number) { return this.table.rows.find((r) => r.region === number); }
  get writable() { return !this.table.signed && this.table.mine && this.held; }
  refusal() {
    return this.table.signed ? "A signed version never changes." : this.table.mine ? "Another window of yours writes this reading." : "This is another’s reading.";
  }
  shown() {
    return this.table.rows
      .filter((r) => this.show === "all" || kind(r) === this.show || (this.show === "differs" && r.suggested?.differs) || (this.show === "in" && r.counted) || (this.show === "out" && !r.counted))
      .sort((a, b) => ORDER[kind(a)] - ORDER[kind(b)] || against(b) - against(a) || b.volume_ml - a.volume_ml);
  }
  list() {
    $("regions").replaceChildren(...this.shown().map((row) => this.item(row)));
    if (this.active) $("regions").setAttribute("aria-activedescendant", `region-${this.active}`);
    else $("regions").removeAttribute("aria-activedescendant");
    for (const b of document.querySelectorAll("#filters button")) b.setAttribute("aria-pressed", String(b.dataset.show === this.show));
  }
  item(row) {
    const item = make("li", "", { id: `region-${row.region}`, title: row.why || row.rule || "" });
    item.className = [kind(row), row.seen || !row.counted ? "" : "unseen", row.region === this.active ? "active" : ""].filter(Boolean).join(" ");
    item.setAttribute("role", "option");
    item.setAttribute("aria-selected", String(this.chosen.has(row.region)));
    const place = [row.site || row.organ || "", row.new && row.counted && "new", row.suggested?.differs && `≠ ${row.suggested.word}`].filter(Boolean).join(", ");
    // what is seen is what is spoken, with the words that the table's head has for the eye
    const spoken = (text) => make("span", ` ${text} `, { className: "spoken" });
    const cells = [make("span", row.glyph), make("span", row.id), make("span", ml(row.volume_ml), { className: "n" }),
      make("span", row.suvmax.toFixed(1), { className: "n" }), make("span", place)];
    cells[0].append(spoken(row.word + (row.counted && !row.seen ? ", not seen yet" : "")));
    cells[2].append(spoken("millilitres"));
    cells[3].prepend(spoken("SUV max"));
    item.append(...cells);
    item.onclick = (e) => this.choose(row.region, e.ctrlKey || e.metaKey);
    item.oncontextmenu = (e) => { e.preventDefault(); this.toggle(row); };
    item.onpointerenter = () => this.point(row.region);
    item.onpointerleave = () => this.point(0);
    return item;
  }
  because(row) {
    const suggested = row?.suggested ? `; suggested: ${row.suggested.word}` : "";
    $("why").textContent = row ? `${row.id} ${row.word}: ${row.why || row.rule || "–"} (${row.actor})${suggested}` : "";
  }
  choose(region, more = false, jump = true) {
    const row = this.row(region);
    if (!row) return;
    if (!more) this.chosen.clear();
    this.chosen.add(region);
    this.active = region;
    this.because(row);
    this.list();
    $(`region-${region}`)?.scrollIntoView({ block: "nearest" });
    this.views.colour(this.table.rows, this.chosen);
    this.turning.mark(region);
    if (jump) this.views.go(row.top_lps);
    clearTimeout(this.looking);
    if (row.counted && !row.seen && this.writable)
      this.looking = setTimeout(() => this.change(`${this.version}/seen`, { regions: [region] }, false), SEEN_MS);
  }
  toggle(row) {
    this.choose(row.region, false, false);
    if (this.writable) this.act(row.counted ? "remove" : "restore", { regions: [row.region] });
    else say(this.refusal());
  }
  step(by, more) {
    const rows = this.shown();
    const k = rows.findIndex((r) => r.region === this.active);
    const row = rows[Math.min(rows.length - 1, Math.max(0, k + by))];
    if (row) this.choose(row.region, more);
  }
  next() {
    const rows = this.shown().filter((r) => r.counted && !r.seen && r.region !== this.active);
    if (rows.length) this.choose(rows[0].region);
    else note("Every counted region was seen.");
  }

  // places
  rowAt(index) { return this.table.rows.find((r) => r.slot && r.slot === this.slots[this.grid.flat(index)]); }
  get here() { return this.grid.index(this.views.at); }
  pickAt(lps) {
    this.views.go(lps);
    const row = this.rowAt(this.grid.index(lps));
    if (row) this.choose(row.region, false, false);
  }
  moved(lps) {
    if (!this.table || !lps) return;
    const index = this.grid.index(lps);
    if (!this.grid.inside(index)) { $("readout").textContent = "outside the PET"; return; }
    if (this.stroke) this.stroke.push(...this.grid.ball(index, Number($("brush").value)));
    if (this.ruler?.open) this.measure([this.ruler.ends[0], lps]);
    const row = this.rowAt(index);
    const { suv, hu } = this.views;
    $("readout").textContent = [suv === null ? "– SUVbw" : `SUVbw ${suv.toFixed(2)} g/mL`, hu === null ? "– HU" : `${Math.round(hu)} HU`,
      row ? `${row.id} ${row.word}` : "no region", `x ${lps[0].toFixed(0)} y ${lps[1].toFixed(0)} z ${lps[2].toFixed(0)} mm LPS`].join(" · ");
    $("readout").dataset.index = index.join(" ");
  }

  // a distance: from the first place to the cross-hair until it is fixed, or along the mouse; it is a picture, and no record
  measure(ends, open = true) {
    this.ruler = ends && { ends, open };
    this.views.measure(ends || []);
    $("distance").textContent = ends ? `${distance(ends).toFixed(1)} mm` : "";
  }
  ruled() {
    if (!this.ruler) this.measure([this.views.at, this.views.at]);
    else this.measure(this.ruler.open ? this.ruler.ends : null, false);
  }

  // what the mouse is over: a region, outlined everywhere, or what a double click there would add
  point(region) {
    if (!this.table) return;
    const row = region && this.row(region);
    this.views.hover(region);
    this.turning.point(region);
    $("pointed").textContent = row ? `${row.id} ${ml(row.volume_ml)} mL, ${row.word}` : "";
  }
  hover(lps) {
    const index = lps && this.grid.index(lps);
    if (index && String(index) === String(this.over)) return;
    clearTimeout(this.peeking);
    this.over = index;
    const row = index && this.grid.inside(index) ? this.rowAt(index) : null;
    this.point(row?.region || 0);
    this.views.outline([]);
    document.body.classList.remove("blocked");
    if (index && !row && this.writable && this.grid.inside(index)) this.peeking = setTimeout(() => this.foresee(index), REST_MS);
  }
  async foresee(index) {
    const words = { seed: index, at: Number($("at").value) };
    const told = await peek(`${this.version}/preview`, { op: "grow", words }).catch((error) => error);
    if (this.over !== index) return;
    document.body.classList.toggle("blocked", told instanceof Error);
    if (told instanceof Error) { $("pointed").textContent = told.what; return; }
    this.views.outline(told.gained);
    const meets = told.meets.map((n) => this.row(n)?.id).filter(Boolean);
    $("pointed").textContent = [`a double click adds ${ml(told.change_ml)} mL`, told.leak && `asks first: ${told.leak}`,
      meets.length && `beside ${meets.join(", ")}`].filter(Boolean).join(" · ");
  }

  // one window at a time writes a draft
  async begin() {
    await this.hold();
    window.addEventListener("pagehide", () => { if (this.held) letGo(`${this.version}/lease`); });
    setInterval(() => { if (!this.table.signed) this.hold().catch((error) => say(error.message)); }, 1000 * this.me.beat_s);
  }
  async hold() {
    const before = this.held;
    const told = await put(`${this.version}/lease`).catch((error) => error);
    if (told instanceof Error && told.status !== 423) { if (!told.status) return; throw told; }
    this.held = !(told instanceof Error);
    if (!this.held) say(told.message);
    if (before === this.held) return;
    if (this.held && told.tip !== this.latest.tip) await this.take(await get(this.version));
    else this.numbers();
    if (this.held) say();
  }

  // changes
  async change(path, body, counts = true) {
    busy(true);
    this.underway += 1;
    if (counts) this.stale();
    try {
      const table = await post(path, body, () => this.latest.tip);
      if (counts) say();
      await this.take(table);
      return table;
    } catch (error) {
      if (!error.status) {
        $("saved").textContent = "NOT SAVED";
        say(error.message, { name: "Send again", run: () => this.change(path, body, counts) });
      } else {
        say(error.message);
        if (error.status === 423) this.held = false;
        // a server that failed may have done it none the less
        if (error.status === 412 || error.status === 409 || error.status >= 500) await get(this.version).then((t) => this.take(t)).catch(() => {});
        else this.numbers();
      }
      return null;
    } finally {
      this.underway -= 1;
      busy(this.underway > 0);
    }
  }
  act(op, words = {}, reason = "") {
    return this.change(`${this.version}/ops`, { op, words, reason, id: crypto.randomUUID(), at: new Date().toISOString() });
  }
  async past() {
    const events = await get(`${this.version}/log`).catch((e) => { say(e.message); return []; });
    $("log").replaceChildren(...events.map((e) => {
      const what = e.kind === "act" ? `${e.op} ${JSON.stringify(e.act.words || {}).slice(0, 80)}` : e.kind;
      const change = e.was ? ` ${e.was.tmtv_ml.toFixed(1)} → ${e.is.tmtv_ml.toFixed(1)} mL` : "";
      return make("li", `${e.when.slice(11, 19)} ${e.by} ${what}${change}`);
    }));
  }
  async dismiss(focus) {
    if (await this.change(`${this.version}/dismiss`, { top: focus.top, dismissed: !focus.dismissed }, false)) await this.faint();
  }
  async faint() {
    const foci = await get(`${this.version}/faint`).catch((e) => { say(e.message); return []; });
    $("foci").replaceChildren(...(foci.length ? foci : [null]).map((f) => {
      if (!f) return make("li", "none above the liver");
      const item = make("li", "", { className: f.dismissed ? "dismissed" : "" });
      const words = `${f.volume_ml.toFixed(1)} mL, SUVmax ${f.suvmax.toFixed(1)}`;
      const settle = make("button", f.dismissed ? "take back" : "dismiss", { onclick: () => this.dismiss(f) });
      settle.setAttribute("aria-label", `${settle.textContent}: ${words}`);
      item.append(make("button", words, { onclick: () => this.views.go(f.top_lps) }), " ", ...(this.writable ? [settle] : []));
      return item;
    }));
  }
}
