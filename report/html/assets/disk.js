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
