// Small things that every part of the page is made of.
export const $ = (id) => document.getElementById(id);
export const make = (tag, text = "", words = {}) => Object.assign(document.createElement(tag), { textContent: text, ...words });
export const pairs = (rows) => rows.flatMap(([name, value]) => [make("dt", name), make("dd", value)]);
export const busy = (on) => { document.body.dataset.state = on ? "busy" : "idle"; };

export function say(text = "", remedy = null) {
  $("banner").hidden = !text;
  $("banner").classList.remove("note");
  $("banner").textContent = text;
  if (remedy) {
    const again = make("button", remedy.name);
    again.onclick = remedy.run;
    $("banner").append(" ", again);
  }
}

// what is good to know, and no trouble
export function note(text) {
  say(text);
  $("banner").classList.add("note");
}

export const field = (label, input) => { const l = make("label", `${label} `); l.append(input); return l; };
export const options = (names) => {
  const chosen = make("select");
  chosen.append(...names.map((n) => make("option", n, { value: n })));
  return chosen;
};

// a box with a question; `ready` says in words why it cannot be answered with yes, or nothing
export async function ask(title, body, ready = () => "") {
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
