// The worklist: cases with their status; studies that are sent in; how readers agree.
import { $, ask, busy, make, pairs, say } from "/elements.js";
import { get, post, send } from "/net.js";

const CLOSED = ["refused", "damaged"];
const WORDS = {
  ready: "ready", reading: "reading", signed: "signed once", agreed: "two readers agree", adjudicate: "readers differ: adjudicate",
  final: "final", refused: "refused", damaged: "damaged",
};
let rows = [];
let me = null;

export async function worklist(person) {
  me = person;
  $("reader").hidden = true;
  $("worklist").hidden = false;
  $("where").textContent = `Worklist – ${me.name} (${me.role})`;
  for (const right of ["upload", "audit", "agreement"]) $(right).hidden = !me.rights.includes(right);
  rows = await get("/api/cases");
  const present = [...new Set(rows.map((r) => r.status))].sort();
  $("status").replaceChildren(make("option", "all", { value: "" }), ...present.map((s) => make("option", WORDS[s] || s, { value: s })));
  list();
  busy(false);
}

function list() {
  const [status, text, mine] = [$("status").value, $("search").value.toLowerCase(), $("mine").checked];
  const shown = rows.filter((r) => (!status || r.status === status) && r.folder.toLowerCase().includes(text)
    && (!mine || r.versions.some((v) => v.mine)));
  $("cases").replaceChildren(...shown.map(line));
  const open = rows.filter((r) => r.status === "ready" || r.status === "reading").length;
  const queries = rows.filter((r) => CLOSED.includes(r.status)).length;
  $("count").textContent = `${shown.length} of ${rows.length} cases · ${open} to read${queries ? ` · ${queries} to query` : ""}`;
}
$("status").onchange = list;
$("search").oninput = list;
$("mine").onchange = list;

function line(row) {
  const made = make("tr");
  const status = make("td", WORDS[row.status] || row.status, { className: `status ${row.status}` });
  if (row.why) status.append(make("small", ` ${row.why}`));
  const flags = row.flags.slice(0, 3).join(" ") + (row.flags.length > 3 ? ` +${row.flags.length - 3}` : "");
  const cells = ["R1", "R2", ""].map((place) => {
    const cell = make("td");
    const there = row.versions.filter((v) => (place ? v.place === place : !["R1", "R2"].includes(v.place)));
    cell.append(...(there.length ? there.flatMap((v) => [version(row, v), " "]) : ["–"]));
    return cell;
  });
  made.append(make("td", row.folder), make("td", row.scanned.slice(0, 16).replace("T", " ")), status, ...cells,
    make("td", flags, { className: "flags", title: row.flags.join(" ") }), actions(row));
  return made;
}

// of one's own draft how many of its lesions were displayed; of another's reading no number, and nothing before it is signed
function version(row, v) {
  const state = v.signed ? "signed" : v.progress === null ? "draft" : `${Math.round(100 * v.progress)} % seen`;
  const said = `${v.name} ${v.mine ? "you: " : ""}${v.purpose === "read" ? "" : `${v.purpose}, `}${state}`;
  return v.open ? make("a", said, { href: `#${row.id}/${v.name}` }) : make("span", said);
}

function actions(row) {
  const cell = make("td");
  const button = (name, go) => {
    const made = make("button", name, { onclick: go });
    made.setAttribute("aria-label", `${name} ${row.folder}`);
    cell.append(made, " ");
  };
  const own = row.versions.filter((v) => v.mine).at(-1);
  if (!CLOSED.includes(row.status) && me.rights.includes("read"))
    button(own ? (own.signed ? "Show" : "Go on") : "Read", () => { location.hash = `${row.id}/${own?.name || ""}`; });
  if (CLOSED.includes(row.status)) button("Why…", () => query(row));
  if (row.pair.length && row.status !== "final") button("Adjudicate", () => adjudicate(row));
  return cell;
}

// why a case cannot be read and what would help: what whoever sends it has to be asked for
async function query(row) {
  const told = await get(`/api/cases/${row.id}/refusal`).catch((error) => { say(error.message); return null; });
  if (!told) return;
  const facts = make("dl");
  facts.append(...pairs([["Code", told.code], ["Reason", told.what], ["Where", told.where], ["Remedy", told.fix]].filter(([, text]) => text)));
  const series = make("ul");
  series.append(...told.series.map((s) => make("li", `${s.modality} ${s.description || ""}, ${s.n} images: ${s.why || "–"}`)));
  await ask(`Not measured: ${row.folder}`, [facts, ...(told.series.length ? [make("p", "Series considered:"), series] : [])]);
}

const MOST_LESIONS = 12;
const tr = (tag, cells) => { const made = make("tr"); made.append(...cells.map((c) => make(tag, c))); return made; };

async function adjudicate(row) {
  const [a, b] = row.pair;
  const path = `/api/cases/${row.id}`;
  const told = await get(`${path}/compare?a=${a}&b=${b}`);
  const sign = (v) => (v > 0 ? "+" : v < 0 ? "−" : "") + Math.abs(v).toFixed(1);
  const facts = make("dl");
  facts.append(...pairs([["Reader A", `${told.a_ml.toFixed(1)} mL`], ["Reader B", `${told.b_ml.toFixed(1)} mL`],
    ["A − B", `${sign(told.difference_ml)} mL (${sign(told.difference_percent)} %)`], ["Dice", told.dice.toFixed(3)],
    ["only A", `${told.only_a_ml.toFixed(1)} mL`], ["only B", `${told.only_b_ml.toFixed(1)} mL`],
    ["Adjudicate because of", told.reasons.join(", ") || "nothing"],
    ["Lesions", `both ${told.found.both}, only A ${told.found.only_a}, only B ${told.found.only_b}${told.found.f1 === null ? "" : `; F1 ${told.found.f1.toFixed(2)}`}`]]));
  const table = make("table", "", { className: "lesions" });
  table.append(tr("th", ["mL, A", "mL, B", "Dice", ""]), ...told.lesions.slice(0, MOST_LESIONS).map((l) =>
    tr("td", [l.a_ml.toFixed(1), l.b_ml.toFixed(1), l.dice.toFixed(2), l.disputed ? "disputed" : ""])));
  const more = told.lesions.length - MOST_LESIONS;
  const body = [facts, table, ...(more > 0 ? [make("p", `${more} smaller lesions are not listed.`)] : []), make("p", "Each place where the readers differ becomes a region in doubt; settle them with D, X and R.")];
  if (!(await ask("Lay the two readings over one another", body))) return;
  const made = await post(`${path}/versions`, { purpose: "adjudicate", parent: a, other: b });
  location.hash = `${row.id}/${made.name}`;
}

$("agreement").onclick = async () => {
  const told = await get("/api/agreement");
  const number = (v, digits = 3) => (v === null || v === undefined ? "–" : v.toFixed(digits));
  const facts = make("dl");
  const { bias_ml: bias, ratio, icc } = told;
  facts.append(...pairs([["Cases read by two", String(told.n)],
    ["within 10 % or 10 mL", told.within === null ? "–" : `${(100 * told.within).toFixed(0)} %`],
    ["mean difference", bias ? `${number(bias.bias, 1)} mL (limits ${number(bias.low, 1)} to ${number(bias.high, 1)})` : "–"],
    ["ratio", ratio ? `${number(ratio.bias)} (limits ${number(ratio.low)} to ${number(ratio.high)})` : "–"],
    ["mean difference in %", told.mape === null ? "–" : `${number(told.mape, 1)} %`],
    ["ICC (3,1)", told.icc_fixed ? number(told.icc_fixed.value) : "–"], ["ICC (2,1)", icc ? `${number(icc.value)} (95 % ${number(icc.low)} to ${number(icc.high)})` : "–"],
    ["Lin’s concordance", number(told.ccc)], ["Spearman", number(told.spearman)]]));
  await ask("How two readers agree (TMTV)", [facts, make("p", "Of each case the first two independent signed reads.")]);
};

$("audit").onclick = async () => {
  const logs = await get("/api/audit/verify").catch((e) => { say(e.message); return null; });
  if (!logs) return;
  const wrong = logs.filter((log) => log.wrong);
  const facts = make("dl");
  facts.append(...pairs([["Logs", String(logs.length)], ["Events", String(logs.reduce((n, log) => n + log.events, 0))],
    ["Broken links", wrong.length ? wrong.map((log) => `${log.log}: ${log.wrong}`).join("; ") : "none"]]));
  const links = make("p");
  for (const [form, path] of [["CSV", "/api/audit/csv"], ["JSON", "/api/audit"]]) links.append(make("a", `Export as ${form}`, { href: path, download: "" }), " ");
  await ask("Audit trail", [facts, links, make("p", "lymphoscope serve --verify-audit FILE verifies an export without this server.")]);
};

$("file").onchange = async () => {
  const [file] = $("file").files;
  if (!file) return;
  say(`Sending ${file.name} …`);
  try {
    const { id } = await send("/api/uploads", file);
    for (;;) {
      const state = (await get("/api/uploads")).find((u) => u.id === id);
      if (state.state === "failed") { say(`${state.code} ${state.what}`); return; }
      if (state.state === "done") break;
      say(`${file.name}: ${state.state} …`);
      await new Promise((later) => setTimeout(later, 1000));
    }
    say();
    await worklist(me);
  } catch (error) {
    say(error.message);
  } finally {
    $("file").value = "";
  }
};
