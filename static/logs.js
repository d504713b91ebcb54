// Drag over columns of the histogram: from the first to the last of them is searched.
(() => {
'use strict';
const box = document.getElementById('histogram');
let first = null, last = null;
if (!box) return;
const links = [...box.querySelectorAll('a')], under = event => event.target.closest('#histogram a');
const span = () => [links.indexOf(first), links.indexOf(last)].sort((a, b) => a - b);
function mark() {
  const [from, to] = first ? span() : [1, 0];
  links.forEach((link, i) => link.toggleAttribute('data-in', i >= from && i <= to));
}
box.addEventListener('pointerdown', event => {
  if (event.pointerType === 'mouse' && !event.button) first = last = under(event);
});
box.addEventListener('pointermove', event => {
  if (!first) return;
  last = under(event) ?? last;
  mark();
});
box.addEventListener('dragstart', event => event.preventDefault());
document.addEventListener('pointerup', () => {
  if (!first) return;
  const [from, to] = span(), url = new URL(links[from].getAttribute('href'), location.href);
  url.searchParams.set('to', new URL(links[to].getAttribute('href'), location.href).searchParams.get('to'));
  first = null;
  mark();
  if (from !== to) location.assign(url);
});
})();
