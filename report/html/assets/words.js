// Numbers and sizes in words, as the other renderers print them, and elements.

const $ = (id) => document.getElementById(id);
const SVG = 'http://www.w3.org/2000/svg';

// el makes an element. What it is given as a child is an element or text,
// never markup.
function el(name, attributes, ...children) {
  const svg = name.startsWith('svg:');
  const e = svg ? document.createElementNS(SVG, name.slice(4)) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === 'function') e.addEventListener(key, value);
    else e.setAttribute(key, value === true ? '' : String(value));
  }
  for (const c of children.flat(2)) {
    if (c !== undefined && c !== null && c !== '' && c !== false) e.append(c);
  }
  return e;
}

function commas(n) {
  return String(n).replace(/\B(?=(\d{3})+$)/g, ',');
}

function counted(n, noun) {
  if (n === 1) return '1 ' + noun;
  return commas(n) + ' ' + noun + (/(s|x|ch)$/.test(noun) ? 'es' : 's');
}

function humanSize(n) {
  if (n < 1024) return counted(n, 'byte');
  const units = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let unit = -1;
  let scale = 1;
  while (n / scale >= 1024 && unit + 1 < units.length) {
    scale *= 1024;
    unit++;
  }
  const t = Math.floor((n / scale) * 10);
  return (t % 10 ? (t / 10).toFixed(1) : String(Math.floor(t / 10))) + ' ' + units[unit];
}

// shortSize is humanSize where room is scarce.
function shortSize(n) {
  return n < 1024 ? n + ' B' : humanSize(n);
}

function hex(n) {
  return '0x' + n.toString(16);
}

// apart is where two texts begin and cease to differ: how many characters they
// have in common in front and at the end.
function apart(a, b) {
  const most = Math.min(a.length, b.length);
  let front = 0;
  while (front < most && a[front] === b[front]) front++;
  let end = 0;
  while (end < most - front && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  return [front, end];
}

// marked is a text whose differing middle is marked.
function marked(s, [front, end]) {
  if (front === 0 && end === 0) return [s];
  return [s.slice(0, front), el('mark', null, s.slice(front, s.length - end)), s.slice(s.length - end)];
}
