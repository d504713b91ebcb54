// Pages of agents, events, queues and webhooks: words into a list, all rows, which kind is chosen.
(() => {
'use strict';

// a known type, put into the list that is being written
document.addEventListener('click', event => {
  const word = event.target.closest('[data-add]');
  if (!word) return;
  const field = document.getElementById(word.dataset.to), lines = field.value.split('\n').filter(Boolean);
  if (!lines.includes(word.dataset.add)) lines.push(word.dataset.add);
  field.value = lines.join('\n');
  field.focus();
});

document.addEventListener('change', event => {
  const all = event.target.closest('[data-all]');
  if (!all) return;
  for (const box of document.querySelectorAll(`input[name="${CSS.escape(all.dataset.all)}"]`)) box.checked = all.checked;
});

// rows that are chosen stay as they are until something is done with them, also when fresh ones were on their way
for (const moment of ['htmx:before:request', 'htmx:before:swap']) {
  document.addEventListener(moment, event => {
    const {sourceElement: region} = event.detail.ctx;
    if (region.matches('[hx-select]') && region.querySelector('.pick input:checked')) event.preventDefault();
  });
}
document.addEventListener('htmx:after:request', event => {
  const {sourceElement: form, response} = event.detail.ctx;
  if (!form.matches('form') || response.status >= 400) return;
  for (const box of form.querySelectorAll('.pick input:checked, [data-all]:checked')) box.checked = false;
});

document.addEventListener('htmx:after:swap', () => {
  const kind = document.querySelector('#agent-fields input[name=provider]');
  if (!kind) return;
  for (const link of document.querySelectorAll('[data-kind]')) {
    if (link.dataset.kind === kind.value) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
});
})();
