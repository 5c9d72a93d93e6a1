// The disk to scale: its partitions, how much differs where, and where the
// causes lie. It can be zoomed into a partition or a range, and back.

const diskElement = $('disk');
let disk = null; // of data.disks
let low = 0; // the part in sight, in bytes
let high = 1;
let steps = []; // the parts that were in sight before
let marksOf = -1; // the finding whose ranges are marked

const diskSize = (d) => Math.max(d.sizeA, d.sizeB, 1);

function sameSide(a, b) {
  return a && b && a.start === b.start && a.length === b.length;
}

function zoom(lo, hi, back) {
  const size = diskSize(disk);
  const least = Math.min(512, size);
  if (hi - lo < least) hi = lo + least;
  if (hi - lo >= size) [lo, hi] = [0, size];
  if (lo < 0) [lo, hi] = [0, hi - lo];
  if (hi > size) [lo, hi] = [lo - (hi - size), size];
  lo = Math.floor(lo);
  hi = Math.ceil(hi);
  if (lo === low && hi === high) return;
  if (!back) steps.push([low, high]);
  [low, high] = [lo, hi];
  if (filter.image !== null) filterRange();
  drawDisk();
}

function zoomOut() {
  const last = steps.pop();
  if (last) zoom(last[0], last[1], true);
  else zoom(0, diskSize(disk), true);
}

function zoomed() {
  return disk && (low > 0 || high < diskSize(disk));
}

function zoomBy(factor) {
  const middle = (low + high) / 2;
  const half = ((high - low) / 2) * factor;
  zoom(middle - half, middle + half);
}

function chooseDisk(d) {
  if (d === disk) return;
  disk = d;
  steps = [];
  [low, high] = [0, diskSize(d)];
  drawDisk();
}

// showOnDisk marks where a finding lies.
function showOnDisk(i) {
  marksOf = i;
  const d = diskByImage.get(strings[data.image[i]]);
  if (d && d !== disk) chooseDisk(d);
  else if (disk) drawDisk();
}

// filterRange limits the findings to the part in sight.
function filterRange() {
  filter.image = disk.image;
  filter.low = low;
  filter.high = high;
  applyFilters();
}

// inSight counts the causes of this disk that lie in the part in sight, by
// column of the drawing.
function inSight(width) {
  const key = [disk.image, low, high, width].join();
  if (key !== sightKey) [sightKey, sight] = [key, countSight(width)];
  return sight;
}

let sightKey = '';
let sight = [];

function countSight(width) {
  const image = strings.indexOf(disk.image);
  const columns = new Uint32Array(width);
  let n = 0;
  for (let i = 0; i < total; i++) {
    const at = data.offset[i];
    if (data.parent[i] >= 0 || at < low || at >= high || data.image[i] !== image) continue;
    n++;
    columns[Math.min(width - 1, Math.floor(((at - low) / (high - low)) * width))]++;
  }
  return [n, columns];
}

// heatColumns spreads the buckets over the columns of the drawing.
function heatColumns(width) {
  const out = new Float64Array(width);
  const each = (high - low) / width;
  for (let k = 0; k < disk.buckets.length; k += 2) {
    const start = disk.buckets[k] * disk.bucket;
    const end = Math.min(start + disk.bucket, Math.min(disk.sizeA, disk.sizeB));
    if (end <= low || start >= high) continue;
    const share = disk.buckets[k + 1] / (end - start);
    const from = Math.max(0, Math.floor((start - low) / each));
    const to = Math.min(width, Math.max(from + 1, Math.ceil((end - low) / each)));
    for (let x = from; x < to; x++) out[x] = Math.max(out[x], share);
  }
  return out;
}

function diskTitle() {
  const sizes = disk.sizeA === disk.sizeB ? humanSize(disk.sizeA) : 'A ' + humanSize(disk.sizeA) + ', B ' + humanSize(disk.sizeB);
  const name = data.disks.length < 2 && disk.image ? disk.image : 'Disk';
  const title = el('h2', null, name + ' ', el('span', { class: 'dim' }, sizes));
  if (data.disks.length < 2) return title;
  const select = el('select', { id: 'image', 'aria-label': 'Image', change: (e) => chooseDisk(data.disks[Number(e.target.value)]) },
    data.disks.map((d, k) => el('option', { value: k }, d.image + ' — ' + (d.bytes || d.roots ? counted(d.bytes, 'byte') + ' differ' : 'the same'))));
  select.value = data.disks.indexOf(disk);
  return el('div', { class: 'disk-title' }, title, select);
}

const rowSpace = 40;
const leftEdge = 22;

function drawDisk() {
  if (!disk) return;
  const width = Math.max(200, Math.floor(diskElement.clientWidth - 34 - leftEdge));
  const alike = disk.parts.every((p) => sameSide(p.a, p.b));
  const sides = alike ? [['a', '']] : [['a', 'A'], ['b', 'B']];
  const x = (byte) => ((byte - low) / (high - low)) * width;
  const heatTop = sides.length * rowSpace + 4;
  const svg = el('svg:svg', { width: width + leftEdge, height: heatTop + 62, role: 'group', 'aria-label': 'Disk, to scale; Enter zooms into a partition, Escape back' });
  const g = el('svg:g', { transform: 'translate(' + leftEdge + ' 0)' });
  sides.forEach(([key, name], row) => {
    const y = row * rowSpace + 2;
    if (name) svg.append(el('svg:text', { x: 4, y: y + 22, class: 'side-name side-' + name }, name));
    const size = key === 'a' ? disk.sizeA : disk.sizeB;
    g.append(el('svg:rect', { class: 'space', x: Math.max(0, x(0)), y, width: Math.max(0, Math.min(width, x(size)) - Math.max(0, x(0))), height: rowSpace - 6 }));
    const drawn = [];
    for (const p of disk.parts.slice(0, 512)) {
      const s = p[key];
      if (!s || s.length === 0 || s.start >= high || s.start + s.length <= low) continue;
      drawn.push(partShape(p, s, key, name, y, Math.max(0, x(s.start)), Math.min(width, x(s.start + s.length))));
    }
    g.append(...drawn);
  });
  const [roots, columns] = inSight(width);
  g.append(...heatShapes(width, heatTop), ...markShapes(width, heatTop, x), ...causeShapes(columns, heatTop + 28), ...axisShapes(width, heatTop + 40, x));
  svg.append(g);
  const kept = document.activeElement && diskElement.contains(document.activeElement) ? document.activeElement.dataset.keep : null;
  diskElement.replaceChildren(diskHead(roots), svg);
  if (kept) {
    const again = [...diskElement.querySelectorAll('[data-keep]')].find((e) => e.dataset.keep === kept) || $('zoom-all');
    again.focus({ preventScroll: true });
  }
  listenTo(svg, width, heatTop);
}

function diskHead(roots) {
  const button = (id, label, title, click, off) => el('button', { type: 'button', id, title, 'aria-label': title, 'data-keep': id, click, disabled: off }, label);
  const words = zoomed() ? humanSize(high - low) + ' from ' + (low ? humanSize(low) : 'the start') : 'whole disk';
  return el('div', { class: 'section-head' }, diskTitle(),
    disk.bucket > 0 && el('span', { class: 'dim legend' }, 'red: where bytes differ, darker for more; marks below: causes'),
    el('div', { class: 'zooms' },
      el('span', { class: 'dim', id: 'sight', role: 'status' }, words),
      zoomed() && el('button', { type: 'button', id: 'only-sight', 'data-keep': 'only-sight', 'aria-pressed': String(filter.image !== null), click: () => {
        if (filter.image === null) filterRange();
        else {
          filter.image = null;
          applyFilters();
        }
        drawDisk();
      } }, filter.image !== null ? 'Only what is in sight' : 'Only ' + (roots === 1 ? 'this cause' : 'these ' + counted(roots, 'cause'))),
      button('zoom-out', '−', 'Zoom out', () => zoomBy(2), !zoomed()), button('zoom-in', '+', 'Zoom in', () => zoomBy(0.5)),
      button('zoom-all', 'Whole disk', 'Show the whole disk', () => zoom(0, diskSize(disk)), !zoomed())));
}

function partShape(p, s, key, name, y, left, right) {
  const w = Math.max(right - left, 2);
  const moved = !sameSide(p.a, p.b);
  const title = (p.n ? 'partition ' + p.n : 'filesystem') + (name ? ' of ' + name : '') + ': ' +
    [s.name, s.fs, s.type, humanSize(s.length), s.lba].filter(Boolean).join(', ') + (moved ? ' (lies elsewhere on the other side)' : '');
  const to = () => zoom(s.start, s.start + s.length);
  const g = el('svg:g', {
    class: 'part' + (moved ? ' moved' : ''), role: 'button', tabindex: 0, 'aria-label': title, 'data-keep': 'part-' + key + p.n, click: to,
    keydown: (e) => {
      if (e.key !== 'Enter' && e.key !== ' ') return;
      e.preventDefault();
      to();
    },
  }, el('svg:title', null, title), el('svg:rect', { x: left, y, width: w, height: rowSpace - 6, rx: 3 }));
  const label = (p.n ? p.n + ' ' : '') + (s.name || s.fs || s.type || '');
  const room = Math.floor((w - 12) / 7);
  if (room >= 1) {
    const cut = (t) => (t.length > room ? t.slice(0, Math.max(room - 1, 1)) + (room > 2 ? '…' : '') : t);
    g.append(el('svg:text', { x: left + 6, y: y + 15 }, cut(label)));
    const second = [s.name ? s.fs : '', humanSize(s.length)].filter(Boolean).join(', ');
    if (room >= 8) g.append(el('svg:text', { x: left + 6, y: y + 28, class: 'small' }, cut(second)));
  }
  return g;
}

// heatShapes are runs of columns of the same shade.
function heatShapes(width, y) {
  const out = [el('svg:rect', { class: 'heat-back', x: 0, y, width, height: 24 })];
  if (!disk.bucket) return out;
  const heat = heatColumns(width);
  const shade = (v) => (v <= 0 ? 0 : 1 + Math.min(5, Math.floor(6 + Math.log10(v) * 1.2)));
  for (let from = 0; from < width;) {
    const s = Math.max(shade(heat[from]), heat[from] > 0 ? 1 : 0);
    let to = from + 1;
    while (to < width && Math.max(shade(heat[to]), heat[to] > 0 ? 1 : 0) === s) to++;
    if (s > 0) {
      const thin = to - from < 2 ? 1 : 0; // a single column would hardly be seen
      out.push(el('svg:rect', { class: 'heat heat-' + s, x: from - thin / 2, y, width: to - from + thin, height: 24 }));
    }
    from = to;
  }
  return out;
}

// causeShapes are marks where causes lie.
function causeShapes(columns, y) {
  const out = [];
  for (let x = 0; x < columns.length; x++) {
    if (columns[x]) out.push(el('svg:rect', { class: 'cause', x: x - 0.5, y, width: 2, height: columns[x] > 9 ? 8 : columns[x] > 1 ? 6 : 4 }));
  }
  return out;
}

// markShapes show the ranges of the chosen finding.
function markShapes(width, y, x) {
  if (marksOf < 0 || strings[data.image[marksOf]] !== disk.image) return [];
  const d = detailOf(marksOf);
  const ranges = (d && d.ranges) || (data.offset[marksOf] >= 0 ? [data.offset[marksOf], 1] : []);
  const out = [];
  let last = -9;
  for (let k = 0; k < ranges.length; k += 2) {
    const from = x(ranges[k]);
    const to = x(ranges[k] + ranges[k + 1]);
    if (to < 0 || from > width) continue;
    const left = Math.max(0, from);
    const w = Math.max(2, Math.min(width, to) - left);
    if (left + w - last < 1) continue;
    last = left + w;
    out.push(el('svg:rect', { class: 'chosen-range', x: left - 0.5, y: y - 3, width: w + 1, height: 30 }));
  }
  return out;
}

// axisSize is a place on the disk, in the unit that tells its neighbours apart.
function axisSize(at, step) {
  if (at === 0) return '0';
  const [unit, scale] = [['GiB', 2 ** 30], ['MiB', 2 ** 20], ['KiB', 2 ** 10]].find(([, s]) => step >= s / 16 && at >= s) || ['', 1];
  const n = at / scale;
  const [whole, part] = String(Math.round(n * 100) / 100).split('.');
  return commas(whole) + (part ? '.' + part : '') + (unit && ' ' + unit);
}

function axisShapes(width, y, x) {
  const out = [el('svg:line', { class: 'axis', x1: 0, x2: width, y1: y, y2: y })];
  let step = 512;
  while ((step / (high - low)) * width < 90) step *= 2;
  for (let at = Math.ceil(low / step) * step; at <= high; at += step) {
    const px = x(at);
    if (px > width - 2 && at > low) break;
    out.push(el('svg:line', { class: 'axis', x1: px, x2: px, y1: y, y2: y + 4 }));
    if (px < width - 50) out.push(el('svg:text', { class: 'small axis-text', x: px, y: y + 16 }, axisSize(at, step)));
  }
  return out;
}

// listenTo lets a range be drawn on the heat strip, and a click zoom into it.
function listenTo(svg, width, y) {
  const strip = el('svg:rect', { class: 'strip', x: leftEdge, y: y - 2, width, height: 40, tabindex: 0, role: 'slider', 'data-keep': 'strip',
    'aria-label': 'Part of the disk in sight', 'aria-valuemin': 0, 'aria-valuemax': diskSize(disk), 'aria-valuenow': low,
    'aria-valuetext': commas(low) + ' to ' + commas(high) }, el('svg:title', null, 'Click or draw to zoom; with the keyboard + and −, ← and →'));
  const frame = el('svg:rect', { class: 'frame', y: y - 2, height: 30, width: 0 });
  let from = null;
  const at = (e) => Math.max(0, Math.min(width, e.clientX - svg.getBoundingClientRect().left - leftEdge));
  strip.addEventListener('pointerdown', (e) => {
    from = at(e);
    strip.setPointerCapture(e.pointerId);
  });
  strip.addEventListener('pointermove', (e) => {
    if (from === null) return;
    frame.setAttribute('x', leftEdge + Math.min(from, at(e)));
    frame.setAttribute('width', Math.abs(at(e) - from));
  });
  strip.addEventListener('pointerup', (e) => {
    if (from === null) return;
    let [a, b] = [Math.min(from, at(e)), Math.max(from, at(e))];
    from = null;
    if (b - a < 4) [a, b] = [a - width / 16, b + width / 16];
    const each = (high - low) / width;
    zoom(low + a * each, low + b * each);
  });
  strip.addEventListener('keydown', (e) => {
    const by = (high - low) / 4;
    if (e.key === 'ArrowRight') zoom(low + by, high + by, true);
    else if (e.key === 'ArrowLeft') zoom(low - by, high - by, true);
    else if (e.key === 'Enter') zoomBy(0.25);
    else return;
    e.preventDefault();
  });
  svg.append(frame, strip);
}

function startDisk() {
  disk = data.disks.find((d) => d.roots > 0) || data.disks[0] || null;
  if (!disk || diskSize(disk) <= 1) {
    disk = null;
    diskElement.hidden = true;
    return;
  }
  [low, high] = [0, diskSize(disk)];
  drawDisk();
  let width = diskElement.clientWidth;
  new ResizeObserver(() => {
    if (diskElement.clientWidth === width) return;
    width = diskElement.clientWidth;
    drawDisk();
    drawSoon();
  }).observe(diskElement);
}
