// What a reader can do, by key and by button; each asks for what it needs and sends one act.
import { $, ask, field, make, note, options, pairs, say } from "/elements.js";
import { get, peek, post } from "/net.js";
import { kind } from "/status.js";

const METHODS = ["SUV threshold", "max41", "max50", "a50peak", "mv2", "mv3", "liver_percist", "nestle", "gradient"];
const AXES = { axial: 2, coronal: 1, sagittal: 0 };
const NODAL = { nodal: true, extranodal: false };

const minutes = (s) => `${Math.floor(s / 60)}:${String(Math.round(s % 60)).padStart(2, "0")} min`;
const chosen = (r) => [...r.chosen];
function need(r, n = 1) {
  if (r.chosen.size >= n) return true;
  say(n > 1 ? "Choose two or more regions (Ctrl+click, or Shift+arrow)." : "Choose a region first.");
  return false;
}
const at = () => Number($("at").value);

export async function add(r) {
  const words = { seed: r.here, at: at() };
  const told = await post(`${r.version}/preview`, { op: "grow", words }).catch((e) => { say(e.message); return null; });
  if (!told) return;
  if (told.leak) {
    r.views.outline(told.gained);
    const go = await ask(`Add ${told.change_ml.toFixed(1)} mL?`, [make("p", `${told.leak[0].toUpperCase()}${told.leak.slice(1)}. It is outlined in the PET.`)]);
    r.views.outline([]);
    if (!go) return;
  }
  const table = await r.act("grow", words);
  const row = table && r.rowAt(r.here);
  if (row) r.choose(row.region, false, false);
}
// the digits after a removal: the organs whose uptake is removed most
const DIGITS = ["brain", "heart", "kidneys", "ureters", "bladder", "bowel", "stomach", "liver", "tonsils"];
export function organOf(r, digit) {
  const removed = chosen(r).filter((n) => !r.row(n).counted);
  const organ = DIGITS[digit - 1];
  if (removed.length) return r.act("remove", { regions: removed, organ });
  note(`${digit}: ${organ}. It is said of a region that was removed (X).`);
  return null;
}
async function split(r) {
  r.points.push(r.here);
  if (r.points.length < 2) { note("Go to the second point and press C again."); return; }
  const points = r.points.splice(0);
  const row = r.rowAt(points[0]);
  say();
  if (row) await r.act("split", { region: row.region, points });
  else say("A split needs two points inside one region.");
}
async function redraw(r) {
  if (!need(r)) return;
  const how = options(METHODS);
  const suv = make("input", "", { type: "number", min: 0.1, max: 100, step: 0.1, value: $("at").value });
  if (await ask(`Draw ${r.row(r.active).id} by`, [field("Method", how), field("SUV ≥ (for a threshold)", suv)]))
    await r.act("redraw", { region: r.active, ...(how.value === METHODS[0] ? { at: Number(suv.value) } : { method: how.value }) });
}
async function organ(r) {
  if (!need(r)) return;
  if (!r.facts.organs.length) { say("No organ is known in this case: cut along a plane (K)."); return; }
  const which = options(r.facts.organs);
  if (await ask(`Cut ${r.row(r.active).id} from which organ?`, [field("Organ", which)])) await r.act("cut", { region: r.active, organ: which.value });
}
async function plane(r) {
  if (!need(r)) return;
  const axis = options(Object.keys(AXES));
  const tilt = make("input", "", { type: "number", min: -80, max: 80, step: 5, value: 0 });
  const body = [field("Plane through the cross-hair", axis), field("Tilted by degrees", tilt)];
  if (!(await ask(`Cut ${r.row(r.active).id} along a plane`, body))) return;
  const rows = r.grid.affine.slice(0, 3).map((row) => row.slice(0, 3));
  const turn = (Number(tilt.value) * Math.PI) / 180;
  const [main, other] = [AXES[axis.value], axis.value === "axial" ? 1 : 2];
  await r.act("plane", { region: r.active, point: r.here, normal: rows[main].map((v, k) => v * Math.cos(turn) + rows[other][k] * Math.sin(turn)) });
}
async function site(r) {
  if (!need(r)) return;
  const row = r.row(r.active);
  const name = make("input", "", { value: row.site || "", maxLength: 64 });
  const nodal = options(["not said", "nodal", "extranodal"]);
  nodal.value = Object.keys(NODAL).find((k) => NODAL[k] === row.nodal) || "not said";
  if (await ask(`Site of ${row.id}`, [field("Site", name), field("Kind", nodal)]))
    await r.act("site", { region: row.region, site: name.value, nodal: NODAL[nodal.value] ?? null });
}
// a lesion that was not there before; pressed again it is said to have been, then nothing
function fresh(r) {
  if (!need(r)) return null;
  if (!r.course) { say("No earlier scan of this patient is here."); return null; }
  const next = { null: true, true: false, false: null }[String(r.row(r.active).new)];
  return r.act("new", { regions: chosen(r), new: next });
}
export async function limit(r, side, mm = r.views.at[2]) {
  const words = { side, mm };
  const told = await post(`${r.version}/preview`, { op: "limit", words }).catch((e) => { say(e.message); return null; });
  const where = side === "head" ? "above" : "below";
  if (told && await ask(`Remove every region wholly ${where} ${mm === r.views.at[2] ? "this slice" : `z = ${mm.toFixed(0)} mm`}: ${told.was.n - told.is.n} regions, ${(-told.change_ml).toFixed(1)} mL?`, []))
    await r.act("limit", words);
}

// one ball at the cross-hair, or, while the key is held and the mouse drawn, all along its way
export function brush(r, op) {
  const drawn = r.stroke?.length ? r.stroke : r.grid.ball(r.here, Number($("brush").value));
  r.stroke = null;
  const ends = new Map();
  for (const [first, count] of drawn) ends.set(first, Math.max(count, ends.get(first) || 0));
  const into = r.chosen.size === 1 && op === "paint" && r.row(r.active)?.counted ? { region: r.active } : {};
  return r.act(op, { runs: [...ends], ...into, ...(op === "paint" ? { at: at() } : {}) });
}

// a list that has to have been looked at before signing; opening it once is enough for this case
function toOpen(r, name, lines) {
  const list = make("ul");
  list.append(...lines.map((line) => make("li", line)));
  const made = make("details");
  made.append(make("summary", `${name}: ${lines.length}`), list);
  made.ontoggle = () => { r.opened.add(name); $("askbody").dispatchEvent(new Event("input")); };
  return lines.length && !r.opened.has(name) ? [made, () => (r.opened.has(name) ? "" : `Open the list “${name}”.`)] : [made, () => ""];
}
// the report as it would be filed, with what is entered by now; the box to sign stays open below it
async function showFiled(r, entered, button) {
  const name = button.textContent;
  Object.assign(button, { disabled: true, textContent: "Drawing …" });
  const told = await peek(`${r.version}/draft`, entered).catch((error) => { $("askwhy").textContent = error.message; });
  Object.assign(button, { disabled: false, textContent: name });
  if (!told) return;
  $("filedpage").src = told.path;
  $("filed").showModal();
}
const ready = (...checks) => () => checks.map((check) => check()).find(Boolean) || "";

export async function sign(r) {
  const { table, me } = r;
  const unseen = table.rows.filter((row) => row.counted && !row.seen).length;
  const doubtful = table.rows.filter((row) => kind(row) === "doubt").length;
  const none = !table.rows.some((row) => row.counted);
  const who = make("input", "", { type: me.has_password ? "password" : "text", autocomplete: "off", id: "signname" });
  const text = make("textarea", "", { id: "impression", maxLength: 4000 });
  const searched = make("input", "", { type: "checkbox", id: "searched" });
  const meaning = options(me.meanings);
  const answers = me.questions.map((q) => [q, options(["–", ...q.options])]);
  const fresh = table.rows.filter((row) => row.counted && row.new).map((row) => row.id);
  if (fresh.length) answers.find(([q]) => q.key === "new_lesion")[1].value = "yes";
  const asking = r.course?.open.length || 0;
  const facts = make("dl");
  facts.append(...pairs([["Stages", table.stages.map((s) => `${s.stage} ${s.shown.tmtv_ml}`).join(" → ") + " mL"],
    ["Changed", `+${table.added_ml.toFixed(1)} mL, −${table.removed_ml.toFixed(1)} mL in ${table.edits} acts, ${minutes(table.active_s)}`],
    ["Mask", `${table.head.slice(0, 8)}…`], ["Doubtful", String(doubtful)],
    ["Counted, never displayed", String(unseen)],
    ...(r.course ? [["New", `${fresh.join(" ") || "none said"}${asking ? `; ${asking} candidates not confirmed (Y)` : ""}`]] : [])]));
  const foci = await get(`${r.version}/faint`).catch((e) => { say(e.message); return null; });
  if (!foci) return;
  const out = table.rows.filter((row) => kind(row) === "out").map((row) => `${row.id} ${row.volume_ml.toFixed(1)} mL ${row.site || row.organ || ""} ${row.why || row.rule}`);
  const [removed, seesRemoved] = toOpen(r, "Removed", out);
  const [faint, seesFaint] = toOpen(r, "Faint foci", foci.filter((f) => !f.dismissed).map((f) => `${f.volume_ml.toFixed(1)} mL, SUVmax ${f.suvmax.toFixed(1)}`));
  const entered = () => ({ impression: text.value,
    answers: Object.fromEntries(answers.filter(([, input]) => input.value !== "–").map(([q, input]) => [q.key, input.value])) });
  const look = make("button", "Preview of the report", { type: "button", id: "look", onclick: () => showFiled(r, entered(), look) });
  const body = [facts, removed, faint, field("Meaning", meaning), ...answers.map(([q, input]) => field(q.name, input)), field("Impression", text), look, field(me.has_password ? "Password" : "Printed name", who),
    ...(none ? [field("I searched the whole volume", searched)] : [])];
  const complete = ready(
    () => (unseen ? `${unseen} counted lesions were never displayed: N shows the next.` : ""), seesRemoved, seesFaint,
    () => (who.value ? "" : "Credentials are missing."),
    () => (none && !searched.checked ? "Nothing is counted: say that you searched." : ""),
  );
  if (!(await ask("Sign this version", body, complete))) return;
  const said = { head: table.head, meaning: meaning.value, searched: searched.checked, ...entered(),
    ...(me.has_password ? { password: who.value } : { name: who.value }) };
  const signed = await r.change(`${r.version}/sign`, said);
  if (signed) note(`Signed ${signed.signed}.`);
}
export async function reveal(r) {
  const own = r.table.key_numbers.find((k) => k.name === "TMTV").shown;
  const body = [make("p", `Your own reading is kept in the log as it stands, ${own}. What rules or network made of each region is then shown, and what you change from then on is counted apart. It cannot be hidden again.`)];
  if (await ask("Show the suggestion?", body)) await r.change(`${r.version}/reveal`, {});
}
export async function reopen(r) {
  const reason = make("input", "", { maxLength: 400, id: "reason" });
  if (!(await ask("Reopen as a new version", [field("Reason", reason)], () => (reason.value.trim() ? "" : "A reason is missing.")))) return;
  const parent = r.table.version;
  const made = await post(`${r.path}/versions`, { purpose: "reopen", parent, reason: reason.value }).catch((e) => { say(e.message); return null; });
  if (made) location.hash = `${r.path.split("/").at(-1)}/${made.name}`;
}

export const COMMANDS = {
  x: { name: "remove", run: (r) => need(r) && r.act("remove", { regions: chosen(r) }) },
  r: { name: "restore", run: (r) => need(r) && r.act("restore", { regions: chosen(r) }) },
  a: { name: "add", run: add },
  d: { name: "doubt", run: (r) => need(r) && r.act("doubt", { regions: chosen(r), doubtful: kind(r.row(r.active)) !== "doubt" }) },
  m: { name: "marrow", run: (r) => need(r) && r.act("remove", { regions: chosen(r), organ: "marrow" }) },
  s: { name: "spleen", run: (r) => need(r) && r.act("remove", { regions: chosen(r), organ: "spleen" }) },
  t: { name: "threshold", run: redraw },
  c: { name: "split", run: split },
  k: { name: "plane", run: plane },
  o: { name: "organ cut", run: organ },
  j: { name: "merge", run: (r) => need(r, 2) && r.act("merge", { regions: chosen(r) }) },
  g: { name: "site", run: site },
  y: { name: "new lesion", run: fresh },
  h: { name: "cut head", run: (r) => limit(r, "head") },
  l: { name: "cut foot", run: (r) => limit(r, "foot") },
  b: { name: "paint", run: (r) => brush(r, "paint"), held: true },
  e: { name: "erase", run: (r) => brush(r, "erase"), held: true },
  u: { name: "measure", run: (r) => r.ruled(), reads: true },
  n: { name: "next unseen", run: (r) => r.next(), reads: true },
};
