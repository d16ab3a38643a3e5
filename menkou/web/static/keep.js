// What this device keeps while the network is away. In this tab alone, and for a while: the list as
// it was seen last. On the device, until it is sent: what was tapped meanwhile. docs/privacy.md.
"use strict";
(() => {
  const STATE = "menkou.state", LATER = "menkou.later";
  const KEEP_S = 600, LATER_MAX = 200, LATER_MS = 12 * 3600 * 1000, TIMEOUT_MS = 8000, LOOK_MS = 15000;
  const main = document.getElementById("main");
  const panel = document.getElementById("later"), words = panel.dataset, list = panel.querySelector("ul");
  const isShell = "shell" in main.dataset;
  let sending = false, undone = false;
  if (!isShell) main.dataset.asOf = Date.now();

  navigator.serviceWorker?.register("/sw.js").catch(() => {});  // not trusted: no app, all else works

  // ---- The list as it was seen last.
  function keepState() {
    const at = Number(main.dataset.asOf), seconds = document.getElementById("at-device")?.dataset.keepS;
    if (isShell || !seconds || !main.querySelector("#arrivals")) return;
    const copy = main.cloneNode(true);
    for (const field of copy.querySelectorAll("[name=csrf]")) field.value = "", field.removeAttribute("value");
    // What popped up or was new then is neither when it is seen again.
    for (const gone of copy.querySelectorAll("#asking > *, .new, #code-entry .problem")) gone.remove();
    for (const old of copy.querySelectorAll(".is-new")) old.classList.remove("is-new");
    for (const open of copy.querySelectorAll("details[open]")) open.removeAttribute("open");
    store(sessionStorage, STATE, { at, until: at + 1000 * Number(seconds), html: copy.innerHTML });
  }
  function showState() {
    const state = read(sessionStorage, STATE, null);
    if (!state || !(Date.now() < state.until) || state.at > Date.now()) return forgetState();
    main.dataset.asOf = state.at;
    const kept = new DOMParser().parseFromString(`<main>${state.html}</main>`, "text/html");
    main.replaceChildren(...kept.querySelector("main").childNodes);
  }
  function forgetState() {
    sessionStorage.removeItem(STATE);
  }
  // Also what is on the screen goes, when the network has been away for so long.
  function wipe() {
    const seconds = Number(document.getElementById("at-device")?.dataset.keepS ?? KEEP_S);
    const age = Date.now() - Number(main.dataset.asOf);
    if (!main.querySelector("#arrivals, #nobody") || (age >= 0 && age < 1000 * seconds)) return;
    forgetState();
    const told = document.createElement("p");
    told.textContent = words.wiped;
    const card = document.createElement("section");
    card.className = "card empty";
    card.id = "wiped";
    card.append(told);
    main.replaceChildren(card);
  }

  // ---- What was tapped meanwhile.
  function read(where, key, otherwise) {
    try {
      return JSON.parse(where.getItem(key)) ?? otherwise;
    } catch {
      return otherwise;
    }
  }
  function store(where, key, value) {
    try {
      where.setItem(key, JSON.stringify(value));
      return true;
    } catch {
      return false;  // full, or forbidden by the browser's settings
    }
  }
  const waiting = () => read(localStorage, LATER, []);
  function change(id, to) {
    const items = waiting().flatMap((item) => (item.id !== id ? [item] : to ? [{ ...item, ...to }] : []));
    store(localStorage, LATER, items);
    draw();
  }
  const person = () => document.getElementById("at-device")?.dataset.staff ?? "";

  document.addEventListener("menkou:unsent", (event) => {
    const form = event.target, kind = form.dataset.later;
    undone = !kind;
    if (kind) {
      const fields = Object.fromEntries(event.detail);
      delete fields.csrf;
      const path = new URL(form.action).pathname, items = waiting();
      const same = (one) => one.path === path && JSON.stringify(one.fields) === JSON.stringify(fields) && !one.told;
      // Tapped twice is once.
      if (items.some(same)) event.preventDefault();
      else {
        const item = { id: newId(), at: Date.now(), kind, path, fields, staff: person() };
        if (items.length < LATER_MAX && store(localStorage, LATER, [...items, item])) event.preventDefault();
        else undone = true;
      }
    }
    draw();
  });
  function newId() {
    return [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  async function send() {
    if (sending || isShell || !main.dataset.csrf) return;
    sending = true;
    undone = false;
    for (const item of waiting().filter((one) => !one.told)) {
      if (Date.now() - item.at > LATER_MS) change(item.id, { told: { outcome: "old" } });
      else if (!(await sendOne(item))) break;
    }
    sending = false;
    draw();
  }
  // The same thing may be sent twice, when its answer was lost: the box takes it once.
  async function sendOne(item) {
    const body = new URLSearchParams(item.fields);
    body.set("csrf", main.dataset.csrf);
    body.set("staff", item.staff);
    body.set("waited_s", Math.max(0, Math.round((Date.now() - item.at) / 1000)));
    const signal = AbortSignal.timeout ? AbortSignal.timeout(TIMEOUT_MS) : undefined;
    let answer;
    try {
      answer = await fetch(item.path, { method: "POST", body, redirect: "manual", signal });
    } catch {
      return false;
    }
    if (answer.type === "opaqueredirect") return change(item.id, null), true;
    if ([400, 403, 404, 410, 413].includes(answer.status)) return change(item.id, { told: { outcome: "refused" } }), true;
    if (!answer.ok) return false;  // too often, or the box is busy: at the next news
    const told = await answer.json();
    if (["mine", "kept", "empty"].includes(told.outcome)) change(item.id, null);
    else if (["unnamed", "other"].includes(told.outcome)) change(item.id, { waits: told.outcome });
    else change(item.id, { told });
    return true;
  }

  // ---- What is said of it.
  function sentence(item) {
    const { outcome, by = "", since = "" } = item.told ?? {};
    if (outcome === "taken") return by ? words.taken.replace("{by}", by).replace("{since}", since) : words.takenUnnamed;
    return words[outcome ?? item.waits ?? "waiting"] ?? words.refused;
  }
  function line(item) {
    const row = document.createElement("li"), said = document.createElement("p");
    const guest = document.querySelector(`#visit-${CSS.escape(item.fields.visit ?? "")} h3`)?.textContent ?? words.guest;
    const clock = new Date(item.at).toTimeString().slice(0, 5);
    const what = document.createElement("strong");
    what.textContent = `${clock} ${guest} · ${words[item.kind] ?? ""}`;
    said.append(what, document.createElement("br"), sentence(item));
    row.append(said);
    row.className = item.told ? "is-told" : "is-waiting";
    if (item.told) {
      const seen = document.createElement("button");
      seen.className = "tool";
      seen.textContent = words.dismiss;
      seen.addEventListener("click", () => change(item.id, null));
      row.append(seen);
    }
    return row;
  }
  function draw() {
    const items = waiting();
    const rows = items.map(line);
    if (undone) {
      const row = document.createElement("li");
      row.className = "is-told";
      row.textContent = items.length < LATER_MAX ? words.undone : words.full;
      rows.unshift(row);
    }
    list.replaceChildren(...rows);
    panel.hidden = !rows.length;
    mark(items);
  }
  // A tap that waits is seen where it was made.
  function mark(items) {
    for (const item of items.filter((one) => one.kind === "claim" && !one.told))
      for (const field of document.querySelectorAll(`form.claim [name=visit][value="${CSS.escape(item.fields.visit)}"]`)) {
        const button = field.form.querySelector("button");
        button.disabled = true;
        button.textContent = words.marked;
      }
  }

  document.addEventListener("menkou:drawn", () => {
    forgetState();
    send();
    draw();
  });
  // The box does not know this device any more: nothing of the shop stays on it.
  document.addEventListener("menkou:out", () => {
    forgetState();
    localStorage.removeItem(LATER);
  });
  document.addEventListener("menkou:lost", () => {
    keepState();
    draw();
  });
  window.addEventListener("pagehide", keepState);
  window.addEventListener("storage", draw);
  setInterval(wipe, LOOK_MS);
  if (isShell) showState();
  else forgetState();
  wipe();
  draw();
  send();
})();
