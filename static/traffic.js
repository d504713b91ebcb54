// Pages of agents, events, queues and webhooks: copy a secret, choose all rows, which kind is chosen.
(() => {
'use strict';

document.addEventListener('click', event => {
  const button = event.target.closest('[data-copy]');
  if (!button) return;
  const source = document.getElementById(button.dataset.copy);
  const told = () => { button.textContent = 'Copied'; };
  const chosen = () => { getSelection().selectAllChildren(source); };
  if (navigator.clipboard) navigator.clipboard.writeText(source.textContent).then(told, chosen);
  else chosen();
});

document.addEventListener('change', event => {
  const all = event.target.closest('[data-all]');
  if (!all) return;
  for (const box of document.querySelectorAll(`input[name="${CSS.escape(all.dataset.all)}"]`)) box.checked = all.checked;
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
