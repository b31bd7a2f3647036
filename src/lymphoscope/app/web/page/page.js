// The page: which part of it is shown, and what keys and buttons do.
import { COMMANDS, add, limit, organOf, reopen, reveal, sign } from "/corrections.js";
import { $, busy, say } from "/elements.js";
import { Keys } from "/keys.js";
import { ahead, get, setCsrf } from "/net.js";
import { Reader } from "/reader.js";
import { worklist } from "/worklist.js";

const CT = [["soft tissue", -160, 240], ["lung", -1350, 150], ["bone", -750, 1250]];
const TOPS = { Digit1: 5, Digit2: 7, Digit3: 10, Digit4: 15 };
// asked for at once, and not one after the other: what the first picture needs
const pathOf = (id) => `/api/cases/${encodeURIComponent(id)}`;
const [asked] = location.hash.slice(1).split("/");
const facts = asked ? ahead(get(pathOf(asked))) : null;
const front = asked ? Object.assign(new Image(), { src: `${pathOf(asked)}/mip/0.png` }) : null;
const me = await get("/api/me");
setCsrf(me.csrf);

let reader = null;
let [ctWindow, fusion] = [0, 0.5];

function setTop(top) {
  reader.views.setWindow(top);
  reader.turning.setWindow(top);
  for (const shown of document.querySelectorAll(".top")) shown.textContent = top;
}
function setCt(step = 0) {
  ctWindow = (ctWindow + step) % CT.length;
  const [name, low, high] = CT[ctWindow];
  reader.views.setCt(low, high);
  const part = reader.facts.ct_step > 1 ? `, 1 of ${reader.facts.ct_step} pixels` : "";
  $("ctwindow").textContent = `${name} HU ${low}…${high}${part}; PET resampled`;
  $("ctwindow").title = "The PET and the regions lie here for display only; they are measured on the PET's own voxels.";
}
function setFusion() {
  fusion = { 0.5: 1, 1: 0, 0: 0.5 }[fusion];
  reader.views.setFusion(fusion);
}
const widen = (by) => $("brush")[by > 0 ? "stepUp" : "stepDown"]();
const hide = (bare) => { reader.views.hide(bare); reader.turning.hide(bare); };
const inView = () => document.activeElement?.matches("canvas");
// arrows move through the list; in a picture they move the cross-hair: left and right of the picture, front and back
const arrow = (by, list) => (e) => (inView() ? reader.views.nudge(by, e.shiftKey ? 10 : 1) : list && list(e));

const SHOWS = {
  ",": () => reader.turning.turn(-1),
  ".": () => reader.turning.turn(1),
  "[": () => widen(-1),
  "]": () => widen(1),
  PageUp: (e) => reader.views.nudge([0, 0, 1], e.shiftKey ? 10 : 1),
  PageDown: (e) => reader.views.nudge([0, 0, -1], e.shiftKey ? 10 : 1),
  ArrowDown: arrow([0, 1, 0], (e) => reader.step(1, e.shiftKey)),
  ArrowUp: arrow([0, -1, 0], (e) => reader.step(-1, e.shiftKey)),
  ArrowLeft: arrow([-1, 0, 0]),
  ArrowRight: arrow([1, 0, 0]),
};

const VIEWS = {
  w: { name: "CT window", run: () => setCt(1), reads: true, bare: true },
  f: { name: "fusion", run: setFusion, reads: true, bare: true },
  v: { name: "dim", run: () => document.body.classList.toggle("dim"), reads: true, bare: true },
};
const does = (command) => (reader.writable || command.reads ? command.run(reader) : say(reader.refusal()));
const keys = new Keys({ ...COMMANDS, ...VIEWS }, () => keys.buttons("tools", does));
keys.buttons("tools", does);

document.addEventListener("keydown", (event) => {
  const target = event.target;
  if (!reader?.table || $("ask").open || target.matches("input, textarea, select")) return;
  const run = meant(event, target);
  if (!run) return;
  event.preventDefault(); // the viewer has keys of its own, which must not act as well
  event.stopPropagation();
  if (!event.repeat || SHOWS[event.key]) run();
}, true);

function meant(event, target) {
  const letter = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (event.ctrlKey || event.metaKey) {
    const may = (run) => () => (reader.writable ? run() : say(reader.refusal()));
    if (letter === "z") return may(() => reader.act(event.shiftKey ? "redo" : "undo"));
    return event.key === "Enter" ? may(() => sign(reader)) : null;
  }
  if (event.key === "Enter") return target.matches("button, summary, a") ? null : () => reader.accept();
  if (event.altKey) return null;
  if (event.shiftKey && TOPS[event.code]) return () => setTop(TOPS[event.code]);
  if (event.code === "Space") return target.matches("button, summary, a") ? null : () => hide(true);
  if (letter === "?") return () => keys.show();
  if (/^[1-9]$/.test(letter)) return () => (reader.writable ? organOf(reader, Number(letter)) : say(reader.refusal()));
  const command = keys.at(letter);
  if (command?.held && reader.writable) return () => { reader.stroke = []; };
  return command ? () => does(command) : SHOWS[letter] && (() => SHOWS[letter](event));
}
document.addEventListener("keyup", (event) => {
  if (event.code === "Space" && reader?.views?.hidden) hide(false);
  const command = keys.at(event.key.toLowerCase());
  if (command?.held && reader?.stroke) command.run(reader);
}, true);

for (const [name, layer] of [["petview", "pet"], ["ctview", "ct"]]) {
  const place = (e) => reader?.table && reader.views.under(layer, e);
  $(name).addEventListener("contextmenu", (e) => {
    e.preventDefault();
    const lps = place(e);
    const index = lps && reader.grid.index(lps);
    const row = index && reader.grid.inside(index) && reader.rowAt(index);
    if (row) reader.toggle(row);
    else if (lps) say("No region is there.");
  });
  $(name).addEventListener("pointermove", (e) => reader?.table && reader.hover(e.buttons || reader.stroke ? null : place(e)));
  // the viewer would take a drag with Shift for one of its own
  for (const kind of ["pointerdown", "mousedown"]) $(name).addEventListener(kind, (e) => {
    if (!e.shiftKey || e.button !== 0) return;
    e.stopImmediatePropagation();
    const start = place(e);
    if (start) reader.measure([start, start], false);
  }, true);
  $(name).addEventListener("pointermove", (e) => {
    const end = e.shiftKey && e.buttons === 1 && reader?.ruler && place(e);
    if (end) reader.measure([reader.ruler.ends[0], end], false);
  });
  $(name).addEventListener("pointerleave", () => reader?.table && reader.hover(null));
  $(name).addEventListener("dblclick", (e) => {
    const lps = place(e);
    if (!lps || !reader.writable) return;
    reader.views.go(lps);
    add(reader);
  });
  $(name).addEventListener("click", (e) => {
    const lps = reader?.stroke || e.shiftKey ? null : place(e);
    if (lps) reader.pickAt(lps);
  });
}

$("undo").onclick = () => reader.act("undo");
$("redo").onclick = () => reader.act("redo");
$("sign").onclick = () => sign(reader);
$("reopen").onclick = () => reopen(reader);
$("step").onclick = () => reader.accept();
$("reveal").onclick = () => reveal(reader);
$("help").onclick = () => keys.show();
$("leave").onclick = async () => { await fetch("/logout", { method: "POST", redirect: "manual" }); location.assign("/login"); };
$("filters").onclick = (e) => { if (e.target.dataset.show) { reader.show = e.target.dataset.show; reader.list(); } };
$("past").ontoggle = () => $("past").open && reader.past();
$("faint").ontoggle = () => $("faint").open && reader.faint();

async function route() {
  const [id, name] = location.hash.slice(1).split("/");
  try {
    if (!id) {
      await worklist(me);
      return;
    }
    reader = new Reader(me, pathOf(id));
    window.reading = reader; // for scripted checks
    reader.cuts = (side, share) => (reader.writable ? limit(reader, side, reader.grid.height(share)) : say(reader.refusal()));
    await reader.open(name, facts, front);
    if (reader.facts.ct) setCt();
  } catch (error) {
    if (!reader?.table) $("reader").hidden = true; // of what cannot be read nothing is shown
    say(error.message);
    busy(false);
  }
}
window.addEventListener("hashchange", () => location.reload());
await route();
