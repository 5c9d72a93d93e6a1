// The matrix of findings and variations, the worlds of both builds, and the
// partitions as a table.

const outcomes = { same: 'same', differs: 'differs', unstable: 'unstable', skipped: 'not tried', failed: 'failed' };
const matrixRows = 300; // rows of the matrix that are shown at once
const matrixColumns = 200; // there are two dozen variations

function grid(heads, rows, kind) {
  return el('div', { class: 'scroll' }, el('table', { class: 'grid ' + (kind || '') },
    el('thead', null, el('tr', null, heads.map((h) => el('th', { scope: 'col' }, h)))), el('tbody', null, rows)));
}

function drawMatrix() {
  const view = $('view-matrix');
  const w = data.world;
  if (!view || !w) return;
  const trials = w.trials.slice(0, matrixColumns);
  const races = new Set(w.races);
  const follows = trials.map((t) => new Set(t.findings));
  // Those of which something is known come first.
  const known = new Set([...w.races, ...trials.flatMap((t) => t.findings)]);
  const rows = [...known].sort((i, j) => i - j);
  for (let i = 0; i < total; i++) {
    if (isRoot(i) && !known.has(i)) rows.push(i);
  }
  const head = el('thead', null, el('tr', null, el('th', { scope: 'col', class: 'corner' }, 'Finding'),
    el('th', { scope: 'col', class: 'turned', title: 'Differs between two builds of the same world' }, el('span', null, 'by itself')),
    trials.map((t) => el('th', { scope: 'col', class: 'turned outcome-' + t.outcome, title: [t.value, outcomes[t.outcome] || t.outcome, t.why, t.builds ? counted(t.builds, 'build') : ''].filter(Boolean).join('; ') },
      el('span', null, t.name)))),
  el('tr', { class: 'outcomes' }, el('th', { scope: 'row' }, 'Outcome'), el('td', null, ''),
    trials.map((t) => el('td', { class: 'outcome-' + t.outcome, title: t.why || '' }, outcomes[t.outcome] || t.outcome))));
  const body = el('tbody');
  const fill = (n) => {
    body.replaceChildren(...rows.slice(0, n).map((i) => el('tr', null,
      el('th', { scope: 'row' }, linkTo(i)),
      el('td', { class: 'cell' + (races.has(i) ? ' race' : '') }, races.has(i) ? el('span', { title: 'differs by itself' }, '◆') : ''),
      trials.map((t, k) => {
        const yes = follows[k].has(i);
        const none = t.outcome === 'skipped' || t.outcome === 'failed';
        return el('td', { class: 'cell' + (yes ? ' yes' : none ? ' none' : '') },
          yes ? el('span', { title: whatOf(i) + ' follows ' + t.name }, '●') : none ? '' : el('span', { class: 'dim' }, '·'));
      }))));
    if (n < rows.length) body.append(el('tr', null, el('td', { colspan: trials.length + 2 }, el('button', { type: 'button', class: 'more', click: () => fill(rows.length) }, 'Show all ' + counted(rows.length, 'finding')))));
  };
  fill(matrixRows);
  view.replaceChildren(
    el('div', { class: 'card' }, el('h2', null, 'What follows which variation'),
      el('p', { class: 'dim' }, 'From one pinned world (', counted(w.controls, 'control build'), '), a thing was varied at a time. ',
        '● differs when that is varied, ◆ differs by itself, · stays the same; where a column is hatched, nothing was built.'),
      el('div', { class: 'scroll' }, el('table', { class: 'matrix' }, head, body)),
      trials.some((t) => t.why || t.value) && el('details', null, el('summary', null, 'The trials'),
        grid(['Varied', 'Value', 'Outcome', 'Builds', 'Why'], trials.map((t) => el('tr', null, el('th', { scope: 'row' }, t.name), el('td', null, t.value || ''),
          el('td', null, outcomes[t.outcome] || t.outcome), el('td', null, t.builds || ''), el('td', null, t.why || '')))))));
}

function drawWorlds() {
  const view = $('view-worlds');
  const w = data.world;
  if (!view || !w) return;
  const parts = [el('h2', null, 'Both builds'), el('p', null, w.sentence)];
  if (w.facts.length) parts.push(el('dl', { class: 'facts' }, w.facts.map(([k, v]) => el('div', null, el('dt', null, k), el('dd', null, el('code', null, v))))));
  if (w.variations.length) {
    parts.push(grid(['What', 'A', 'B', ''], w.variations.map(([name, a, b, varied, why]) => el('tr', { class: varied ? 'varied' : '' },
      el('th', { scope: 'row' }, name),
      a === b && !varied ? el('td', { colspan: 2 }, a) : [el('td', null, a), el('td', null, b)],
      el('td', null, varied && el('span', { class: 'tag vary' }, 'varied'), ' ', why && el('span', { class: 'dim' }, why)))), 'worlds'));
  }
  if (w.results.length) {
    parts.push(el('h3', null, 'Results of all builds'), w.note && el('p', null, w.note),
      grid(['Digest', 'Builds', 'Which'], w.results.map(([digest, n, which]) => el('tr', null, el('td', null, el('code', null, digest)), el('td', null, n), el('td', null, which)))));
  }
  view.replaceChildren(el('div', { class: 'card' }, ...parts.filter(Boolean)));
}

function drawParts() {
  const line = (p, s, key) => (s
    ? [el('td', { class: 'side-' + key }, key), el('td', { class: 'right' }, commas(s.start)), el('td', { class: 'right' }, commas(s.length)), el('td', null, humanSize(s.length)), el('td', null, s.type || '', s.boot ? ', bootable' : ''),
      el('td', null, s.name || ''), el('td', null, s.fs || ''), el('td', null, el('code', null, s.uuid || s.fsuuid || ''))]
    : [el('td', { class: 'side-' + key }, key), el('td', { colspan: 7, class: 'dim' }, 'not there')]);
  const blocks = data.disks.map((d) => {
    const rows = [];
    for (const p of d.parts.slice(0, 2000)) {
      const same = JSON.stringify(p.a) === JSON.stringify(p.b);
      if (same) {
        const cells = line(p, p.a, 'A');
        cells[0] = el('td', { class: 'dim' }, 'both');
        rows.push(el('tr', null, el('th', { scope: 'row' }, p.n || '–'), cells));
        continue;
      }
      rows.push(el('tr', { class: 'moved' }, el('th', { scope: 'rowgroup', rowspan: 2 }, p.n || '–'), line(p, p.a, 'A')), el('tr', { class: 'moved' }, line(p, p.b, 'B')));
    }
    return [d.image && el('h3', null, d.image), rows.length ? grid(['No.', '', 'First byte', 'Bytes', 'Size', 'Type', 'Name', 'Filesystem', 'UUID'], rows) : el('p', { class: 'dim' }, 'no partitions')];
  });
  $('view-parts').replaceChildren(el('div', { class: 'card' }, el('h2', null, 'Partitions'), ...blocks.flat().filter(Boolean)));
}
