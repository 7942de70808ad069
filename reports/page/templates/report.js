"use strict";

const data = JSON.parse(document.getElementById("data").textContent);

function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/* Tables: a click on a heading sorts within each group of rows: ascending, descending, as it was. */

const NEXT = { none: "ascending", ascending: "descending", descending: "none" };

function key(cell) {
  if (!cell || cell.dataset.value === undefined) return null;
  const value = cell.dataset.value;
  if (value === "inf") return Infinity;
  return value === "-inf" ? -Infinity : Number(value);
}

function compare(a, b, numeric, sign) {
  if (!numeric) return sign * a.textContent.localeCompare(b.textContent, "en");
  const [x, y] = [key(a), key(b)].map((value) => (value === null || Number.isNaN(value) ? null : value));
  if (x === null || y === null) return (x === null) - (y === null); // what has no number stays below
  return x === y ? 0 : sign * (x < y ? -1 : 1);
}

function sortBy(table, heads, column) {
  const order = NEXT[heads[column].getAttribute("aria-sort") || "none"];
  heads.forEach((head) => head.removeAttribute("aria-sort"));
  if (order !== "none") heads[column].setAttribute("aria-sort", order);
  for (const body of table.tBodies) {
    const rows = [...body.rows].filter((row) => !row.classList.contains("heading"));
    const numeric = rows.some((row) => key(row.cells[column]) !== null);
    rows.sort((a, b) => a.dataset.place - b.dataset.place);
    if (order !== "none") rows.sort((a, b) => compare(a.cells[column], b.cells[column], numeric, order === "ascending" ? 1 : -1));
    body.append(...rows);
  }
}

for (const table of document.querySelectorAll("table")) {
  const heads = [...table.tHead.rows[0].cells];
  [...table.rows].forEach((row, place) => { row.dataset.place = place; });
  heads.forEach((head, column) => {
    const button = make("button", { type: "button" }, ...head.childNodes);
    button.addEventListener("click", () => sortBy(table, heads, column));
    head.append(button);
  });
  for (const cell of table.querySelectorAll("td[data-cells]")) {
    const about = `${heads[cell.cellIndex].textContent}, ${cell.parentElement.cells[0].firstChild.textContent.trim()}`;
    const button = make("button", { type: "button", class: "number", "data-cells": cell.dataset.cells, "data-about": about });
    button.append(...cell.childNodes);
    cell.append(button);
  }
}

/* Where a number comes from. */

const dialog = document.getElementById("provenance");
let opener = null;

function describe(id) {
  const cell = data.cells[id];
  if (!cell) return make("p", {}, `Cell ${id} is not among these results.`);
  const facts = make("dl");
  for (const [name, value] of cell.facts) facts.append(make("dt", {}, name), make("dd", {}, value));
  const settings = make("details", {}, make("summary", {}, "Settings"), make("pre", { tabindex: "0" }, cell.settings));
  const part = make("section", {}, make("h3", {}, cell.title), facts, settings);
  const known = cell.needs.filter((needed) => data.cells[needed]);
  if (known.length) {
    const buttons = known.map((needed) => {
      const button = make("button", { type: "button" }, data.cells[needed].title);
      button.addEventListener("click", () => show(data.cells[needed].title, [needed]));
      return button;
    });
    part.append(make("div", { class: "upstream" }, "Built on", ...buttons));
  }
  return part;
}

function show(title, ids) {
  document.getElementById("provenance-title").textContent = title;
  document.getElementById("provenance-cells").replaceChildren(...ids.map(describe));
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-cells]");
  if (!button) return;
  opener = button;
  const small = button.querySelector("small");
  const value = small ? `${button.firstChild.textContent.trim()} (${small.textContent})` : button.textContent.replace(/\n/g, ", ");
  show(`${button.dataset.about}: ${value}`, button.dataset.cells.split(" "));
});
dialog.addEventListener("close", () => opener && opener.focus());
dialog.addEventListener("click", (event) => {
  if (event.target !== dialog) return;
  const box = dialog.getBoundingClientRect();
  const inside = event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
  if (!inside) dialog.close();
});

/* Two versions of an image, one over the other. Offsets are parts of the picture's size, so nothing depends on the screen's. */

const CLOSEST = 16;
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

class Viewer {
  constructor(root) {
    this.info = data.viewers[Number(root.dataset.viewer)];
    this.root = root;
    this.stage = root.querySelector(".stage");
    this.handle = root.querySelector(".handle");
    this.range = root.querySelector("input[type=range]");
    this.images = [...root.querySelectorAll(".pane img")];
    this.split = 50;
    this.scale = 1;
    this.x = this.y = 0;
    this.pointers = new Map();
    this.listen();
    this.draw();
  }

  listen() {
    this.range.addEventListener("input", () => this.divide(Number(this.range.value)));
    this.handle.addEventListener("keydown", (event) => this.slide(event));
    this.stage.addEventListener("keydown", (event) => this.move(event));
    this.stage.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.stage.addEventListener("pointerdown", (event) => this.press(event));
    this.stage.addEventListener("pointermove", (event) => this.drag(event));
    for (const name of ["pointerup", "pointercancel"]) this.stage.addEventListener(name, (event) => this.release(event));
    for (const select of this.root.querySelectorAll("select")) select.addEventListener("change", () => this.choose(select));
    for (const button of this.root.querySelectorAll("[data-zoom]")) {
      button.addEventListener("click", () => this.zoomTo(button.dataset.zoom));
    }
  }

  draw() {
    this.scale = clamp(this.scale, 1, CLOSEST);
    this.x = clamp(this.x, 1 - this.scale, 0);
    this.y = clamp(this.y, 1 - this.scale, 0);
    const transform = `translate(${this.x * 100}%, ${this.y * 100}%) scale(${this.scale})`;
    for (const image of this.images) image.style.transform = transform;
    this.stage.style.setProperty("--split", `${this.split}%`);
    this.stage.classList.toggle("zoomed", this.scale > 1);
    this.range.value = this.split;
    const [left, right] = [...this.root.querySelectorAll("select")].map((select) => select.selectedOptions[0].textContent);
    const text = `${Math.round(this.split)} % ${left}, ${100 - Math.round(this.split)} % ${right}`;
    this.handle.setAttribute("aria-valuenow", Math.round(this.split));
    for (const slider of [this.handle, this.range]) slider.setAttribute("aria-valuetext", text);
    this.root.querySelector("output").textContent = `${this.scale.toFixed(1)}×`;
  }

  divide(split) {
    this.split = clamp(split, 0, 100);
    this.draw();
  }

  /* Zoom by a factor; the point at (x, y), parts of the stage's size, stays where it is. */
  zoom(factor, x = 0.5, y = 0.5) {
    const scale = clamp(this.scale * factor, 1, CLOSEST);
    this.x = x - ((x - this.x) * scale) / this.scale;
    this.y = y - ((y - this.y) * scale) / this.scale;
    this.scale = scale;
    this.draw();
  }

  zoomTo(what) {
    if (what === "in" || what === "out") return this.zoom(what === "in" ? 1.5 : 1 / 1.5);
    const [top, left, height, width] = what === "region" ? this.info.region : [0, 0, 1, 1];
    this.scale = clamp(1 / Math.max(height, width), 1, CLOSEST);
    this.x = 0.5 - (left + width / 2) * this.scale;
    this.y = 0.5 - (top + height / 2) * this.scale;
    return this.draw();
  }

  slide(event) {
    const step = event.shiftKey ? 10 : 2;
    const to = { ArrowLeft: this.split - step, ArrowDown: this.split - step, ArrowRight: this.split + step, ArrowUp: this.split + step,
      PageDown: this.split - 10, PageUp: this.split + 10, Home: 0, End: 100 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    this.divide(to);
  }

  move(event) {
    const step = { ArrowLeft: [0.1, 0], ArrowRight: [-0.1, 0], ArrowUp: [0, 0.1], ArrowDown: [0, -0.1] }[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (step && this.scale > 1) {
      this.x += step[0];
      this.y += step[1];
      this.draw();
    } else if (event.key === "+" || event.key === "-") this.zoom(event.key === "+" ? 1.5 : 1 / 1.5);
    else return;
    event.preventDefault();
  }

  /* The whole picture does not hold up who scrolls down the page. */
  wheel(event) {
    if (event.deltaY > 0 && this.scale === 1 && !event.ctrlKey) return;
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 16 : 1;
    this.zoom(Math.exp(-clamp(event.deltaY * lines, -240, 240) * (event.ctrlKey ? 0.01 : 0.002)), ...this.place(event));
  }

  place(event) {
    const box = this.stage.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  }

  press(event) {
    if (event.button !== 0) return;
    this.stage.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, this.place(event));
    if (this.pointers.size === 1) this.dividing = event.target === this.handle || this.scale === 1;
    if (this.pointers.size === 1 && this.dividing) this.divide(this.place(event)[0] * 100);
  }

  drag(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const now = this.place(event);
    const others = [...this.pointers].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
    this.pointers.set(event.pointerId, now);
    if (others.length) this.pinch(before, now, others[0]);
    else if (this.dividing) this.divide(now[0] * 100);
    else {
      this.x += now[0] - before[0];
      this.y += now[1] - before[1];
      this.draw();
    }
  }

  pinch(before, now, other) {
    this.dividing = false;
    const distance = (a) => Math.hypot(a[0] - other[0], a[1] - other[1]);
    this.zoom(distance(now) / Math.max(distance(before), 0.01), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
  }

  release(event) {
    this.pointers.delete(event.pointerId);
  }

  choose(select) {
    const side = select.dataset.side;
    const version = this.info.versions[Number(select.value)];
    const image = this.root.querySelector(`.pane.${side} img`);
    image.src = version.src;
    image.alt = version.alt;
    this.root.querySelector(`.tag.${side}`).textContent = version.name;
    const scores = this.root.querySelector(`[data-scores=${side}]`);
    const button = { type: "button", class: "number", "data-cells": version.cells, "data-about": version.about };
    scores.replaceChildren(version.scores ? make("button", button, version.scores) : version.about);
    this.draw();
  }
}

for (const root of document.querySelectorAll("[data-viewer]")) new Viewer(root);
