// The chosen finding, with all that is said of it.

const detailElement = $('detail');
let naming = 0; // the timer that puts the finding into the address

function narrow() {
  return matchMedia('(max-width: 820px)').matches;
}

// valuesView shows the two values side by side, with what differs marked.
function valuesView(a, b) {
  if (!a && !b) return null;
  if (a === b) {
    return el('p', { class: 'both' }, el('code', null, el('bdi', null, a)), ' in both');
  }
  const common = apart(a, b);
  const side = (name, value) => el('div', { class: 'value side-' + name }, el('h4', null, name),
    value ? el('code', null, el('bdi', null, marked(value, common))) : el('span', { class: 'dim' }, '(none)'));
  return el('div', { class: 'values' }, side('A', a), side('B', b));
}

// listView shows the first entries of a list, and a button for the others.
function listView(entries, omitted, first, show, whole) {
  const list = el('ul', { class: 'plain-list' });
  const fill = (n) => {
    list.replaceChildren(...entries.slice(0, n).map((e) => el('li', null, show(e))));
    if (n < entries.length) {
      list.append(el('li', null, el('button', { type: 'button', class: 'more', click: () => fill(entries.length) }, 'Show all ' + commas(entries.length))));
    } else if (omitted > 0) {
      list.append(el('li', { class: 'dim' }, '… and ' + commas(omitted) + ' more that the report does not name'));
    }
  };
  fill(whole ? Math.min(entries.length, 200) : first);
  return list;
}

function linkTo(i) {
  return el('button', { type: 'button', class: 'link', click: () => goTo(i) },
    whatOf(i), data.file[i] ? ' ' + data.file[i] : '', el('span', { class: 'dim' }, ' ' + placeOf(i)));
}

const insideRows = 500;

function insideView(d) {
  const more = (d.insideOmitted || 0) + Math.max(d.inside.length - insideRows, 0);
  const rows = d.inside.slice(0, insideRows).map(([where, field, a, b, cause, derived]) => el('tr', { class: derived ? 'derived' : '' },
    el('td', null, where && el('span', { class: 'dim' }, where + ' › '), field),
    a === b ? el('td', { colspan: 2 }, el('code', null, a), ' in both') : [el('td', null, el('code', null, a || '(none)')), el('td', null, el('code', null, b || '(none)'))],
    el('td', null, cause, derived && el('span', { class: 'dim' }, ' (follows)'))));
  return el('section', null, el('h3', null, 'Inside of the file', d.kind && el('span', { class: 'dim' }, ' ' + d.kind)),
    el('div', { class: 'scroll' }, el('table', { class: 'grid' },
      el('thead', null, el('tr', null, ['What', 'A', 'B', 'Cause'].map((h) => el('th', { scope: 'col' }, h)))), el('tbody', null, rows))),
    more > 0 && el('p', { class: 'dim' }, '… and ' + commas(more) + ' more'));
}

function rangesView(d, whole) {
  const list = [];
  for (let k = 0; k < d.ranges.length; k += 2) list.push([d.ranges[k], d.ranges[k + 1]]);
  return el('section', null, el('h3', null, 'Where'),
    listView(list, d.rangesOmitted || 0, 6, ([o, l]) => ['offset ', el('b', null, commas(o)), el('span', { class: 'dim' }, ' ' + hex(o) + ', '), counted(l, 'byte')], whole));
}

function consequencesView(i) {
  const list = [];
  for (let c = firstChild[i]; c >= 0; c = nextChild[c]) list.push(c);
  if (list.length === 0) return null;
  return el('section', null, el('h3', null, counted(list.length, 'consequence')), listView(list.slice(0, 500), Math.max(list.length - 500, 0), 5, linkTo));
}

// facts are the finding's words in a row: what sort of thing it is.
function chips(i) {
  const cause = data.causes[data.cause[i]];
  return el('p', { class: 'chips' },
    el('span', { class: 'chip' }, el('span', { class: 'dot cause-' + cause }), cause),
    el('span', { class: 'chip' }, counted(data.bytes[i], 'byte')),
    data.count[i] > 1 && el('span', { class: 'chip' }, counted(data.count[i], 'value')),
    !isRoot(i) && el('span', { class: 'chip' }, 'consequence'),
    data.allowed[i] > 0 && el('span', { class: 'chip tag' }, 'allowed'));
}

// findingView is a finding in full, on the screen or for paper.
function findingView(i, paper) {
  const d = detailOf(i);
  const facts = [];
  const fact = (name, value, kind) => value && facts.push(el('div', { class: kind || '' }, el('dt', null, name), el('dd', null, value)));
  fact('Remedy', strings[data.remedy[i]], 'remedy');
  fact('Varies with', strings[data.variation[i]]);
  fact('Allowed', strings[data.allowed[i]]);
  const parts = [
    el('p', { class: 'place dim' }, placeOf(i)),
    el(paper ? 'h3' : 'h2', { class: 'title' }, data.file[i] && el('span', { class: 'path' }, data.file[i], ' '), el('span', { class: 'what' }, whatOf(i))),
    chips(i),
    valuesView((d && d.a) || data.a[i], (d && d.b) || data.b[i]),
  ];
  if (d && d.note) parts.push(el('p', { class: 'note' }, d.note));
  if (facts.length) parts.push(el('dl', { class: 'facts' }, facts));
  if (!d) {
    parts.push(el('p', { class: 'dim' }, 'The details are still being read …'));
    return parts;
  }
  if (d.from) parts.push(el('section', null, el('h3', null, 'Follows from'), listView(d.from, 0, 5, linkTo, paper)));
  if (d.diff) parts.push(diffView(d.diff, false));
  if (d.inside) parts.push(insideView(d));
  if (d.sample) parts.push(hexView(d.sample));
  if (d.files) parts.push(el('section', null, el('h3', null, counted(d.files.length + (d.filesOmitted || 0), 'file')), listView(d.files, d.filesOmitted || 0, 8, (f) => el('code', null, f), paper)));
  if (!paper) parts.push(consequencesView(i));
  if (d.ranges) parts.push(rangesView(d, paper));
  parts.push(el('p', { class: 'id dim' }, el('code', null, d.id)));
  return parts;
}

// choose shows a finding. Where the page is narrow, it lies over the list
// once somebody asked for it.
function choose(i, asked, keyboard) {
  if (i === chosen && !asked) return;
  chosen = i;
  const close = el('button', { type: 'button', class: 'close', click: closeDetail, 'aria-label': 'Back to the list' }, '← Findings');
  detailElement.replaceChildren(close, ...findingView(i).filter(Boolean));
  detailElement.scrollTop = 0;
  if (asked && narrow()) document.body.classList.add('reading');
  if (asked && (keyboard || narrow())) detailElement.focus({ preventScroll: !narrow() });
  clearTimeout(naming);
  naming = setTimeout(() => history.replaceState(null, '', '#finding-' + i), 300); // browsers refuse many at once
  showOnDisk(i);
  draw();
  if (!detailOf(i)) whenRead(() => chosen === i && choose(i, true));
}

function closeDetail() {
  document.body.classList.remove('reading');
  treeElement.focus({ preventScroll: true });
}

function nothingChosen() {
  document.body.classList.toggle('nothing', total === 0);
  detailElement.replaceChildren(el('p', { class: 'dim empty' }, total ? 'Choose a finding.' : 'Nothing differs.'));
}
