// Drawings of the server: larger, smaller, as a whole; by buttons, keys, wheel, and by dragging the
// ground. The drawing scrolls in its own region; what the server sends anew keeps its size.
(() => {
'use strict';

let scale = 0;  // as it was drawn
const met = new WeakSet();  // regions that were scrolled to what matters: once

function size(region, to, at) {
  const svg = region.querySelector('svg.dag');
  if (!svg) return;
  const {width, height} = svg.viewBox.baseVal, before = svg.getBoundingClientRect(), box = region.getBoundingClientRect();
  scale = Math.max(0.1, Math.min(2, to));
  svg.classList.remove('fits');
  svg.setAttribute('width', Math.round(width * scale));
  svg.setAttribute('height', Math.round(height * scale));
  const [x, y] = at ?? [box.left + box.width / 2, box.top + box.height / 2], by = width * scale / before.width;
  region.scrollLeft += (x - before.left) * (by - 1);
  region.scrollTop += (y - before.top) * (by - 1);
}

function now(region) {
  const svg = region.querySelector('svg.dag');
  return svg ? svg.getBoundingClientRect().width / svg.viewBox.baseVal.width : 1;
}

function whole(region) {
  const {width, height} = region.querySelector('svg.dag').viewBox.baseVal;
  size(region, Math.min(1, (region.clientWidth - 44) / width, (innerHeight * 0.7 - 44) / height));
}

const DO = {out: region => size(region, now(region) / 1.25), in: region => size(region, now(region) * 1.25), fit: whole, one: region => size(region, 1)};

function dress(region) {
  const svg = region.querySelector('svg.dag');
  if (!svg || svg.dataset.dressed) return;
  svg.dataset.dressed = 'yes';
  if (scale) size(region, scale);
  else if (!met.has(region)) {
    met.add(region);
    const chosen = svg.querySelector('.n[aria-current]') ?? svg.querySelector('.n'), box = chosen?.getBoundingClientRect(), own = region.getBoundingClientRect();
    if (box && (box.top > own.bottom - 60 || box.left > own.right - 60 || box.top < own.top)) {
      region.scrollTop += box.top - own.top - own.height / 2;
      region.scrollLeft += box.left - own.left - own.width / 3;
    }
  }
  if (region.nextElementSibling?.classList.contains('zoom')) return;
  const bar = document.createElement('div');
  bar.className = 'zoom';
  bar.setAttribute('role', 'group');
  bar.setAttribute('aria-label', 'Size of the graph');
  for (const [what, words, name] of [['out', '−', 'Smaller'], ['in', '+', 'Larger'], ['fit', 'Fit', ''], ['one', '1:1', '']]) {
    const button = document.createElement('button');
    Object.assign(button, {type: 'button', className: 'small', textContent: words});
    if (name) button.setAttribute('aria-label', name);
    button.addEventListener('click', () => DO[what](region));
    bar.append(button);
  }
  region.after(bar);
}

const all = () => { for (const region of document.querySelectorAll('.canvas')) dress(region); };
const regionOf = event => event.target.closest?.('.canvas');

document.addEventListener('keydown', event => {
  const region = regionOf(event), what = {'+': 'in', '-': 'out', 0: 'fit'}[event.key];
  if (!region || !what || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  DO[what](region);
});
document.addEventListener('wheel', event => {
  const region = regionOf(event);
  if (!region?.querySelector('svg.dag') || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  size(region, now(region) * (event.deltaY > 0 ? 1 / 1.12 : 1.12), [event.clientX, event.clientY]);
}, {passive: false});

let held = null;
document.addEventListener('pointerdown', event => {
  const region = regionOf(event);
  if (region && event.pointerType === 'mouse' && event.button === 0 && !event.target.closest('a, button') && event.target.closest('svg.dag')) {
    held = {region, x: event.clientX + region.scrollLeft, y: event.clientY + region.scrollTop};
  }
});
document.addEventListener('pointermove', event => {
  if (!held) return;
  held.region.scrollLeft = held.x - event.clientX;
  held.region.scrollTop = held.y - event.clientY;
});
document.addEventListener('pointerup', () => { held = null; });
document.addEventListener('htmx:after:swap', all);
all();
})();
