// What the disk is drawn of: partitions, columns of heat, marks, an axis.

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
