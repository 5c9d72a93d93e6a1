// Which findings are asked for: filters over the columns, words over all that
// is said of a finding.

const filter = { text: '', cause: '', format: '', partition: '', variation: '', allowed: '', derived: '', low: 0, high: 0, image: null };

// partKeys has a number for each image's partition.
const manyPartitions = 2 ** 31;
const partKeys = data.partition.map((n, i) => data.image[i] * manyPartitions + n);

// match has a 1 for each finding that is asked for; shown also for those
// above one.
const match = new Uint8Array(total).fill(1);
const shown = new Uint8Array(total).fill(1);
let matches = total;

function filtering() {
  return matches !== total;
}

const texts = new Array(total);

// textOf is what the index has of a finding, in small letters.
function textOf(i) {
  if (texts[i] === undefined) {
    texts[i] = [
      placeOf(i), whatOf(i), data.file[i], data.a[i], data.b[i], data.causes[data.cause[i]],
      strings[data.remedy[i]], strings[data.variation[i]], strings[data.allowed[i]],
    ].join('\n').toLowerCase();
  }
  return texts[i];
}

// detailText is what the details have besides.
function detailText(d) {
  const inside = (d.inside || []).map((x) => x.join(' '));
  return [d.id, d.a, d.b, d.note, d.diff, d.kind, (d.files || []).join('\n'), inside.join('\n')].join('\n').toLowerCase();
}

// inColumns tells whether a finding passes every filter but the words.
function inColumns(i) {
  const f = filter;
  if (f.cause !== '' && data.cause[i] !== f.cause) return false;
  if (f.format !== '' && data.format[i] !== f.format) return false;
  if (f.partition !== '' && partKeys[i] !== f.partition) return false;
  if (f.variation !== '' && (f.variation < 0 ? data.variation[i] !== 0 : data.variation[i] !== f.variation)) return false;
  if (f.allowed === 'only' && !data.allowed[i]) return false;
  if (f.allowed === 'no' && data.allowed[rootOf[i]]) return false;
  if (f.derived === 'roots' && !isRoot(i)) return false;
  if (f.derived === 'derived' && isRoot(i)) return false;
  if (f.image !== null && (strings[data.image[i]] !== f.image || data.offset[i] < f.low || data.offset[i] >= f.high)) return false;
  return true;
}

let searchRun = 0;

// search finds what is asked for, and calls done. Where words are not in the
// index, the details are looked through, a few pieces at a time; done is
// called again then.
function search(done) {
  const run = ++searchRun;
  const words = filter.text.toLowerCase().split(/\s+/).filter(Boolean);
  const open = []; // findings of which some word is still to be found
  for (let i = 0; i < total; i++) {
    match[i] = 0;
    if (!inColumns(i)) continue;
    if (words.length === 0) {
      match[i] = 1;
      continue;
    }
    const text = textOf(i);
    if (words.every((w) => text.includes(w))) match[i] = 1;
    else open.push(i);
  }
  settle();
  done(open.length > 0);
  if (open.length > 0) whenRead(() => searchDetails(run, words, open, 0, done));
}

function searchDetails(run, words, open, at, done) {
  if (run !== searchRun) return; // something else is asked for by now
  const until = performance.now() + 20;
  while (at < open.length && performance.now() < until) {
    const n = pieceOf(open[at]);
    const end = n + 1 < data.pieces.length ? data.pieces[n + 1] : total;
    const element = $('details-' + n);
    const raw = element ? element.textContent.toLowerCase() : '';
    // As JSON has the word: with its marks escaped.
    const inPiece = words.map((w) => raw.includes(JSON.stringify(w).slice(1, -1)) || /[<>&\u2028\u2029]/.test(w));
    const all = inPiece.includes(true) ? piece(n) : null;
    for (; at < open.length && open[at] < end; at++) {
      if (!all) continue;
      const i = open[at];
      const text = textOf(i);
      if (!words.every((w, k) => inPiece[k] || text.includes(w))) continue;
      const more = detailText(all[i - data.pieces[n]]);
      if (words.every((w) => text.includes(w) || more.includes(w))) match[i] = 1;
    }
  }
  if (at < open.length) {
    setTimeout(() => searchDetails(run, words, open, at, done), 0);
    return;
  }
  settle();
  done(false);
}

// settle shows what matches and all that is above it.
function settle() {
  shown.fill(0);
  matches = 0;
  for (let i = 0; i < total; i++) {
    if (!match[i]) continue;
    matches++;
    for (let at = i; at >= 0 && !shown[at]; at = data.parent[at]) shown[at] = 1;
  }
}
