// Requests to the server. Writes go one after another and carry what only this page knows and the state they were made on.
export class Refusal extends Error {
  constructor(status, told) {
    super(`${told.what}. ${told.fix || ""}`.trim());
    Object.assign(this, { status, code: told.code, what: told.what });
  }
}

let csrf = "";
export const setCsrf = (token) => { csrf = token; };
// what this window calls itself, also after it was loaded again: one window at a time writes a draft
const own = sessionStorage.getItem("window") || crypto.randomUUID();
sessionStorage.setItem("window", own);
const words = (method, body) => ({
  method, headers: { "x-csrf": csrf, "x-window": own, ...(body && { "content-type": "application/json" }) }, body: body && JSON.stringify(body),
});

async function ask(path, said = {}) {
  let answer;
  try {
    answer = await fetch(path, said);
  } catch {
    throw new Refusal(0, { code: "NET", what: "The server does not answer: this is NOT SAVED", fix: "" });
  }
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => ({ code: "NET", what: `The server answered ${answer.status}` }));
  if (answer.status === 401 && !path.endsWith("/sign")) location.assign("/login");
  throw new Refusal(answer.status, told);
}

// what is asked for ahead of its use: that it failed is told where it is used
export const ahead = (promise) => { promise.catch(() => {}); return promise; };
export const get = async (path) => (await ask(path)).json();
export const bytes = async (path) => (await ask(path)).arrayBuffer();
export const put = async (path) => (await ask(path, words("PUT"))).json();
// a question that changes nothing: it waits for no other request, and none waits for it
export const peek = async (path, body) => (await ask(path, words("POST", body))).json();
export const letGo = (path) => fetch(path, { ...words("DELETE"), keepalive: true }).catch(() => {});
export const send = async (path, file) => (await ask(path, { method: "POST", headers: { "x-csrf": csrf }, body: file })).json();

// a lost connection is tried once more: an act has an id of its own, so that it cannot be done twice
async function persistently(path, said) {
  try {
    return await ask(path, said);
  } catch (error) {
    if (error.status) throw error;
    await new Promise((later) => setTimeout(later, 1000));
    return ask(path, said);
  }
}

let line = Promise.resolve();
export function post(path, body, tip = () => "") {
  const sent = line.then(async () => {
    const said = words("POST", body);
    const on = tip();
    if (on) said.headers["if-match"] = on;
    return (await persistently(path, said)).json();
  });
  line = sent.catch(() => {});
  return sent;
}
