// The keys of the field that leads anywhere. It comes with the dialog, each time that is opened.
(() => {
'use strict';

const field = document.getElementById('palette-q'), list = document.getElementById('palette-list');
if (!field || field.dataset.ready) return; // another was opened since, and has its keys
const options = () => [...list.querySelectorAll('[role=option]')];

// The list may be behind what is typed: then Enter waits for it, and a second one leads to the page of the search.
let shown = field.value, wanted = false;

function choose(next) {
  for (const one of options()) one.setAttribute('aria-selected', String(one === next));
  field.setAttribute('aria-activedescendant', next ? next.id : '');
  next?.scrollIntoView({block: 'nearest'});
}

field.addEventListener('keydown', event => {
  const all = options(), at = all.findIndex(one => one.getAttribute('aria-selected') === 'true');
  const to = {ArrowDown: at + 1, ArrowUp: at < 1 ? all.length - 1 : at - 1, PageDown: at + 8, PageUp: at - 8}[event.key];
  if (to !== undefined && all.length) {
    event.preventDefault();
    choose(all[event.key === 'ArrowDown' ? to % all.length : Math.max(0, Math.min(all.length - 1, to))]);
  } else if (event.key === 'Enter' && shown !== field.value && !wanted) {
    event.preventDefault();
    wanted = true;
  } else if (event.key === 'Enter' && shown === field.value && all[at]) {
    event.preventDefault();
    all[at].click();
  }
});
field.addEventListener('input', () => { wanted = false; });
field.dataset.ready = 'yes';
field.addEventListener('htmx:after:swap', event => {
  shown = new URL(event.detail.ctx.request.action, location.href).searchParams.get('q');
  choose(options()[0]);
  if (wanted && shown === field.value) options()[0]?.click();
});
})();
