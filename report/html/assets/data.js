// The findings: columns, who follows from whom, and the details.

const data = JSON.parse($('index').textContent);
const strings = data.strings;
const total = data.file.length;

const isRoot = (i) => data.parent[i] < 0;

// The consequences of a finding: the first one, and the next one of the same
// cause. -1 ends the list.
const firstChild = new Int32Array(total).fill(-1);
const nextChild = new Int32Array(total).fill(-1);
for (let i = total - 1; i >= 0; i--) {
  const p = data.parent[i];
  if (p >= 0) {
    nextChild[i] = firstChild[p];
    firstChild[p] = i;
  }
}

// The root finding above each finding, and how many are below each root.
const rootOf = new Int32Array(total).fill(-1);
const followers = new Int32Array(total);
for (let i = 0; i < total; i++) {
  if (isRoot(i)) {
    rootOf[i] = i;
    continue;
  }
  const path = [];
  let at = i;
  while (rootOf[at] < 0 && data.parent[at] >= 0 && path.length <= total) {
    path.push(at);
    at = data.parent[at];
  }
  const root = rootOf[at] < 0 ? at : rootOf[at];
  rootOf[at] = root;
  for (const p of path) {
    rootOf[p] = root;
    followers[root]++;
  }
}

function whatOf(i) {
  return (strings[data.structure[i]] + ' ' + strings[data.field[i]]).trim() || strings[data.format[i]] || 'finding';
}

function placeOf(i) {
  const out = [];
  if (data.image[i]) out.push(strings[data.image[i]]);
  if (data.partition[i]) out.push('partition ' + data.partition[i]);
  if (data.format[i]) out.push(strings[data.format[i]]);
  return out.join(' › ');
}

function pieceOf(i) {
  let low = 0;
  let high = data.pieces.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (data.pieces[middle] <= i) low = middle;
    else high = middle - 1;
  }
  return low;
}

const pieces = new Map();
const keptPieces = 24;

// piece is the details of the findings from data.pieces[n] on, or null where
// the browser has not read that far.
function piece(n) {
  let p = pieces.get(n);
  if (!p) {
    const text = $('details-' + n);
    if (!text || (document.readyState === 'loading' && !$('details-' + (n + 1)))) return null;
    p = JSON.parse(text.textContent);
    if (pieces.size >= keptPieces) pieces.delete(pieces.keys().next().value);
    pieces.set(n, p);
  }
  return p;
}

function detailOf(i) {
  const n = pieceOf(i);
  const p = piece(n);
  return p && p[i - data.pieces[n]];
}

function whenRead(then) {
  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', then, { once: true });
  else then();
}

const diskByImage = new Map(data.disks.map((d) => [d.image, d]));

function partOf(image, number) {
  const d = diskByImage.get(image);
  return d && d.parts.find((p) => p.n === number);
}

// volumeName is what a partition's number stands for.
function volumeName(image, number) {
  if (number) return 'partition ' + number;
  if (!diskByImage.has(image)) return 'files'; // of a folder, beside its images
  return partOf(image, 0) ? 'filesystem' : 'disk';
}

// partName says what a partition is: its name, filesystem and size.
function partName(p) {
  const s = p && (p.a || p.b);
  if (!s) return '';
  return [s.name, s.fs || s.type, s.length ? humanSize(s.length) : ''].filter(Boolean).join(', ');
}
