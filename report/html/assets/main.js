// The page comes to life: filters, tabs, keys, colours.

const searchElement = $('search');
const themes = ['auto', 'light', 'dark'];

function status(searching) {
  let text = filtering() ? commas(matches) + ' of ' + counted(total, 'finding') : counted(total, 'finding');
  if (searching) text += ', searching the details …';
  const line = $('status');
  line.replaceChildren(text);
  if (filtering() || searching) line.append(' ', el('button', { type: 'button', class: 'link', id: 'clear', click: clearFilters }, 'Clear'));
}

function applyFilters() {
  search((searching) => {
    refill();
    status(searching);
  });
}

function clearFilters() {
  Object.assign(filter, { text: '', cause: '', format: '', partition: '', variation: '', allowed: '', derived: '', image: null });
  searchElement.value = '';
  for (const s of $('selects').querySelectorAll('select')) {
    s.value = '';
    s.classList.remove('set');
  }
  applyFilters();
  if (disk) drawDisk();
}

// choices counts the values of a column, the most frequent first.
function choices(column, label) {
  const seen = new Map();
  let last = null;
  let run = 0;
  const add = () => run && seen.set(last, (seen.get(last) || 0) + run);
  for (let i = 0; i < total; i++) { // neighbours are mostly alike
    if (column[i] !== last) {
      add();
      [last, run] = [column[i], 0];
    }
    run++;
  }
  add();
  return [...seen].sort((x, y) => y[1] - x[1]).map(([v, n]) => [v, label(v) + ' (' + commas(n) + ')']);
}

function addSelect(key, title, list, number) {
  if (list.length === 0) return;
  const select = el('select', { id: 'filter-' + key, 'aria-label': title, change: () => {
    filter[key] = select.value === '' ? '' : number ? Number(select.value) : select.value;
    select.classList.toggle('set', select.value !== '');
    applyFilters();
  } }, el('option', { value: '' }, title), list.map(([value, label]) => el('option', { value }, label)));
  $('selects').append(select);
}

function startFilters() {
  if (total === 0) return;
  addSelect('cause', 'Any cause', choices(data.cause, (v) => data.causes[v]), true);
  const formats = choices(data.format, (v) => strings[v] || 'no format');
  if (formats.length > 1) addSelect('format', 'Any format', formats, true);
  const places = choices(partKeys, (v) => {
    const image = Math.floor(v / manyPartitions);
    const n = v % manyPartitions;
    return (strings[image] ? strings[image] + ' ' : '') + volumeName(strings[image], n);
  });
  if (places.length > 1) addSelect('partition', 'Any partition', places.slice(0, 500), true);
  const variations = choices(data.variation, (v) => strings[v]).filter(([v]) => v > 0);
  if (variations.length) addSelect('variation', 'Any variation', [...variations.slice(0, 500), [-1, 'follows none']], true);
  if (data.allowed.some(Boolean)) addSelect('allowed', 'Allowed or not', [['no', 'not allowed'], ['only', 'allowed']]);
  if (followers.some(Boolean)) addSelect('derived', 'Any kind', [['roots', 'causes only'], ['derived', 'consequences']]);
}

function showTab(name) {
  for (const tab of document.querySelectorAll('[role=tab]')) {
    const on = tab.id === 'tab-' + name;
    tab.setAttribute('aria-selected', String(on));
    tab.tabIndex = on ? 0 : -1;
    $(tab.getAttribute('aria-controls')).hidden = !on;
    if (on && tab.dataset.drawn === undefined) {
      tab.dataset.drawn = '';
      ({ matrix: drawMatrix, worlds: drawWorlds, parts: drawParts })[name]?.();
    }
  }
}

function startTabs() {
  const tabs = [...document.querySelectorAll('[role=tab]')];
  tabs.forEach((tab, k) => {
    tab.addEventListener('click', () => showTab(tab.id.slice(4)));
    tab.addEventListener('keydown', (e) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
      if (!step) return;
      const next = tabs[(k + step + tabs.length) % tabs.length];
      next.focus();
      showTab(next.id.slice(4));
      e.preventDefault();
    });
  });
}

// What a browser remembers for a page from a file, where it does at all.
function remembered() {
  try {
    return localStorage.getItem('reprodisk-theme');
  } catch {
    return null;
  }
}

function setTheme(name) {
  const root = document.documentElement;
  if (name === 'auto') delete root.dataset.theme;
  else root.dataset.theme = name;
  $('theme').textContent = { auto: '◐ Auto', light: '○ Light', dark: '● Dark' }[name];
  try {
    localStorage.setItem('reprodisk-theme', name);
  } catch {
    // It holds as long as the page does.
  }
}

function nextTheme() {
  const now = document.documentElement.dataset.theme || 'auto';
  setTheme(themes[(themes.indexOf(now) + 1) % themes.length]);
}

// escape goes back one step: out of a finding, a search, a zoom.
function escape(event) {
  if (document.body.classList.contains('reading')) closeDetail();
  else if (diskElement.contains(document.activeElement) && zoomed()) zoomOut();
  else if (document.activeElement === detailElement || detailElement.contains(document.activeElement)) treeElement.focus();
  else if (filter.text) {
    searchElement.value = filter.text = '';
    applyFilters();
    treeElement.focus();
  } else if (document.activeElement === searchElement) treeElement.focus();
  else if (zoomed()) zoomOut();
  else if (filtering()) clearFilters();
  else return;
  event.preventDefault();
}

function globalKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || $('help').open) return;
  if (event.key === 'Escape') {
    escape(event);
    return;
  }
  if (/^(input|select|textarea)$/i.test(event.target.tagName)) return;
  const keys = {
    '/': () => {
      showTab('findings');
      searchElement.focus();
      searchElement.select();
    },
    '?': () => $('help').showModal(),
    t: nextTheme,
    n: () => moveTo(nextCause(1)),
    p: () => moveTo(nextCause(-1)),
    j: () => moveTo(active + 1),
    k: () => moveTo(active - 1),
    '+': () => disk && zoomBy(0.5),
    '-': () => disk && zoomBy(2),
  };
  const act = keys[event.key];
  if (!act) return;
  act();
  event.preventDefault();
}

function startSearch() {
  let wait = 0;
  searchElement.addEventListener('input', () => {
    clearTimeout(wait);
    wait = setTimeout(() => {
      filter.text = searchElement.value.trim();
      applyFilters();
    }, 80);
  });
  searchElement.addEventListener('keydown', (e) => {
    if (e.key !== 'Enter' && e.key !== 'ArrowDown') return;
    treeElement.focus();
    active = Math.max(0, rows.findIndex((r) => r >= 0 && match[r]));
    moveTo(active);
    e.preventDefault();
  });
}

// named is the finding that the address names, or -1.
function named() {
  const number = /^#finding-(\d{1,9})$/.exec(location.hash);
  return number && Number(number[1]) < total ? Number(number[1]) : -1;
}

$('app').hidden = false;
document.querySelector('.buttons').hidden = false;
setTheme(themes.includes(remembered()) ? remembered() : 'auto');
$('theme').addEventListener('click', nextTheme);
$('help-open').addEventListener('click', () => $('help').showModal());
document.addEventListener('keydown', globalKey);
startTabs();
startFilters();
startSearch();
flatten();
nothingChosen();
startDisk();
status(false);
draw();
addEventListener('hashchange', () => {
  if (named() >= 0) goTo(named());
});
if (named() >= 0) goTo(named());
else {
  active = Math.max(0, rows.findIndex((r) => r >= 0));
  draw();
  if (rows[active] >= 0 && !narrow()) choose(rows[active]);
}
document.documentElement.dataset.ready = Math.round(performance.now());
