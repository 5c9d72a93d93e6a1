// The tree: image › partition › format › structure › finding, as the list of
// its rows that are unfolded.

const groups = [];

function newGroup(parent, label, note) {
  const g = { number: groups.length, parent, label, note, groups: [], findings: [], index: new Map(), open: true, roots: 0, bytes: 0 };
  groups.push(g);
  return g;
}

// inGroup is the group of that key inside of another, made where it is new.
function inGroup(parent, key, label, note) {
  let g = parent.index.get(key);
  if (!g) {
    g = newGroup(parent, label(), note ? note() : '');
    parent.index.set(key, g);
    parent.groups.push(g);
  }
  return g;
}

const top = newGroup(null, '', '');

for (let i = 0; i < total; i++) {
  if (!isRoot(i)) continue;
  const image = strings[data.image[i]];
  const number = data.partition[i];
  let g = top;
  if (image) g = inGroup(g, 'image' + image, () => image);
  g = inGroup(g, number, () => volumeName(image, number), () => partName(partOf(image, number)));
  g = inGroup(g, data.format[i], () => strings[data.format[i]] || 'no format');
  g = inGroup(g, data.structure[i], () => strings[data.structure[i]] || 'no structure');
  g.findings.push(i);
}

// unfolded has a 1 for each finding whose consequences were asked for, and a 2
// where somebody folded them away.
const unfolded = new Uint8Array(total);

// The rows in sight: a finding's number, or the complement of a group's.
let rows = [];
let levels = [];
let labels = new Map(); // of groups that stand for others as well

// count tells each group what is shown of it.
function count() {
  for (const g of groups) g.roots = g.bytes = 0;
  const below = new Float64Array(total); // bytes, with consequences
  for (let i = 0; i < total; i++) {
    if (shown[i]) below[rootOf[i]] += data.bytes[i];
  }
  for (const g of groups) {
    for (const i of g.findings) {
      if (!shown[i]) continue;
      for (let at = g; at; at = at.parent) {
        at.roots++;
        at.bytes += below[i];
      }
    }
  }
}

function flatten() {
  rows = [];
  levels = [];
  labels = new Map();
  count();
  addGroups(top, 1);
}

function addGroups(parent, level) {
  for (let g of parent.groups) {
    if (g.roots === 0) continue;
    let label = g.label;
    let note = g.note;
    // A group that holds one other and nothing else is one row with it.
    for (let only = onlyGroup(g); only; only = onlyGroup(g)) {
      g = only;
      label += ' › ' + g.label;
      note = note || g.note;
    }
    labels.set(g.number, [label, note]);
    rows.push(~g.number);
    levels.push(level);
    if (!g.open) continue;
    addGroups(g, level + 1);
    for (const i of g.findings) if (shown[i]) addFinding(i, level + 1);
  }
}

function onlyGroup(g) {
  const some = g.groups.filter((x) => x.roots > 0);
  return some.length === 1 && g.findings.length === 0 ? some[0] : null;
}

// addFinding adds a finding and what is unfolded below it, without recursion:
// a chain of consequences may be as long as the report.
function addFinding(root, level) {
  const stack = [[root, level]];
  while (stack.length > 0) {
    const [i, at] = stack.pop();
    rows.push(i);
    levels.push(at);
    if (!unfolds(i)) continue;
    const children = [];
    for (let c = firstChild[i]; c >= 0; c = nextChild[c]) if (shown[c]) children.push([c, at + 1]);
    while (children.length > 0) stack.push(children.pop());
  }
}

// unfolds tells whether the consequences below a finding are in sight: where
// they were asked for, or where they are what was searched for.
function unfolds(i) {
  if (filter.derived === 'roots' || unfolded[i] === 2) return false;
  return unfolded[i] === 1 || (filtering() && (!match[i] || filter.text !== ''));
}

function hasChildren(i) {
  if (filter.derived === 'roots') return false;
  for (let c = firstChild[i]; c >= 0; c = nextChild[c]) if (shown[c]) return true;
  return false;
}

// reveal unfolds all that is above a finding.
function reveal(i) {
  for (let at = data.parent[i]; at >= 0; at = data.parent[at]) unfolded[at] = 1;
  const root = rootOf[i];
  for (const g of groups) {
    if (g.findings.length && g.findings.includes(root)) {
      for (let at = g; at; at = at.parent) at.open = true;
    }
  }
}
