// Keeps what a page is made of, never what was on one: without a network it shows an empty page,
// and keep.js fills that with what this tab has kept. A new version replaces all of the one before.
"use strict";
const NAME = "menkou-{{ version }}";
const SHELLS = {{ shells | tojson }};
const KEPT = {{ kept | tojson }};
const LANGUAGE = "/language";
const PATIENCE_MS = 8000;

self.addEventListener("install", (event) => {
  event.waitUntil((async () => {
    const cache = await caches.open(NAME);
    // Without cookies: nothing that is kept here may depend on who asks.
    await cache.addAll(KEPT.map((url) => new Request(url, { credentials: "omit" })));
    await self.skipWaiting();
  })());
});
self.addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    const older = (await caches.keys()).filter((name) => name.startsWith("menkou-") && name !== NAME);
    await Promise.all(older.map((name) => caches.delete(name)));
    await self.clients.claim();
  })());
});

async function note(language) {
  if (!language || !SHELLS[language]) return;
  await (await caches.open(NAME)).put(LANGUAGE, new Response(language));
}
async function shell() {
  const cache = await caches.open(NAME);
  const noted = await cache.match(LANGUAGE);
  const language = noted ? await noted.text() : navigator.language.startsWith("zh") ? "zh" : "en";
  return (await cache.match(SHELLS[language])) ?? Response.error();
}
// A network that is there and says nothing is none.
async function opened(event) {
  const late = new Promise((_, give) => setTimeout(give, PATIENCE_MS));
  try {
    const answer = await Promise.race([fetch(event.request), late]);
    event.waitUntil(note(answer.headers.get("Content-Language")));
    return answer;
  } catch {
    return shell();
  }
}
async function kept(request) {
  return (await (await caches.open(NAME)).match(request)) ?? fetch(request);
}

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET") return;
  if (request.mode === "navigate") event.respondWith(opened(event));
  else if (KEPT.includes(request.url.slice(location.origin.length))) event.respondWith(kept(request));
});
