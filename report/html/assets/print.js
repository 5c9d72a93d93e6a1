// On paper stand all views, one below the other, and every root finding,
// unfolded; no control.

const paperFindings = 2000; // more of them fill a thousand sheets

function drawPaper() {
  for (const d of document.querySelectorAll('.top details, #view-matrix details')) d.open = true;
  drawMatrix();
  drawWorlds();
  drawParts();
  const roots = [];
  for (let i = 0; i < total; i++) if (isRoot(i)) roots.push(i);
  const was = sideBySide;
  sideBySide = false;
  const list = roots.slice(0, paperFindings).map((i) => el('article', { class: 'sheet' }, findingView(i, true).filter(Boolean),
    followers[i] > 0 && el('p', { class: 'dim' }, 'and ' + counted(followers[i], 'consequence'))));
  sideBySide = was;
  const more = roots.length - list.length;
  $('print').replaceChildren(el('h2', null, counted(roots.length, 'cause')), ...list, more > 0 ? el('p', null, '… and ' + commas(more) + ' more.') : '');
}

addEventListener('beforeprint', drawPaper);
