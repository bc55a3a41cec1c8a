/* Asks for answers: of the server where there is one, else of the files that an export carries. */
"use strict";

/* Why there is no answer: one sentence, what to do, and the layer and field it is about. */
Explorer.Refusal = class Refusal extends Error {
  constructor({ sentence, advice = "", place = null, field = null, errors = [], status = 0,
    carried = false }) {
    super(sentence);
    Object.assign(this, { sentence, advice, place, field, errors, status, carried });
  }
};

Explorer.ask = (() => {
  const { Refusal } = Explorer;
  const loading = new Map();
  const kept = new Map();

  /* api("api/window", {input: 224}) is "api/window?input=224", parameters in the order given. */
  function api(path, parameters = {}) {
    const rest = Object.entries(parameters).filter(([, value]) => value !== null
      && value !== undefined).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
    return rest.length ? `${path}?${rest.join("&")}` : path;
  }

  /* The answer at an address, as a promise; refused with a Refusal. `keep`: asked only once. */
  function get(address, { keep = false, signal } = {}) {
    if (kept.has(address)) return kept.get(address);
    const answer = Explorer.exported ? carried(address)
      : asked(address, { signal }).then((response) => response.json());
    if (keep) {
      kept.set(address, answer);
      answer.catch(() => kept.delete(address));
    }
    return answer;
  }

  async function asked(address, options) {
    let response;
    try {
      response = await fetch(address, options);
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Refusal({ sentence: "The server does not answer.",
        advice: "Start it again with `alexnet explore`, then reload this page." });
    }
    if (response.ok) return response;
    throw await refusal(response);
  }

  async function refusal(response) {
    let told;
    try {
      told = await response.json();
    } catch {
      told = { error: `The server answered ${response.status}.` };
    }
    return new Refusal({ sentence: told.error, advice: told.try || "", place: told.place,
      field: told.field, errors: told.errors || [], status: response.status });
  }

  /* Sends a body; the answer as JSON, or with `whole` the response itself. */
  async function post(address, body, { whole = false, signal } = {}) {
    if (Explorer.exported) throw missing(address);
    const plain = body instanceof Blob || body instanceof FormData;
    const response = await asked(address, { method: "POST", signal,
      headers: plain ? {} : { "Content-Type": "application/json" },
      body: plain ? body : JSON.stringify(body) });
    return whole ? response : response.json();
  }

  async function carried(address) {
    const { files, packs } = Explorer.exported;
    const pack = packs.find(({ prefix }) => address.startsWith(prefix));
    const file = files[address] || (pack && pack.file);
    if (file) await load(file);
    if (address in Explorer.answers) return Explorer.answers[address];
    throw missing(address);
  }

  /* What an export says of an address that it does not carry. */
  function missing(address) {
    const entry = Explorer.exported.needs_server.find((one) => address.startsWith(one.address));
    return new Refusal({ status: 404, carried: true, sentence: entry ? entry.sentence
      : "These pages carry no answer to this; the server has one: run `alexnet explore`." });
  }

  function load(file) {
    if (!loading.has(file)) {
      loading.set(file, new Promise((done, failed) => {
        document.head.append(Explorer.make("script", { src: file, onload: done, onerror: () =>
          failed(new Refusal({ sentence: `${file} is missing beside this page.` })) }));
      }));
    }
    return loading.get(file);
  }

  return { api, get, post, missing };
})();
