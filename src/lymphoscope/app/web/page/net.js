// Requests to the server. Writes go one after another and carry what only this page knows and the state they were made on.
export class Refusal extends Error {
  constructor(status, told) {
    super(`${told.what}. ${told.fix || ""}`.trim());
    Object.assign(this, { status, code: told.code });
  }
}

let csrf = "";
export const setCsrf = (token) => { csrf = token; };

async function ask(path, words = {}) {
  let answer;
  try {
    answer = await fetch(path, words);
  } catch {
    throw new Refusal(0, { code: "NET", what: "The server does not answer: this is NOT SAVED", fix: "" });
  }
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => ({ code: "NET", what: `The server answered ${answer.status}` }));
  if (answer.status === 401 && !path.endsWith("/sign")) location.assign("/login");
  throw new Refusal(answer.status, told);
}

export const get = async (path) => (await ask(path)).json();
export const bytes = async (path) => (await ask(path)).arrayBuffer();
export const send = async (path, file) => (await ask(path, { method: "POST", headers: { "x-csrf": csrf }, body: file })).json();

// a lost connection is tried once more: an act has an id of its own, so that it cannot be done twice
async function persistently(path, words) {
  try {
    return await ask(path, words);
  } catch (error) {
    if (error.status) throw error;
    await new Promise((later) => setTimeout(later, 1000));
    return ask(path, words);
  }
}

let line = Promise.resolve();
export function post(path, body, tip = () => "") {
  const sent = line.then(async () => {
    const headers = { "content-type": "application/json", "x-csrf": csrf };
    const on = tip();
    if (on) headers["if-match"] = on;
    return (await persistently(path, { method: "POST", headers, body: JSON.stringify(body) })).json();
  });
  line = sent.catch(() => {});
  return sent;
}
