// The page: worklist, reader, corrections. It computes no number: all come from the server, with the head they belong to.
import { bytes, get, post, setCsrf } from "/net.js";
import { Grid, labelsIn } from "/grid.js";
import { Turning } from "/mip.js";
import { Views, kind } from "/views.js";

const $ = (id) => document.getElementById(id);
const make = (tag, text = "", words = {}) => Object.assign(document.createElement(tag), { textContent: text, ...words });
const CT = [["soft tissue", -160, 240], ["lung", -1350, 150], ["bone", -750, 1250]];
const me = await get("/api/me");
setCsrf(me.csrf);

let open = null; // {case, version, facts, grid, table, slots, chosen, active, show, split, unsaved}
let ctWindow = 0;
let fusion = 0.5;

const busy = (on) => { document.body.dataset.state = on ? "busy" : "idle"; };
function say(text = "") {
  $("banner").hidden = !text;
  $("banner").textContent = text;
}

// worklist
async function worklist() {
  $("reader").hidden = true;
  $("worklist").hidden = false;
  $("cases").replaceChildren(...(await get("/api/cases")).map((row) => {
    const line = make("tr");
    const versions = row.versions.map((v) => `${v.name} ${v.mine ? "yours" : "another's"}, ${v.signed ? "signed" : "reading"}`);
    const cells = [row.folder, row.scanned.replace("T", " "), row.why ? `${row.status} ${row.why}` : row.status,
      versions.join("; "), row.flags.slice(0, 3).join(" ") + (row.flags.length > 3 ? ` +${row.flags.length - 3}` : "")];
    line.append(...cells.map((text) => make("td", text)));
    const own = row.versions.filter((v) => v.mine).at(-1);
    const go = make("button", own ? (own.signed ? "Show" : "Go on") : "Read", { disabled: ["refused", "damaged"].includes(row.status) });
    go.setAttribute("aria-label", `${go.textContent} ${row.folder}`);
    go.onclick = () => { location.hash = `${row.id}/${own?.name || ""}`; };
    const last = make("td");
    last.append(go);
    line.append(last);
    return line;
  }));
  busy(false);
}

// opening
async function read(id, name) {
  busy(true);
  say();
  const path = `/api/cases/${id}`;
  const facts = await get(path);
  const version = `${path}/versions/${name || (await post(`${path}/versions`, {})).name}`;
  open = { path, version, facts, grid: new Grid(facts.shape, facts.affine), chosen: new Set(), active: 0, show: "all", split: [] };
  $("worklist").hidden = true;
  $("reader").hidden = false;
  $("reader").classList.toggle("noct", !facts.ct);
  const turning = new Turning($("mip"), me.frames, (found) => pickAt(found.lps));
  const views = new Views($("petview"), $("ctview"), moved);
  Object.assign(open, { turning, views });
  const [pet, ct] = await Promise.all([bytes(`${path}/pet.nii.gz`), facts.ct ? bytes(`${path}/ct.nii.gz`) : null, turning.open(path)]);
  await views.open(pet, ct);
  window.reading = open; // for scripted checks
  await take(await get(version));
  const first = open.table.rows.find((r) => kind(r) === "doubt") || open.table.rows[0];
  if (first) choose(first.region);
  busy(false);
}

// whatever the server answers becomes the page; a number is shown only with the mask it belongs to
async function take(table) {
  const fresh = open.table?.labels !== table.labels;
  open.table = table;
  if (fresh) {
    const buffer = await bytes(`${open.version}/labels/${table.labels}.nii.gz`);
    open.slots = await labelsIn(buffer.slice(0));
    await open.views.labels(buffer, table.rows);
  }
  open.chosen = new Set([...open.chosen].filter((n) => table.rows.some((r) => r.region === n)));
  document.body.dataset.head = table.head;
  list();
  numbers();
  open.views.colour(table.rows, open.chosen);
  open.turning.show(open.version, table);
}

function numbers() {
  const { table } = open;
  const pairs = (rows) => rows.flatMap(([name, value]) => [make("dt", name), make("dd", value)]);
  const key = table.key_numbers.map((k) => [k.name, k.shown + (k.note ? ` (${k.note})` : "")]);
  const range = table.key_numbers[0].range_shown;
  if (range) key.splice(1, 0, ["doubtful out/in", range]);
  key.push(["Unseen", String(table.rows.filter((r) => r.counted && !r.seen).length)]);
  $("key").replaceChildren(...pairs(key));
  $("stages").replaceChildren(...pairs(table.stages.map((s) => [s.stage, `${s.shown.tmtv_ml} mL`])));
  $("numbers").classList.remove("stale");
  $("undo").disabled = !table.can_undo;
  $("redo").disabled = !table.can_redo;
  $("sign").disabled = table.signed || table.by !== me.login;
  $("where").textContent = `${open.facts.study?.slice(0, 8) || "case"} · ${table.version} · ${table.signed ? "SIGNED" : "draft"} · ${open.facts.threshold}`;
  $("saved").textContent = `mask ${table.head.slice(0, 4)}… saved`;
  $("messages").replaceChildren(...table.messages.map((m) => make("li", m.text)));
}

const ORDER = { doubt: 0, in: 1, out: 2 };
const shown = () => open.table.rows
  .filter((r) => open.show === "all" || kind(r) === open.show || (open.show === "in" && r.counted) || (open.show === "out" && !r.counted))
  .sort((a, b) => ORDER[kind(a)] - ORDER[kind(b)] || b.volume_ml - a.volume_ml);

function list() {
  $("regions").replaceChildren(...shown().map((row) => {
    const item = make("li", "", { id: `region-${row.region}` });
    const classes = [kind(row), row.seen || !row.counted ? "" : "unseen", row.region === open.active ? "active" : ""];
    item.className = classes.filter(Boolean).join(" ");
    item.setAttribute("role", "option");
    item.setAttribute("aria-selected", String(open.chosen.has(row.region)));
    const place = row.site || row.organ || "";
    item.setAttribute("aria-label", `${row.id} ${row.word} ${row.volume_ml.toFixed(1)} millilitres, SUV max ${row.suvmax.toFixed(1)} ${place}`);
    item.append(make("span", row.glyph), make("span", row.id), make("span", `${row.volume_ml.toFixed(1)} mL`, { className: "n" }),
      make("span", row.suvmax.toFixed(1), { className: "n" }), make("span", place));
    item.onclick = (e) => choose(row.region, e.ctrlKey || e.metaKey);
    item.oncontextmenu = (e) => { e.preventDefault(); choose(row.region); COMMANDS.x.run(); };
    return item;
  }));
  if (open.active) $("regions").setAttribute("aria-activedescendant", `region-${open.active}`);
  for (const b of document.querySelectorAll("#filters button")) b.setAttribute("aria-pressed", String(b.dataset.show === open.show));
}

let looking = 0;
function choose(region, more = false, jump = true) {
  const row = open.table.rows.find((r) => r.region === region);
  if (!row) return;
  if (!more) open.chosen.clear();
  open.chosen.add(region);
  open.active = region;
  $("why").textContent = `${row.id}: ${row.why || row.rule || ""} (${row.actor})`;
  list();
  $(`region-${region}`)?.scrollIntoView({ block: "nearest" });
  open.views.colour(open.table.rows, open.chosen);
  if (jump) open.views.go(row.top_lps);
  clearTimeout(looking);
  if (row.counted && !row.seen && writable())
    looking = setTimeout(() => change(`${open.version}/seen`, { regions: [region] }), 500);
}
const writable = () => !open.table.signed && open.table.by === me.login;

function moved(lps) {
  if (!open?.table || !lps) {
    if (open?.table) say("The picture was lost. Load the page again: nothing saved is lost.");
    return;
  }
  const index = open.grid.index(lps);
  if (!open.grid.inside(index)) { $("readout").textContent = "outside the PET"; return; }
  const row = rowAt(index);
  const { suv, hu } = open.views;
  $("readout").textContent = [suv === null ? "– SUVbw" : `SUVbw ${suv.toFixed(2)} g/mL`, hu === null ? "– HU" : `${Math.round(hu)} HU`,
    row ? `${row.id} ${row.word}` : "no region", `x ${lps[0].toFixed(0)} y ${lps[1].toFixed(0)} z ${lps[2].toFixed(0)} mm LPS`].join(" · ");
  $("readout").dataset.index = index.join(" ");
}
const rowAt = (index) => open.table.rows.find((r) => r.slot && r.slot === open.slots[open.grid.flat(index)]);
function pickAt(lps) {
  open.views.go(lps);
  const row = rowAt(open.grid.index(lps));
  if (row) choose(row.region, false, false);
}

// changes
async function change(path, body) {
  busy(true);
  $("numbers").classList.add("stale");
  for (const field of document.querySelectorAll("#key dd, #stages dd")) field.textContent = "…";
  try {
    const table = await post(path, body, () => open.table.tip);
    say();
    await take(table);
    return table;
  } catch (error) {
    say(error.message);
    if (error.status === 412 || error.status === 409) await take(await get(open.version)).catch(() => {});
    else if (error.status) numbers();
    else $("saved").textContent = "NOT SAVED";
    return null;
  } finally {
    busy(false);
  }
}
const act = (op, words = {}, reason = "") =>
  change(`${open.version}/ops`, { op, words, reason, id: crypto.randomUUID(), at: new Date().toISOString() });
const chosen = () => [...open.chosen];
const here = () => open.grid.index(open.views.at);
const need = (n) => {
  if (open.chosen.size >= n) return true;
  say(n > 1 ? "Choose two or more regions (Ctrl+click, or Shift+arrow)." : "Choose a region first.");
  return false;
};

async function ask(title, body, ready = () => "") {
  $("asktitle").textContent = title;
  $("askbody").replaceChildren(...body);
  const check = () => { $("askwhy").textContent = ready(); $("askyes").disabled = Boolean(ready()); };
  $("askbody").oninput = check;
  check();
  $("ask").returnValue = "no";
  $("ask").showModal();
  await new Promise((done) => $("ask").addEventListener("close", done, { once: true }));
  return $("ask").returnValue === "yes";
}
const field = (label, input) => { const l = make("label", `${label} `); l.append(input); return l; };
const options = (names) => { const s = make("select"); s.append(...names.map((n) => make("option", n, { value: n }))); return s; };

async function add() {
  const words = { seed: here(), at: Number($("at").value) };
  const told = await post(`${open.version}/preview`, { op: "grow", words }).catch((e) => { say(e.message); return null; });
  if (told && (told.change_ml < 500 || await ask(`This adds ${told.change_ml.toFixed(0)} mL. Go on?`, []))) {
    const table = await act("grow", words);
    const row = table && rowAt(here());
    if (row) choose(row.region, false, false);
  }
}
async function split() {
  open.split.push(here());
  if (open.split.length < 2) { say("Go to the second point and press C again."); return; }
  const points = open.split.splice(0);
  const row = rowAt(points[0]);
  say();
  if (row) await act("split", { region: row.region, points });
  else say("A split needs two points inside one region.");
}
async function redraw() {
  if (!need(1)) return;
  const how = options(["SUV threshold", "max41", "max50", "a50peak", "mv2", "liver_percist"]);
  const at = make("input", "", { type: "number", min: 0.1, max: 100, step: 0.1, value: $("at").value });
  if (await ask("Draw this lesion by", [field("Method", how), field("SUV", at)]))
    await act("redraw", { region: open.active, ...(how.value === "SUV threshold" ? { at: Number(at.value) } : { method: how.value }) });
}
async function organ() {
  if (!need(1)) return;
  const which = options(open.facts.organs);
  if (await ask("Cut from which organ?", [field("Organ", which)])) await act("cut", { region: open.active, organ: which.value });
}
async function plane() {
  if (!need(1)) return;
  const axis = options(["axial", "coronal", "sagittal"]);
  if (!(await ask("Cut at the cross-hair along a plane", [field("Plane", axis)]))) return;
  const lps = { axial: 2, coronal: 1, sagittal: 0 }[axis.value];
  await act("plane", { region: open.active, point: here(), normal: open.grid.affine[lps].slice(0, 3) });
}
async function site() {
  if (!need(1)) return;
  const row = open.table.rows.find((r) => r.region === open.active);
  const name = make("input", "", { value: row.site || "", maxLength: 64 });
  const nodal = options(["not said", "nodal", "extranodal"]);
  if (await ask(`Site of ${row.id}`, [field("Site", name), field("Kind", nodal)]))
    await act("site", { region: row.region, site: name.value, nodal: { nodal: true, extranodal: false }[nodal.value] ?? null });
}
function next() {
  const rows = shown().filter((r) => r.counted && !r.seen && r.region !== open.active);
  if (rows.length) choose(rows[0].region);
  else say("Every counted region was seen.");
}
function step(by, more) {
  const rows = shown();
  const k = rows.findIndex((r) => r.region === open.active);
  const row = rows[Math.min(rows.length - 1, Math.max(0, k + by))];
  if (row) choose(row.region, more);
}
async function sign() {
  const { table } = open;
  const unseen = table.rows.filter((r) => r.counted && !r.seen).length;
  const none = !table.rows.some((r) => r.counted);
  const who = make("input", "", { type: me.has_password ? "password" : "text", autocomplete: "off", id: "signname" });
  const text = make("textarea", "", { id: "impression", maxLength: 4000 });
  const searched = make("input", "", { type: "checkbox", id: "searched" });
  const meaning = options(me.meanings);
  const body = [
    make("p", table.stages.map((s) => `${s.stage} ${s.shown.tmtv_ml}`).join(" → ") + " mL"),
    make("p", `Mask ${table.head.slice(0, 8)}… · unseen counted lesions: ${unseen}${unseen ? " – they will not be confirmed" : ""}`),
    field("Meaning", meaning), field("Impression", text), field(me.has_password ? "Password" : "Printed name", who),
    ...(none ? [field("I searched the whole volume", searched)] : []),
  ];
  const ready = () => (!who.value ? "Credentials are missing." : none && !searched.checked ? "Nothing is counted: say that you searched." : "");
  if (!(await ask("Sign this version", body, ready))) return;
  const said = { head: table.head, meaning: meaning.value, impression: text.value, searched: searched.checked,
    ...(me.has_password ? { password: who.value } : { name: who.value }) };
  const signed = await change(`${open.version}/sign`, said);
  if (signed) say(`Signed ${signed.signed}.`);
}
const brush = (op) => {
  const runs = open.grid.ball(here(), Number($("brush").value));
  const into = open.chosen.size === 1 && op === "paint" ? { region: open.active } : {};
  return act(op, { runs, ...into, ...(op === "paint" ? { at: Number($("at").value) } : {}) });
};

const COMMANDS = {
  x: { name: "remove", run: () => need(1) && act("remove", { regions: chosen() }) },
  r: { name: "restore", run: () => need(1) && act("restore", { regions: chosen() }) },
  a: { name: "add", run: add },
  d: { name: "doubt", run: () => need(1) && act("doubt", { regions: chosen(), doubtful: kind(open.table.rows.find((r) => r.region === open.active)) !== "doubt" }) },
  m: { name: "marrow", run: () => need(1) && act("remove", { regions: chosen(), organ: "marrow" }) },
  s: { name: "spleen", run: () => need(1) && act("remove", { regions: chosen(), organ: "spleen" }) },
  c: { name: "split", run: split },
  o: { name: "organ cut", run: organ },
  k: { name: "plane", run: plane },
  t: { name: "threshold", run: redraw },
  j: { name: "merge", run: () => need(2) && act("merge", { regions: chosen() }) },
  g: { name: "site", run: site },
  b: { name: "paint", run: () => brush("paint") },
  e: { name: "erase", run: () => brush("erase") },
  n: { name: "next unseen", run: next, reads: true },
};
const VIEWS = {
  ",": () => open.turning.turn(-1),
  ".": () => open.turning.turn(1),
  w: () => { ctWindow = (ctWindow + 1) % CT.length; const [name, low, high] = CT[ctWindow]; open.views.setCt(low, high); $("ctwindow").textContent = `HU ${low}…${high} (${name}); PET resampled for display only`; },
  f: () => { fusion = { 0.5: 1, 1: 0, 0: 0.5 }[fusion]; open.views.setFusion(fusion); },
  ArrowDown: (e) => step(1, e.shiftKey),
  ArrowUp: (e) => step(-1, e.shiftKey),
};
const hide = (bare) => { open.views.hide(bare); open.turning.hide(bare); };
const WINDOWS = { Digit1: 5, Digit2: 7, Digit3: 10, Digit4: 15 };

for (const [letter, command] of Object.entries(COMMANDS)) {
  const button = make("button");
  button.append(make("kbd", letter.toUpperCase()), document.createTextNode(` ${command.name}`));
  button.onclick = () => command.run();
  $("tools").append(button);
}

document.addEventListener("keydown", (event) => {
  const target = event.target;
  if (!open?.table || $("reader").hidden || $("ask").open || target.matches("input, textarea, select")) return;
  const letter = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  let run = null;
  if (event.ctrlKey || event.metaKey) {
    if (letter === "z") run = () => act(event.shiftKey ? "redo" : "undo");
    if (event.key === "Enter") run = sign;
  } else if (event.shiftKey && WINDOWS[event.code]) {
    run = () => { open.views.setWindow(WINDOWS[event.code]); $("petwindow").textContent = `SUVbw 0–${WINDOWS[event.code]} g/mL`; };
  } else if (event.code === "Space" && !target.matches("button, summary")) run = () => hide(true);
  else if (COMMANDS[letter]) run = () => (writable() || COMMANDS[letter].reads ? COMMANDS[letter].run() : say("A signed version never changes."));
  else if (VIEWS[letter]) run = () => VIEWS[letter](event);
  if (!run) return;
  event.preventDefault(); // the viewer has keys of its own, which must not act as well
  event.stopPropagation();
  if (!event.repeat || VIEWS[letter]) run();
}, true);
document.addEventListener("keyup", (event) => { if (event.code === "Space" && open?.views?.hidden) hide(false); }, true);

$("undo").onclick = () => act("undo");
$("redo").onclick = () => act("redo");
$("sign").onclick = sign;
$("leave").onclick = async () => { await fetch("/logout", { method: "POST", redirect: "manual" }); location.assign("/login"); };
$("filters").onclick = (e) => { if (e.target.dataset.show) { open.show = e.target.dataset.show; list(); } };

async function route() {
  const [id, name] = location.hash.slice(1).split("/");
  try {
    if (id) await read(id, name);
    else await worklist();
  } catch (error) {
    say(error.message);
    busy(false);
  }
}
window.addEventListener("hashchange", () => location.reload());
await route();
