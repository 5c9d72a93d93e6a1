// The list on the screen: only the rows in sight are elements. The keyboard
// stays on the list itself, which names its active row (ARIA 1.2,
// aria-activedescendant).

const rowHeight = 30; // pixels, as the style has it
const treeElement = $('tree');
const rowsElement = $('rows');
let active = 0; // the row that the keyboard is on
let chosen = -1; // the finding whose details are shown

function rowClass(item) {
  return 'row' + (rows[active] === item ? ' active' : '') + (item === chosen ? ' chosen' : '');
}

function twisty(state) {
  return el('span', { class: 'twisty', 'aria-hidden': 'true' }, state === null ? '' : state ? '▾' : '▸');
}

function indent(e, level) {
  e.style.paddingLeft = Math.min(level - 1, 12) * 14 + 4 + 'px';
}

function groupRow(at) {
  const g = groups[~rows[at]];
  const [label, note] = labels.get(g.number);
  return el('div', { class: rowClass(rows[at]) + ' group', role: 'treeitem', 'aria-level': levels[at], 'aria-expanded': String(g.open) },
    twisty(g.open), el('span', { class: 'label' }, label), note && el('span', { class: 'dim note' }, note),
    el('span', { class: 'end dim' }, counted(g.roots, 'cause'), el('span', { class: 'bytes' }, shortSize(g.bytes))));
}

// fileName is a path of which the end stays in sight.
function fileName(path) {
  if (!path) return null;
  const cut = path.lastIndexOf('/') + 1;
  return el('span', { class: 'file', title: path }, cut > 0 && el('span', { class: 'dir' }, path.slice(0, cut)), el('span', { class: 'base' }, path.slice(cut)));
}

// changed is B's value for a row: without what A begins with as well, where
// that is long.
function changed(a, b) {
  let [front] = apart(a, b);
  while (front > 0 && /[0-9A-Za-z]/.test(b[front - 1])) front--;
  return front > 8 ? '…' + b.slice(front) : b;
}

function findingRow(at) {
  const i = rows[at];
  const children = hasChildren(i);
  const open = unfolds(i);
  const cause = data.causes[data.cause[i]];
  const root = isRoot(i);
  const what = root ? strings[data.field[i]] || strings[data.structure[i]] || whatOf(i) : whatOf(i);
  const elsewhere = !root && (data.image[i] !== data.image[rootOf[i]] || data.partition[i] !== data.partition[rootOf[i]]);
  const row = el('div', {
    class: rowClass(i) + (root ? '' : ' derived') + (data.allowed[i] ? ' allowed' : '') + (match[i] ? '' : ' context'),
    role: 'treeitem', 'aria-level': levels[at], 'aria-selected': String(i === chosen), 'aria-expanded': children ? String(open) : null,
  },
  twisty(children ? open : null),
  el('span', { class: 'dot cause-' + cause, title: cause }),
  el('span', { class: 'what' }, what), fileName(data.file[i]));
  if (data.count[i] > 1) row.append(el('span', { class: 'dim' }, '×' + commas(data.count[i])));
  if (elsewhere) row.append(el('span', { class: 'dim' }, placeOf(i)));
  if (data.a[i] !== data.b[i]) {
    row.append(el('span', { class: 'pair dim' }, el('bdi', null, data.a[i] || '(none)'), ' → ', el('bdi', null, changed(data.a[i], data.b[i]) || '(none)')));
  }
  const end = el('span', { class: 'end dim' });
  if (data.allowed[i]) end.append(el('span', { class: 'tag', title: strings[data.allowed[i]] }, 'allowed'));
  if (data.variation[i]) end.append(el('span', { class: 'tag vary', title: 'follows what was varied' }, strings[data.variation[i]]));
  if (root && followers[i] > 0) end.append(el('span', { class: 'follow', title: counted(followers[i], 'consequence') }, '+' + commas(followers[i])));
  end.append(el('span', { class: 'sr' }, cause + ', '), el('span', { class: 'bytes' }, shortSize(data.bytes[i])));
  row.append(end);
  return row;
}

// draw puts the rows in sight onto the screen.
function draw() {
  const height = treeElement.clientHeight || 600;
  const from = Math.max(0, Math.floor(treeElement.scrollTop / rowHeight) - 6);
  const to = Math.min(rows.length, Math.ceil((treeElement.scrollTop + height) / rowHeight) + 6);
  rowsElement.style.height = rows.length * rowHeight + 'px';
  const list = [];
  for (let at = from; at < to; at++) {
    const row = rows[at] < 0 ? groupRow(at) : findingRow(at);
    row.id = 'row-' + at;
    row.style.top = at * rowHeight + 'px';
    indent(row, levels[at]);
    list.push(row);
  }
  rowsElement.replaceChildren(...list);
  if (active >= from && active < to) treeElement.setAttribute('aria-activedescendant', 'row-' + active);
  else treeElement.removeAttribute('aria-activedescendant');
}

let drawing = false;
function drawSoon() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    draw();
  });
}

// refill makes the rows anew and stays on the same item.
function refill() {
  const item = rows[active];
  flatten();
  const at = rows.indexOf(item);
  active = at >= 0 ? at : Math.min(active, Math.max(rows.length - 1, 0));
  draw();
}

function scrollTo(at) {
  const y = at * rowHeight;
  if (y < treeElement.scrollTop) treeElement.scrollTop = y;
  else if (y + rowHeight > treeElement.scrollTop + treeElement.clientHeight) treeElement.scrollTop = y + rowHeight - treeElement.clientHeight;
}

function moveTo(at) {
  if (rows.length === 0) return;
  active = Math.max(0, Math.min(rows.length - 1, at));
  scrollTo(active);
  draw();
  if (rows[active] >= 0 && !narrow()) choose(rows[active]);
}

// goTo shows a finding, wherever it is folded away.
function goTo(i) {
  reveal(i);
  flatten();
  let at = rows.indexOf(i);
  if (at < 0) { // a filter hides it
    clearFilters();
    flatten();
    at = rows.indexOf(i);
  }
  showTab('findings');
  active = Math.max(at, 0);
  treeElement.scrollTop = Math.max(0, active * rowHeight - treeElement.clientHeight / 3);
  draw();
  choose(i, true);
}

function fold(at, open) {
  const item = rows[at];
  if (item < 0) groups[~item].open = open;
  else unfolded[item] = open ? 1 : 2;
  refill();
}

function isOpen(at) {
  const item = rows[at];
  return item < 0 ? groups[~item].open : unfolds(item);
}

function canOpen(at) {
  return rows[at] < 0 || hasChildren(rows[at]);
}

// nextCause is the nearest row of a root finding in a direction.
function nextCause(step) {
  for (let at = active + step; at >= 0 && at < rows.length; at += step) {
    if (rows[at] >= 0 && isRoot(rows[at])) return at;
  }
  return active;
}

function treeKey(event) {
  const page = Math.max(1, Math.floor(treeElement.clientHeight / rowHeight) - 1);
  switch (event.key) {
    case 'ArrowDown': moveTo(active + 1); break;
    case 'ArrowUp': moveTo(active - 1); break;
    case 'PageDown': moveTo(active + page); break;
    case 'PageUp': moveTo(active - page); break;
    case 'Home': moveTo(0); break;
    case 'End': moveTo(rows.length - 1); break;
    case 'ArrowRight':
      if (canOpen(active) && !isOpen(active)) fold(active, true);
      else if (canOpen(active)) moveTo(active + 1);
      break;
    case 'ArrowLeft':
      if (canOpen(active) && isOpen(active)) fold(active, false);
      else {
        let at = active - 1;
        while (at > 0 && levels[at] >= levels[active]) at--;
        moveTo(at);
      }
      break;
    case 'Enter':
    case ' ':
      if (rows.length === 0) return;
      if (rows[active] < 0) fold(active, !isOpen(active));
      else choose(rows[active], true, true);
      break;
    default: return;
  }
  event.preventDefault();
}

function treeClick(event) {
  const row = event.target.closest('.row');
  if (!row) return;
  const at = Number(row.id.slice(4));
  active = at;
  if (rows[at] < 0 || (event.target.closest('.twisty') && canOpen(at))) {
    fold(at, !isOpen(at));
    return;
  }
  draw();
  choose(rows[at], true);
}

treeElement.addEventListener('scroll', drawSoon, { passive: true });
treeElement.addEventListener('keydown', treeKey);
treeElement.addEventListener('click', treeClick);
