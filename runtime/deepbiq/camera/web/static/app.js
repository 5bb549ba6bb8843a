// The page: cards that events keep up to date.

import { Card } from "/static/card.js";
import { Gallery } from "/static/gallery.js";
import { camera, listen, read, send } from "/static/service.js";

const MOST_FAULTS = 20;
const NOTICE_MS = 8000;
const TICK_MS = 250;

const cards = new Map();
const gallery = new Gallery();
const byId = (id) => document.getElementById(id);

function say(words, kind) {
  const notice = byId("notice");
  notice.textContent = words;
  notice.dataset.kind = kind;
  notice.hidden = false;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => (notice.hidden = true), NOTICE_MS);
}

const complain = (words) => say(words, "fault");
const announce = (words) => (byId("announcer").textContent = words);

function cardOf(name) {
  if (!cards.has(name)) {
    const card = new Card(name, { announce, complain });
    cards.set(name, card);
    byId("cameras").append(card.root);
    byId("no-cameras").hidden = true;
  }
  return cards.get(name);
}

function showFault(fault) {
  const time = document.createElement("time");
  time.textContent = new Date(1000 * fault.at).toLocaleTimeString();
  const words = document.createElement("span");
  words.textContent = fault.camera ? `${fault.camera}: ${fault.what}` : fault.what;
  const item = document.createElement("li");
  item.append(time, words);
  byId("faults").prepend(item);
  while (byId("faults").children.length > MOST_FAULTS) byId("faults").lastElementChild.remove();
  byId("faults-section").hidden = false;
}

async function load() {
  const state = await read("/api/cameras");
  byId("faults").replaceChildren();
  state.faults.reverse().forEach(showFault);
  await Promise.all(
    state.cameras.map(async (snapshot) => cardOf(snapshot.name).load(snapshot, await read(camera(snapshot.name, "history")))),
  );
  await gallery.refresh();
}

function take(event) {
  if (event.event === "fault") showFault(event);
  else if (event.event === "best") gallery.refresh().catch((error) => complain(error.message));
  else if (cards.has(event.camera)) cards.get(event.camera).take(event);
  else reload();
}

const reload = () => load().catch((error) => complain(error.message));

byId("trigger").addEventListener("click", async () => {
  try {
    await send("POST", "/api/trigger", { name: "page" });
    say("Triggered: the best frames around this moment will appear below, or why there are none.", "note");
  } catch (error) {
    complain(`Nothing was triggered: ${error.message}`);
  }
});

listen({
  onOpen: reload,
  onEvent: take,
  onState: (state) => {
    byId("connection").dataset.state = state;
    byId("connection").querySelector(".words").textContent = state;
  },
});
setInterval(() => cards.forEach((card) => card.tick()), TICK_MS);
