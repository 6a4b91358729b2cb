"use strict";
const PAGE = 300;
const byId = (id) => document.getElementById(id);

async function unpack(element) {
  const bytes = Uint8Array.from(atob(element.textContent), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

// --- scenarios ---

const cards = [...document.querySelectorAll(".card")];
const texts = cards.map((card) => card.querySelector("summary").textContent.toLowerCase());

function chooseCards() {
  const wanted = byId("find").value.toLowerCase();
  const causes = new Set([...document.querySelectorAll("[name=cause]:checked")].map((box) => box.value));
  cards.forEach((card, i) => { card.hidden = !causes.has(card.dataset.cause) || !texts[i].includes(wanted); });
}

async function drawPicture(card) {
  const place = card.querySelector(".picture");
  if (!place || !place.hidden) return;
  place.hidden = false;
  const svg = new DOMParser().parseFromString(await unpack(place.nextElementSibling), "image/svg+xml").documentElement;
  svg.querySelector("#focus")?.removeAttribute("id");  // Each picture has one.
  const drawn = document.importNode(svg, true);
  place.append(drawn);
  const trouble = drawn.querySelector(".trouble");
  if (trouble) place.scrollTop = trouble.getBBox().y - place.clientHeight / 2;
}

// --- kd log ---

let log = null;
let found = [];
let shown = 0;

function cell(text, name) {
  const made = document.createElement("td");
  made.className = name;
  made.textContent = text;
  return made;
}

function marked(text, wanted) {
  const made = cell("", "");
  const at = wanted ? text.toLowerCase().indexOf(wanted) : -1;
  if (at < 0) { made.textContent = text; return made; }
  const mark = document.createElement("mark");
  mark.textContent = text.slice(at, at + wanted.length);
  made.append(text.slice(0, at), mark, text.slice(at + wanted.length));
  return made;
}

function showMore() {
  const wanted = byId("grep").value.toLowerCase();
  const rows = found.slice(shown, shown + PAGE).map((i) => {
    const [scenario, time, kind, origin, text] = log.lines[i];
    const row = document.createElement("tr");
    const name = log.kinds[kind];
    row.className = name;
    const where = log.scenarios[scenario] + (log.origins[origin] ? ", " + log.origins[origin] : "");
    row.append(cell(time, "time"), cell(where, "muted"), marked((name === "print" ? "" : `[${name}] `) + text, wanted));
    return row;
  });
  byId("lines").append(...rows);
  shown += rows.length;
  byId("more").hidden = shown >= found.length;
}

function search() {
  if (!log) return;
  const begin = performance.now();
  const wanted = byId("grep").value.toLowerCase();
  const kind = byId("kind").value === "" ? -1 : Number(byId("kind").value);
  const of = byId("of").value === "" ? -1 : Number(byId("of").value);
  found = [];
  log.lines.forEach((line, i) => {
    if (of >= 0 && line[0] !== of) return;
    if (kind >= 0 && line[2] !== kind) return;
    if (!wanted || log.low[i].includes(wanted)) found.push(i);
  });
  byId("lines").replaceChildren();
  shown = 0;
  showMore();
  byId("found").textContent = `${found.length} of ${log.lines.length} lines`;
  document.body.dataset.searched = (performance.now() - begin).toFixed(1);
}

function options(select, names) {
  const made = names.map((name, i) => new Option(name, i));
  byId(select).append(...made);
}

async function openLog() {
  const unpacked = JSON.parse(await unpack(byId("kd")));
  unpacked.low = unpacked.lines.map((line) => line[4].toLowerCase());
  log = unpacked;
  options("kind", log.kinds);
  options("of", log.scenarios);
  const asked = new URLSearchParams(location.hash.slice(1)).get("log");
  if (asked) byId("grep").value = asked;
  search();
  document.body.dataset.ready = performance.now().toFixed(1);
}

// --- what is done with it ---

for (const form of document.querySelectorAll("form")) form.addEventListener("submit", (event) => event.preventDefault());
byId("find").addEventListener("input", chooseCards);
for (const box of document.querySelectorAll("[name=cause]")) box.addEventListener("change", chooseCards);
for (const id of ["grep", "kind", "of"]) byId(id).addEventListener("input", search);
byId("more").addEventListener("click", showMore);
for (const card of cards) {
  card.addEventListener("toggle", () => card.open && drawPicture(card));
  card.querySelector(".to-log")?.addEventListener("click", () => {
    byId("of").value = card.dataset.number;
    search();
    byId("log").scrollIntoView();
  });
}
if (cards.length && !["passed", "skipped"].includes(cards[0].dataset.cause)) cards[0].open = true;
openLog();
