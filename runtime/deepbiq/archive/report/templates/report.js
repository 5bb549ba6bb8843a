"use strict";
// The table of all rows: only those in sight are in the document, so 50,000 scroll as smoothly as 50.
const data = JSON.parse(document.getElementById("data").textContent);
const total = data.score.length;
const at = (id) => document.getElementById(id);
const [scroller, table, find, which, found, reset] = ["scroller", "table", "find", "which", "found", "reset"].map(at);
const body = table.tBodies[0];
const SPARE_ROWS = 10;
const columnsInSight = () => [...table.tHead.rows[0].cells].filter((heading) => heading.offsetWidth > 0).length;

const text = (list, column) => (row) => (data[column][row] < 0 ? null : data[list][data[column][row]]);
const folder = text("folders", "folder"), camera = text("cameras", "camera"), note = text("notes", "note");
// Folders are shown below the one that all share.
const parts = data.folders.map((path) => path.split("/"));
let depth = 0;
while (parts.length > 0 && parts.every((own) => depth < own.length && own[depth] === parts[0][depth])) depth += 1;
const below = parts.map((own) => own.slice(depth).join("/"));
const sortKeys = {
  score: (row) => data.score[row],
  name: (row) => data.name[row].toLowerCase(),
  spread: (row) => data.spread[row],
  pixels: (row) => (data.width[row] === null ? null : data.width[row] * data.height[row]),
  size: (row) => data.size[row],
  taken: (row) => data.taken[row],
  camera: (row) => camera(row),
  group: (row) => (data.group[row] === 0 ? null : Math.abs(data.group[row]) - (data.group[row] > 0 ? 0.5 : 0)),
  note: (row) => note(row),
};
const bursts = new Set(data.bursts);
const haystack = data.name.map((name, row) => [folder(row), name, camera(row), note(row)].join("\n").toLowerCase());
const state = { column: "score", rising: true, group: 0, rows: [] };

function matches(row, words, kind) {
  if (state.group !== 0 && Math.abs(data.group[row]) !== state.group) return false;
  if (!words.every((word) => haystack[row].includes(word))) return false;
  switch (kind) {
    case "": return true;
    case "error": return data.error[row] === 1;
    case "scored": return data.error[row] === 0;
    case "warned": return data.error[row] === 0 && data.note[row] >= 0;
    case "alike": return data.group[row] !== 0;
    case "spare": return data.group[row] < 0;
    default: return data.labels[data.label[row]] === kind;
  }
}

// Nothing comes last whichever way rows are sorted; equal values keep the order of the scores.
function sorted(rows) {
  const keys = new Map(rows.map((row) => [row, sortKeys[state.column](row)]));
  const way = state.rising ? 1 : -1;
  return rows.sort((one, other) => {
    const a = keys.get(one), b = keys.get(other);
    if (a === null || b === null) return (a === null) - (b === null) || one - other;
    return (a < b ? -way : a > b ? way : 0) || one - other;
  });
}

function update() {
  const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
  const rows = [];
  for (let row = 0; row < total; row++) if (matches(row, words, which.value)) rows.push(row);
  state.rows = sorted(rows);
  reset.hidden = words.length === 0 && which.value === "" && state.group === 0;
  const count = (number) => number.toLocaleString("en");
  found.textContent = reset.hidden ? `${count(total)} rows` : `${count(rows.length)} of ${count(total)} rows`;
  table.setAttribute("aria-rowcount", rows.length + 1);
  scroller.scrollTop = 0;
  draw(true);
}

function cell(className, content) {
  const made = document.createElement("td");
  made.className = className;
  if (content !== null && content !== undefined) {
    made.append(content);
    if (typeof content === "string") made.title = content;
  }
  return made;
}

function hrefOf(row) {
  if (row in data.hrefs) return data.hrefs[row];
  const path = `${folder(row)}/${data.name[row]}`;
  if (path.startsWith("/")) return "file://" + path.split("/").map(encodeURIComponent).join("/");
  return /^https?:\/\//.test(path) ? path : null;
}

function picture(row) {
  const made = document.createElement("td");
  const href = hrefOf(row);
  const name = document.createElement(href === null ? "span" : "a");
  if (href !== null) name.href = href;
  name.textContent = data.name[row];
  const where = document.createElement("small");
  where.textContent = below[data.folder[row]];
  made.title = `${folder(row)}/${data.name[row]}`;
  made.append(name, where);
  return made;
}

function bytes(size) {
  if (size === null) return null;
  if (size < 1000) return `${size} B`;
  return size < 1e6 ? `${(size / 1e3).toFixed(0)} kB` : `${(size / 1e6).toFixed(1)} MB`;
}

function alike(row) {
  const group = data.group[row];
  if (group === 0) return null;
  const words = document.createElement(group > 0 ? "mark" : "span");
  words.textContent = group > 0 ? "best" : bursts.has(-group) ? "burst" : "duplicate";
  return words;
}

function line(place) {
  const row = state.rows[place], failed = data.error[row] === 1, number = (value, digits) => (value === null ? null : value.toFixed(digits));
  const made = document.createElement("tr");
  made.setAttribute("aria-rowindex", place + 2);
  const score = cell("score number", number(data.score[row], 1));
  if (!failed) score.dataset.label = data.labels[data.label[row]];
  made.append(
    score, picture(row),
    cell("number aside muted", number(data.spread[row], 1)),
    cell("number aside", data.width[row] === null ? null : `${data.width[row]} × ${data.height[row]}`),
    cell("number aside", bytes(data.size[row])),
    cell("aside muted", data.taken[row]?.slice(0, 16)),
    cell("aside muted", camera(row)),
    cell("aside", alike(row)),
    cell(failed ? "note fault" : "note muted", note(row)),
  );
  return made;
}

function space(height) {
  const made = document.createElement("tr"), inside = document.createElement("td");
  made.className = "space";
  made.setAttribute("aria-hidden", "true");
  inside.colSpan = columnsInSight();
  inside.style.height = `${height}px`;
  made.append(inside);
  return made;
}

let shown = "";
function draw(anew) {
  const high = parseFloat(getComputedStyle(document.documentElement).getPropertyValue("--row"));
  const first = Math.max(0, Math.floor(scroller.scrollTop / high) - SPARE_ROWS);
  const last = Math.min(state.rows.length, Math.ceil((scroller.scrollTop + scroller.clientHeight) / high) + SPARE_ROWS);
  if (!anew && shown === `${first} ${last} ${high}`) return;
  shown = `${first} ${last} ${high}`;
  // A link that has the focus keeps it while its row is drawn again.
  const focused = body.contains(document.activeElement) ? document.activeElement.closest("tr").getAttribute("aria-rowindex") : null;
  const lines = [];
  if (first > 0) lines.push(space(first * high));
  for (let place = first; place < last; place++) lines.push(line(place));
  if (last < state.rows.length) lines.push(space((state.rows.length - last) * high));
  if (state.rows.length === 0) lines.push(nothing());
  body.replaceChildren(...lines);
  if (focused !== null) (body.querySelector(`[aria-rowindex="${focused}"] a`) ?? scroller).focus({ preventScroll: true });
}

function nothing() {
  const made = document.createElement("tr"), inside = cell("", "No row matches.");
  made.className = "empty";
  inside.colSpan = columnsInSight();
  made.append(inside);
  return made;
}

function sortBy(column) {
  state.rising = state.column === column ? !state.rising : true;
  state.column = column;
  for (const heading of table.tHead.rows[0].cells) {
    if (heading.dataset.column === column) heading.setAttribute("aria-sort", state.rising ? "ascending" : "descending");
    else heading.removeAttribute("aria-sort");
  }
  update();
}

function showOnly({ kind = "", group = 0 }) {
  find.value = "";
  which.value = kind;
  state.group = group;
  update();
  at("rows").scrollIntoView();
  scroller.focus({ preventScroll: true });
}

let pending = 0;
const soon = (action) => {
  cancelAnimationFrame(pending);
  pending = requestAnimationFrame(action);
};
let typing = 0;
find.addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(update, 120);
});
which.addEventListener("change", update);
reset.addEventListener("click", () => showOnly({}));
document.querySelector(".filters").addEventListener("submit", (event) => event.preventDefault());
scroller.addEventListener("scroll", () => soon(() => draw(false)), { passive: true });
new ResizeObserver(() => soon(() => draw(false))).observe(scroller);
// At once: an animation over thousands of rows can be lost while they are drawn.
scroller.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || !["Home", "End"].includes(event.key)) return;
  scroller.scrollTop = event.key === "End" ? scroller.scrollHeight : 0;
  event.preventDefault();
});
table.tHead.addEventListener("click", (event) => {
  const heading = event.target.closest("th");
  if (heading) sortBy(heading.dataset.column);
});
for (const button of document.querySelectorAll("[data-kind]")) button.addEventListener("click", () => showOnly({ kind: button.dataset.kind }));
for (const button of document.querySelectorAll("[data-group]")) button.addEventListener("click", () => showOnly({ group: Number(button.dataset.group) }));
update();
