// Selecting rows of a list: how many, all of the page, a range with Shift, x for the row in focus.
// What is selected survives that rows are drawn anew. Without this the boxes work all the same.
(() => {
'use strict';

const form = document.getElementById('bulk');
if (!form) return;
const all = form.elements.all, page = document.getElementById('pick-page');
const said = document.getElementById('picked'), idle = said.textContent, chosen = new Set();
const boxes = () => [...document.querySelectorAll('.selectable .pick')];
let last = null;

function show() {
  const there = boxes(), ticked = there.filter(box => box.checked).length;
  page.checked = ticked > 0 && ticked === there.length;
  page.indeterminate = ticked > 0 && ticked < there.length;
  const text = all.checked ? 'All selected' : ticked ? `${ticked} selected` : idle;
  if (said.textContent !== text) said.textContent = text;
  for (const button of form.querySelectorAll('button')) button.disabled = !ticked && !all.checked;
}

function tick(box, on) {
  box.checked = on;
  chosen[on ? 'add' : 'delete'](box.value);
}

page.parentElement.hidden = false;
document.addEventListener('click', event => {
  const box = event.target;
  if (!box.matches('.selectable .pick')) return;
  const there = boxes(), from = there.indexOf(last), to = there.indexOf(box);
  tick(box, box.checked);
  if (event.shiftKey && from >= 0) {
    for (const one of there.slice(Math.min(from, to), Math.max(from, to) + 1)) tick(one, box.checked);
  }
  last = box;
  show();
});
page.addEventListener('change', () => {
  for (const box of boxes()) tick(box, page.checked);
  show();
});
all.addEventListener('change', show);
document.addEventListener('keydown', event => {
  if (event.key !== 'x' || event.ctrlKey || event.metaKey || event.altKey) return;
  if (document.body.dataset.keys === 'off' || event.target.matches('input:not([type=checkbox]), textarea, select')) return;
  const box = event.target.closest('tr')?.querySelector('.pick');
  if (box) { tick(box, !box.checked); last = box; show(); }
});
document.addEventListener('htmx:after:swap', () => {
  for (const box of boxes()) box.checked = chosen.has(box.value);
  show();
});
show();
})();
