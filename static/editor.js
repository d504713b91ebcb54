// The text of a definition: line numbers, Tab leaves, a finding takes you to its place.
(() => {
'use strict';

const text = document.querySelector('textarea[name=definition]');
if (!text) return;
const gutter = document.createElement('pre');
gutter.className = 'gutter';
gutter.setAttribute('aria-hidden', 'true');
text.before(gutter);

function number() {
  const lines = text.value.split('\n').length;
  if (Number(gutter.dataset.lines) === lines) return;
  gutter.dataset.lines = lines;
  gutter.textContent = Array.from({length: lines}, (_, i) => i + 1).join('\n');
}

function offset(line, column) {
  const before = text.value.split('\n').slice(0, line - 1).join('\n').length;
  return before + (line > 1 ? 1 : 0) + column - 1;
}

text.addEventListener('input', number);
text.addEventListener('scroll', () => { gutter.scrollTop = text.scrollTop; });
document.addEventListener('click', event => {
  const to = event.target.closest('[data-line]');
  if (!to) return;
  event.preventDefault();
  const {line, column, endLine, endColumn} = to.dataset;
  const from = offset(Number(line), Number(column));
  text.focus();
  text.setSelectionRange(from, Math.max(from + 1, offset(Number(endLine), Number(endColumn))));
  text.scrollTop = Math.max(0, (Number(line) - 8) * 21.6);
});
text.addEventListener('keydown', event => {
  if ((event.ctrlKey || event.metaKey) && event.key === 'Enter') text.form.requestSubmit();
});
number();
})();
