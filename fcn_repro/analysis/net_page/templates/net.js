"use strict";
// Sizes, memory and arithmetic for any image size; the drawing, the text and the facts of one chosen layer.

const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const layers = data.layers;
const BYTES = 4; // of a value
let image = data.size;
let chosen = 0;

// ---- sizes --------------------------------------------------------------------------------------------------------

const floorDiv = (a, b) => Math.floor(a / b);
const RULES = {
  input: () => image,
  same: (below) => below,
  crop: (below, rule, sizes, layer) => sizes.get(layer.bottoms[1]),
  whole: () => [1, 1],
  convolution: (below, [, axes]) => below.map((n, i) => floorDiv(n + 2 * axes[i][2] - axes[i][0], axes[i][1]) + 1),
  deconvolution: (below, [, axes]) => below.map((n, i) => axes[i][1] * (n - 1) + axes[i][0] - 2 * axes[i][2]),
  pooling: (below, [, axes, up]) => {
    const padded = axes.some((axis) => axis[2]);
    return below.map((n, i) => {
      const [kernel, stride, pad] = axes[i];
      const steps = n + 2 * pad - kernel;
      const cells = (up ? Math.ceil(steps / stride) : floorDiv(steps, stride)) + 1;
      return cells - (padded && (cells - 1) * stride >= n + pad ? 1 : 0);
    });
  },
};

// Return the height and width of every blob; throws for an image that the net cannot take.
function computeSizes() {
  const sizes = new Map();
  const original = image[0] === data.size[0] && image[1] === data.size[1];
  for (const layer of layers) {
    const rule = layer.rule;
    for (const top of layer.tops) {
      const shape = top.shape;
      if (shape.length !== 4) continue;
      if (rule[0] === "fixed" || !RULES[rule[0]]) {
        if (!original) throw new Error(`${layer.name} (${layer.type}): sizes are known for ${data.size.join(" x ")} only`);
        sizes.set(top.name, shape.slice(2));
        continue;
      }
      const below = sizes.get(layer.bottoms[0]);
      const size = RULES[rule[0]](below, rule, sizes, layer);
      if (size.some((side) => side < 1)) throw new Error(`${layer.name} (${layer.type}): no cell is left of ${below.join(" x ")}`);
      sizes.set(top.name, size);
    }
    if (rule[0] === "fixed" && !original && layer.tops.some((top) => top.shape.length !== 4)) {
      throw new Error(`${layer.name} (${layer.type}): its weights fit an image of ${data.size.join(" x ")} only`);
    }
    if (rule[0] === "crop") {
      const [from, to] = layer.bottoms.map((name) => sizes.get(name));
      const offset = layer.offset;
      if (offset && to.some((side, i) => side + offset[i] > from[i])) throw new Error(`${layer.name} (Crop): ${from.join(" x ")} is too small`);
    }
  }
  return sizes;
}

const count = (shape, size) => (size ? shape.slice(0, 2).concat(size) : shape).reduce((a, b) => a * b, 1);
const cells = (size) => (size ? size[0] * size[1] : 1);

function flopOf(layer, sizes) {
  if (!layer.flop) return 0;
  return layer.flop * cells(sizes.get(layer.type === "Deconvolution" ? layer.bottoms[0] : layer.tops[0].name));
}

function bytesOf(layer, sizes) {
  if (layer.in_place || layer.type === "Split") return 0;
  return BYTES * layer.tops.reduce((sum, top) => sum + count(top.shape, sizes.get(top.name)), 0);
}

const parametersOf = (layer) => layer.blobs.reduce((sum, blob) => sum + blob.count, 0);
const grouped = (n) => Math.round(n).toLocaleString("en");
const inUnits = (n, unit) => (n >= 1e9 ? `${(n / 1e9).toFixed(2)} G${unit}` : n >= 1e6 ? `${(n / 1e6).toFixed(1)} M${unit}` : `${grouped(n)} ${unit}`);

// ---- parts of the page ----------------------------------------------------------------------------------------------

function element(tag, attributes = {}, ...children) {
  const made = tag.startsWith("svg:") ? document.createElementNS("http://www.w3.org/2000/svg", tag.slice(4)) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

const row = (name, value, attributes = {}) => element("tr", attributes, element("th", { scope: "row" }, name), element("td", {}, value));
const table = (...rows) => element("table", {}, element("tbody", {}, ...rows));

function showTotals(sizes) {
  const sum = (part) => layers.reduce((total, layer) => total + part(layer, sizes), 0);
  byId("totals").textContent =
    `${layers.length} layers · ${grouped(sum(parametersOf))} parameters · ${inUnits(sum(flopOf), "FLOP")} forward · ` +
    `${inUnits(sum(bytesOf), "B")} of activations`;
}

function showFacts(sizes) {
  const layer = layers[chosen];
  const top = layer.tops[0];
  const panel = byId("facts");
  const shapeOf = (t) => (sizes && sizes.get(t.name) ? t.shape.slice(0, 2).concat(sizes.get(t.name)) : t.shape).join(" × ");
  const rows = [row("type", layer.type), row("bottoms", layer.bottoms.join(", ") || "none")];
  for (const each of layer.tops) rows.push(row("top", `${each.name}: ${shapeOf(each)}`, { class: "top" }));
  if (sizes) rows.push(row("forward", inUnits(flopOf(layer, sizes), "FLOP")), row("activations", layer.in_place ? "in place" : inUnits(bytesOf(layer, sizes), "B")));
  if (top && top.grid) {
    const [offset, stride, field] = top.grid;
    rows.push(row("stride", `${stride} pixels`), row("offset", `${offset} pixels`), row("receptive field", `${field} × ${field} pixels`));
  }
  panel.replaceChildren(element("h3", { id: "layer-name" }, layer.name), table(...rows));
  if (layer.blobs.length) {
    const rate = (blob) => (data.base_lr === null ? `lr_mult ${blob.lr_mult}` : `rate ${data.base_lr} × ${blob.lr_mult} = ${(data.base_lr * blob.lr_mult).toPrecision(3)}`);
    panel.append(element("h3", {}, "Parameters"), table(...layer.blobs.map((blob, i) =>
      row(["weights", "bias"][i] || `blob ${i}`, `${blob.shape.join(" × ")} = ${grouped(blob.count)} · ${rate(blob)} · decay_mult ${blob.decay_mult}`))));
  }
  if (layer.derivation) panel.append(element("h3", {}, "Derivation"), element("pre", { id: "derivation" }, layer.derivation));
  if (top && top.grid && sizes) panel.append(element("h3", {}, "Receptive field of the middle cell"), drawField(top, sizes.get(top.name)));
  if (data.weights[layer.name]) showWeights(panel, layer.name);
  panel.append(element("h3", {}, "Fields, defaults in grey"), table(...layer.params.map(([name, value, given]) => row(name, value, given ? {} : { class: "default" }))));
  panel.scrollTop = 0;
}

// A landscape stands for the image; the square is what the middle cell is computed from, the dots are cell centres.
function drawField(top, size) {
  const [height, width] = image;
  const [offset, stride, field] = top.grid;
  const border = Math.max(0, field / 2);
  const middle = size.map((side) => offset + stride * Math.floor((side - 1) / 2));
  const view = [Math.min(0, middle[1] - border), Math.min(0, middle[0] - border), Math.max(width, middle[1] + border), Math.max(height, middle[0] + border)];
  const pen = Math.max(view[2] - view[0], view[3] - view[1]) / 150;
  const shape = (tag, attributes) => element(`svg:${tag}`, attributes);
  const scene = [
    shape("rect", { width, height, fill: "#bfd9ee" }),
    shape("path", { d: `M0 ${height * 0.62} Q${width * 0.3} ${height * 0.45} ${width * 0.55} ${height * 0.6} T${width} ${height * 0.55} V${height} H0 Z`, fill: "#8fb37e" }),
    shape("ellipse", { cx: width * 0.48, cy: height * 0.62, rx: width * 0.16, ry: height * 0.1, fill: "#8a5a36" }),
    shape("ellipse", { cx: width * 0.66, cy: height * 0.5, rx: width * 0.06, ry: height * 0.07, fill: "#8a5a36" }),
    ...[0.38, 0.44, 0.54, 0.59].map((x) => shape("rect", { x: width * x, y: height * 0.66, width: width * 0.02, height: height * 0.18, fill: "#6d4527" })),
  ];
  const dots = [];
  const steps = size.map((side) => Math.max(1, Math.ceil(side / 40)));
  for (let i = 0; i < size[0]; i += steps[0]) {
    for (let j = 0; j < size[1]; j += steps[1]) dots.push(shape("circle", { cx: offset + j * stride, cy: offset + i * stride, r: pen / 2, fill: "#1a2430" }));
  }
  const square = shape("rect", { x: middle[1] - border, y: middle[0] - border, width: field, height: field, fill: "#d6454533", stroke: "#d64545", "stroke-width": pen });
  const drawing = shape("svg", { id: "field", role: "img", viewBox: `${view[0]} ${view[1]} ${view[2] - view[0]} ${view[3] - view[1]}`, "aria-label": `A square of ${field} pixels around pixel ${middle.join(", ")} of an image of ${image.join(" x ")}` });
  drawing.append(...scene, ...dots, square);
  return drawing;
}

function showWeights(panel, name) {
  const { histogram, filters } = data.weights[name];
  const highest = Math.max(...histogram.counts, 1);
  const bars = histogram.counts.map((n, i) => element("svg:rect", { x: i * 5, y: 60 - (60 * n) / highest, width: 4, height: (60 * n) / highest, fill: "#2f6fbd" }));
  const chart = element("svg:svg", { id: "histogram", role: "img", viewBox: `0 0 ${histogram.counts.length * 5} 60`, "aria-label": `Histogram of weights from ${histogram.low} to ${histogram.high}` });
  chart.append(...bars);
  panel.append(element("h3", {}, "Weights"), chart, element("p", {},
    `${histogram.low.toPrecision(3)} to ${histogram.high.toPrecision(3)}, mean ${histogram.mean.toPrecision(3)}, ` +
    `deviation ${histogram.deviation.toPrecision(3)}, ${grouped(histogram.zeros)} zeros` + (histogram.other ? `, ${grouped(histogram.other)} NaN or infinite` : "")));
  if (filters) panel.append(element("img", { class: "filters", src: filters, alt: `Filters of ${name}` }));
}

// ---- choice of a layer ------------------------------------------------------------------------------------------------

// The box of an in-place layer is that of the layer that makes its bottom.
function boxName(index) {
  if (!layers[index].in_place) return layers[index].name;
  const [blob] = layers[index].bottoms;
  const makers = layers.slice(0, index).filter((layer) => !layer.in_place && layer.tops.some((top) => top.name === blob));
  return makers.length ? makers[makers.length - 1].name : layers[index].name;
}

const boxes = (name) => document.querySelectorAll(`.sheet [data-layer="${CSS.escape(name)}"]`);

function choose(index, { scrollText = true, moveDrawing = true } = {}) {
  document.querySelectorAll(".chosen").forEach((each) => each.classList.remove("chosen"));
  chosen = index;
  const layer = layers[index];
  byId("choice").value = String(index);
  boxes(boxName(index)).forEach((box) => box.classList.add("chosen"));
  const lines = document.querySelectorAll(`.line[data-layer="${index}"]`);
  lines.forEach((line) => line.classList.add("chosen"));
  if (scrollText && lines.length) byId("lines").scrollTop += lines[0].getBoundingClientRect().top - byId("lines").getBoundingClientRect().top - 40;
  if (moveDrawing) sheets.forEach((sheet) => sheet.show(boxName(index)));
  update();
}

function update() {
  let sizes = null;
  byId("fault").hidden = true;
  try {
    sizes = computeSizes();
    showTotals(sizes);
  } catch (error) {
    byId("fault").textContent = error.message;
    byId("fault").hidden = false;
  }
  showFacts(sizes);
}

function markLines() {
  layers.forEach((layer, index) => {
    if (!layer.lines) return;
    for (let line = layer.lines[0]; line <= layer.lines[1]; line++) {
      const found = document.querySelector(`.line[data-line="${line}"]`);
      if (found) found.dataset.layer = index;
    }
  });
}

// ---- pan and zoom -------------------------------------------------------------------------------------------------------

class Sheet {
  constructor(node, kinds) {
    this.node = node;
    this.svg = node.querySelector("svg");
    [this.width, this.height] = ["width", "height"].map((side) => Number(this.svg.getAttribute(side)));
    node.querySelectorAll("[data-layer]").forEach((box) => this.prepare(box, kinds[box.dataset.layer]));
    node.addEventListener("wheel", (event) => {
      event.preventDefault();
      const { left, top } = node.getBoundingClientRect();
      this.zoom(event.deltaY < 0 ? 1.15 : 1 / 1.15, event.clientX - left, event.clientY - top);
    }, { passive: false });
    node.addEventListener("pointerdown", (event) => this.drag(event));
    node.addEventListener("keydown", (event) => this.key(event));
    this.fit();
  }

  prepare(box, kind) {
    const index = layers.findIndex((layer) => layer.name === box.dataset.layer);
    if (kind && kind !== "same") box.classList.add(kind);
    if (index < 0) return;
    box.setAttribute("tabindex", "0");
    box.setAttribute("role", "button");
    box.setAttribute("aria-label", `${layers[index].name}, ${layers[index].type}${kind && kind !== "same" ? `, ${kind}` : ""}`);
    box.addEventListener("click", () => choose(index, { moveDrawing: false }));
    box.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      event.stopPropagation();
      choose(index, { moveDrawing: false });
    });
  }

  fit() {
    this.scale = Math.min(1, Math.max(0.35, this.node.clientWidth / this.width));
    this.x = (this.node.clientWidth - this.width * this.scale) / 2;
    this.y = 0;
    this.place();
  }

  zoom(factor, x = this.node.clientWidth / 2, y = this.node.clientHeight / 2) {
    if (!factor) return this.fit();
    const scale = Math.min(6, Math.max(0.05, this.scale * factor));
    this.x = x - ((x - this.x) * scale) / this.scale;
    this.y = y - ((y - this.y) * scale) / this.scale;
    this.scale = scale;
    this.place();
  }

  place() {
    this.svg.style.transform = `translate(${this.x}px, ${this.y}px) scale(${this.scale})`;
  }

  // Move a layer's box into view.
  show(name) {
    const box = this.node.querySelector(`[data-layer="${CSS.escape(name)}"]`);
    if (!box) return;
    const { x, y, width, height } = box.getBBox();
    const free = this.node.clientWidth - this.width * this.scale;
    this.x = free >= 0 ? free / 2 : Math.min(0, Math.max(free, this.node.clientWidth / 2 - (x + width / 2) * this.scale));
    this.y = this.node.clientHeight / 2 - (y + height / 2) * this.scale;
    this.place();
  }

  drag(start) {
    const from = [this.x - start.clientX, this.y - start.clientY];
    const move = (event) => {
      [this.x, this.y] = [from[0] + event.clientX, from[1] + event.clientY];
      this.place();
    };
    const end = () => window.removeEventListener("pointermove", move);
    window.addEventListener("pointermove", move);
    window.addEventListener("pointerup", end, { once: true });
  }

  key(event) {
    const moves = { ArrowLeft: [40, 0], ArrowRight: [-40, 0], ArrowUp: [0, 40], ArrowDown: [0, -40] };
    if (event.key === "+" || event.key === "=") this.zoom(1.25);
    else if (event.key === "-") this.zoom(0.8);
    else if (moves[event.key]) {
      this.x += moves[event.key][0];
      this.y += moves[event.key][1];
      this.place();
    } else return;
    event.preventDefault();
  }
}

// ---- start --------------------------------------------------------------------------------------------------------------

layers.forEach((layer, index) => byId("choice").append(element("option", { value: index }, `${layer.name} (${layer.type})`)));
byId("choice").addEventListener("change", (event) => choose(Number(event.target.value)));
["height", "width"].forEach((id, axis) => {
  byId(id).value = image[axis];
  byId(id).addEventListener("input", (event) => {
    const side = Number(event.target.value);
    if (!Number.isInteger(side) || side < 1) return;
    image = image.map((old, i) => (i === axis ? side : old));
    update();
  });
});
byId("sizes").addEventListener("submit", (event) => event.preventDefault());
if (byId("only-changes")) byId("only-changes").addEventListener("change", (event) => byId("lines").classList.toggle("changes-only", event.target.checked));
byId("lines").addEventListener("click", (event) => {
  const line = event.target.closest(".line[data-layer]");
  if (line) choose(Number(line.dataset.layer), { scrollText: false });
});
markLines();
const sheets = [...document.querySelectorAll(".sheet")].map((node) => new Sheet(node, node.id === "drawing" ? data.kinds : data.old_kinds));
document.querySelectorAll("[data-zoom]").forEach((button) => button.addEventListener("click", () => sheets.forEach((sheet) => sheet.zoom(Number(button.dataset.zoom)))));
choose(0, { scrollText: false, moveDrawing: false });
