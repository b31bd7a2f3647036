// One version of a case on the screen. It computes no number: all come from the server, with the head they belong to.
import { $, busy, make, pairs, say } from "/elements.js";
import { Grid, labelsIn } from "/grid.js";
import { Turning } from "/mip.js";
import { bytes, get, post } from "/net.js";
import { Views, kind } from "/views.js";

const ORDER = { doubt: 0, in: 1, out: 2 };
const SEEN_MS = 500;

export class Reader {
  constructor(me, path, version) {
    Object.assign(this, { me, path, version, chosen: new Set(), active: 0, show: "all", points: [], table: null, looking: 0, stroke: null });
  }
  async open() {
    this.facts = await get(this.path);
    this.grid = new Grid(this.facts.shape, this.facts.affine);
    $("worklist").hidden = true;
    $("reader").hidden = $("forcase").hidden = false;
    $("reader").classList.toggle("noct", !this.facts.ct);
    this.views = new Views($("petview"), $("ctview"), (lps) => this.moved(lps));
    this.turning = new Turning($("mip"), this.me.frames, (found) => this.pickAt(found.lps));
    const turning = this.turning.open(this.path);
    const table = get(this.version);
    const pet = bytes(`${this.path}/pet.nii.gz`);
    await turning; // the projection is the first picture, the CT the last
    await this.views.openPet(await pet);
    await this.take(await table);
    const first = this.table.rows.find((r) => kind(r) === "doubt") || this.table.rows[0];
    if (first) this.choose(first.region);
    busy(false);
    if (this.facts.ct) {
      $("ctwindow").textContent = "coming …";
      await this.views.openCt(await bytes(`${this.path}/ct-view.nii.gz`), await pet);
    }
    if (this.facts.previous) await this.beside();
    document.body.dataset.complete = "yes";
    this.turning.rest();
  }
  async beside() {
    const told = await get(`${this.path}/previous`);
    $("reader").classList.add("two");
    $("before").hidden = false;
    $("beforewhat").textContent = `${told.scanned.slice(0, 10)} · ${told.of} · ${told.threshold}`;
    $("beforenumbers").replaceChildren(...pairs(told.key_numbers.map((k) => [k.name, k.shown])),
      ...(told.differs.length ? [make("dt", "Not comparable"), make("dd", told.differs.join("; "))] : []));
    const other = new Turning($("beforemip"), this.me.frames, () => {});
    other.follows = this.turning;
    this.turning.beside = other;
    await other.open(`/api/cases/${told.id}`);
  }

  // whatever the server answers becomes the page; a number is shown only with the mask it belongs to
  async take(table) {
    const fresh = this.table?.labels !== table.labels;
    this.table = table;
    if (fresh) {
      const buffer = await bytes(`${this.version}/labels/${table.labels}.nii.gz`);
      this.slots = await labelsIn(buffer.slice(0));
      await this.views.labels(buffer, table.rows);
    }
    this.chosen = new Set([...this.chosen].filter((n) => this.row(n)));
    if (!this.chosen.has(this.active)) this.active = [...this.chosen].at(-1) || 0;
    document.body.dataset.head = table.head;
    this.list();
    this.numbers();
    this.views.colour(table.rows, this.chosen);
    this.turning.show(this.version, table);
    if ($("past").open) this.past();
  }
  numbers() {
    const { table } = this;
    const key = table.key_numbers.map((k) => [k.name, k.shown + (k.note ? ` (${k.note})` : "")]);
    const range = table.key_numbers[0].range_shown;
    if (range) key.splice(1, 0, ["doubtful out/in", range]);
    key.push(["Unseen", String(table.rows.filter((r) => r.counted && !r.seen).length)]);
    $("key").replaceChildren(...pairs(key));
    $("stages").replaceChildren(...pairs(table.stages.map((s) => [s.stage, `${s.shown.tmtv_ml} mL`])));
    $("numbers").classList.remove("stale");
    $("undo").disabled = !table.can_undo || !this.writable;
    $("redo").disabled = !table.can_redo || !this.writable;
    $("sign").disabled = !this.writable;
    $("reopen").hidden = !(table.signed && this.me.role === "admin");
    const state = table.signed ? "SIGNED" : "draft";
    $("where").textContent = `${this.facts.study?.slice(0, 8) || "case"} · ${this.facts.scanned?.slice(0, 10) || ""} · ${table.version} · ${state} · ${this.facts.threshold}`;
    $("saved").textContent = `mask ${table.head.slice(0, 4)}… saved`;
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

  // regions
  row(number) { return this.table.rows.find((r) => r.region === number); }
  get writable() { return !this.table.signed && this.table.mine; }
  shown() {
    return this.table.rows
      .filter((r) => this.show === "all" || kind(r) === this.show || (this.show === "in" && r.counted) || (this.show === "out" && !r.counted))
      .sort((a, b) => ORDER[kind(a)] - ORDER[kind(b)] || b.volume_ml - a.volume_ml);
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
    const place = row.site || row.organ || "";
    const ml = row.volume_ml.toFixed(1).replace(/\B(?=(\d{3})+\.)/g, " ");
    // what is seen is what is spoken, with the words that the table's head has for the eye
    const spoken = (text) => make("span", ` ${text} `, { className: "spoken" });
    const cells = [make("span", row.glyph), make("span", row.id), make("span", ml, { className: "n" }),
      make("span", row.suvmax.toFixed(1), { className: "n" }), make("span", place)];
    cells[0].append(spoken(row.word + (row.counted && !row.seen ? ", not seen yet" : "")));
    cells[2].append(spoken("millilitres"));
    cells[3].prepend(spoken("SUV max"));
    item.append(...cells);
    item.onclick = (e) => this.choose(row.region, e.ctrlKey || e.metaKey);
    item.oncontextmenu = (e) => { e.preventDefault(); this.toggle(row); };
    return item;
  }
  choose(region, more = false, jump = true) {
    const row = this.row(region);
    if (!row) return;
    if (!more) this.chosen.clear();
    this.chosen.add(region);
    this.active = region;
    $("why").textContent = `${row.id} ${row.word}: ${row.why || row.rule || "–"} (${row.actor})`;
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
    else say("A signed version never changes.");
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
    else say("Every counted region was seen.");
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
    const row = this.rowAt(index);
    const { suv, hu } = this.views;
    $("readout").textContent = [suv === null ? "– SUVbw" : `SUVbw ${suv.toFixed(2)} g/mL`, hu === null ? "– HU" : `${Math.round(hu)} HU`,
      row ? `${row.id} ${row.word}` : "no region", `x ${lps[0].toFixed(0)} y ${lps[1].toFixed(0)} z ${lps[2].toFixed(0)} mm LPS`].join(" · ");
    $("readout").dataset.index = index.join(" ");
  }

  // changes
  async change(path, body, counts = true) {
    busy(true);
    if (counts) this.stale();
    try {
      const table = await post(path, body, () => this.table.tip);
      if (counts) say();
      await this.take(table);
      return table;
    } catch (error) {
      if (!error.status) {
        $("saved").textContent = "NOT SAVED";
        say(error.message, { name: "Send again", run: () => this.change(path, body, counts) });
      } else {
        say(error.message);
        if (error.status === 412 || error.status === 409) await get(this.version).then((t) => this.take(t)).catch(() => {});
        else this.numbers();
      }
      return null;
    } finally {
      busy(false);
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
  async faint() {
    const foci = await get(`${this.version}/faint`).catch((e) => { say(e.message); return []; });
    $("foci").replaceChildren(...(foci.length ? foci : [null]).map((f) => {
      if (!f) return make("li", "none above the liver");
      const item = make("li");
      item.append(make("button", `${f.volume_ml.toFixed(1)} mL, SUVmax ${f.suvmax.toFixed(1)}`, { onclick: () => this.views.go(f.top_lps) }));
      return item;
    }));
  }
}
