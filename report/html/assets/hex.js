// The bytes of both sides, with those that differ marked.

function bytesOf(text) {
  const out = [];
  for (let i = 0; i + 1 < text.length; i += 2) out.push(parseInt(text.slice(i, i + 2), 16));
  return out;
}

function printable(b) {
  return b >= 0x20 && b < 0x7f ? String.fromCharCode(b) : '·';
}

// cells are equal and differing bytes in turn, as few elements as it takes.
function cells(bytes, other, from, to, show, gap) {
  const out = [];
  let text = '';
  let differs = false;
  const flush = () => {
    if (text) out.push(differs ? el('mark', null, text.trimEnd()) : text);
    if (differs && text.endsWith(' ')) out.push(' ');
    text = '';
  };
  for (let i = from; i < to; i++) {
    if (i >= bytes.length) break;
    const d = bytes[i] !== other[i];
    if (d !== differs) flush();
    differs = d;
    text += show(bytes[i]) + gap + (gap && i % 8 === 7 && i + 1 < to ? ' ' : '');
  }
  flush();
  return out;
}

const hexByte = (b) => b.toString(16).padStart(2, '0');

function hexView([offset, hexA, hexB]) {
  const a = bytesOf(hexA);
  const b = bytesOf(hexB);
  const each = narrow() ? 8 : 16; // bytes of a row
  const side = (name, bytes, other) => {
    const lines = [];
    for (let at = 0; at < Math.max(bytes.length, 1); at += each) {
      lines.push(el('div', { class: 'hex-row' },
        el('span', { class: 'hex-offset' }, (offset + at).toString(16).padStart(8, '0')),
        el('span', { class: 'hex-bytes' }, bytes.length ? cells(bytes, other, at, at + each, hexByte, ' ') : '(the disk ends before)'),
        el('span', { class: 'hex-text', 'aria-hidden': 'true' }, cells(bytes, other, at, at + each, printable, ''))));
    }
    return el('div', { class: 'hex-side side-' + name }, el('h4', null, name), lines);
  };
  let differing = 0;
  for (let i = 0; i < Math.min(a.length, b.length); i++) if (a[i] !== b[i]) differing++;
  return el('section', null,
    el('div', { class: 'section-head' }, el('h3', null, 'Bytes'), el('span', { class: 'dim' }, 'from offset ' + commas(offset) + ', ' + differing + ' of ' + Math.min(a.length, b.length) + ' differ')),
    el('div', { class: 'hex' }, side('A', a, b), side('B', b, a)));
}
