// A unified diff, as it is and side by side.

let sideBySide = false;
const firstLines = 400; // lines of a diff that are shown at once

// hunks reads the lines of a unified diff: for each, its mark, its text, and
// its numbers in A and B.
function hunks(text) {
  const out = [];
  let a = 0;
  let b = 0;
  for (const line of text.split('\n')) {
    const at = /^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@/.exec(line);
    if (at) {
      a = Number(at[1]);
      b = Number(at[2]);
      out.push({ mark: '@', text: line });
      continue;
    }
    const mark = line[0] === '-' || line[0] === '+' || line[0] === '\\' ? line[0] : ' ';
    const entry = { mark, text: line.slice(1) };
    if (mark === '-' || mark === ' ') entry.a = a++;
    if (mark === '+' || mark === ' ') entry.b = b++;
    out.push(entry);
  }
  return out;
}

// pairs gives each removed line of a run the added one that stands across.
function pairs(lines) {
  const out = [];
  for (let i = 0; i < lines.length;) {
    if (lines[i].mark !== '-' && lines[i].mark !== '+') {
      out.push([lines[i], lines[i]]);
      i++;
      continue;
    }
    const gone = [];
    const come = [];
    while (i < lines.length && (lines[i].mark === '-' || lines[i].mark === '\\')) gone.push(lines[i++]);
    while (i < lines.length && (lines[i].mark === '+' || lines[i].mark === '\\')) come.push(lines[i++]);
    for (let k = 0; k < Math.max(gone.length, come.length); k++) out.push([gone[k] || null, come[k] || null]);
  }
  return out;
}

// lineText marks what differs between two lines that stand for each other.
function lineText(own, other, first) {
  if (!other || own.mark === ' ' || own.mark === '\\' || other.mark === '\\') return [own.text];
  const common = first ? apart(own.text, other.text) : apart(other.text, own.text);
  // Lines that have little in common are no versions of each other.
  if ((common[0] + common[1]) * 3 < Math.max(own.text.length, other.text.length)) return [own.text];
  return marked(own.text, common);
}

function unifiedRows(lines) {
  const across = new Map();
  for (const [x, y] of pairs(lines)) {
    if (x && y && x !== y) {
      across.set(x, y);
      across.set(y, x);
    }
  }
  return lines.map((l) => {
    if (l.mark === '@') return el('tr', { class: 'hunk' }, el('td', { colspan: 4 }, l.text));
    const kind = l.mark === '-' ? 'a' : l.mark === '+' ? 'b' : '';
    return el('tr', { class: kind }, el('td', { class: 'num' }, l.a), el('td', { class: 'num' }, l.b),
      el('td', { class: 'mark' }, l.mark.trim()), el('td', { class: 'code' }, lineText(l, across.get(l), l.mark === '-')));
  });
}

function sideRows(lines) {
  return pairs(lines).map(([x, y]) => {
    if (x && x.mark === '@') return el('tr', { class: 'hunk' }, el('td', { colspan: 4 }, x.text));
    const half = (l, other, first, kind) => (l
      ? [el('td', { class: 'num' }, first ? l.a : l.b), el('td', { class: 'code ' + (l.mark === ' ' ? '' : kind) }, lineText(l, other, first))]
      : [el('td', { class: 'num' }), el('td', { class: 'code none' })]);
    return el('tr', null, half(x, y, true, 'a'), half(y, x, false, 'b'));
  });
}

function diffView(text, whole) {
  const lines = hunks(text);
  const box = el('div', { class: 'diff-box' });
  const fill = (all) => {
    const part = all ? lines : lines.slice(0, firstLines);
    const columns = sideBySide && el('colgroup', null, el('col', { class: 'num' }), el('col'), el('col', { class: 'num' }), el('col'));
    const table = el('table', { class: 'diff ' + (sideBySide ? 'side' : 'unified') }, columns, el('tbody', null, sideBySide ? sideRows(part) : unifiedRows(part)));
    box.replaceChildren(table);
    if (part.length < lines.length) {
      box.append(el('button', { type: 'button', class: 'more', click: () => fill(true) }, 'Show all ' + commas(lines.length) + ' lines'));
    }
  };
  fill(whole);
  const button = (label, value) => el('button', {
    type: 'button', 'aria-pressed': String(sideBySide === value), click: (event) => {
      sideBySide = value;
      for (const b of event.target.parentNode.children) b.setAttribute('aria-pressed', String(b === event.target));
      fill(false);
    },
  }, label);
  return el('section', { class: 'diff-section' },
    el('div', { class: 'section-head' }, el('h3', null, 'Difference'),
      el('div', { class: 'toggle', role: 'group', 'aria-label': 'How the difference is shown' }, button('Unified', false), button('Side by side', true))),
    box);
}
