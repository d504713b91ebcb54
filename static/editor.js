// The text of a definition: the one truth that the editor, the canvas and the form share.
//
// `orchestraText` works over the bare textarea at once; CodeMirror takes its place once it is there
// (`adopt`), and keeps the textarea in step. After each check `orchestra:findings` is told.
(() => {
'use strict';

const DRAFT_MS = 2_000, SEND_MS = 5_000, FILE_MAX = 1_048_576, KEEPALIVE_MAX = 60_000;
const area = document.querySelector('textarea[name=definition]');
if (!area) return;
const listeners = new Set();

// over the bare textarea
const plain = {
  get: () => area.value,

  // By the browser's own command: so it is one step of its undo history.
  edit(from, to, insert) {
    const before = document.activeElement, {scrollTop} = area;
    area.focus({preventScroll: true});
    area.setSelectionRange(from, to);
    const done = insert ? document.execCommand('insertText', false, insert)
      : from === to || document.execCommand('delete');
    if (!done) {
      area.setRangeText(insert, from, to, 'end');
      area.dispatchEvent(new Event('input', {bubbles: true}));
    }
    area.scrollTop = scrollTop;
    if (before && before !== area) before.focus({preventScroll: true});
  },

  undo() { area.focus({preventScroll: true}); document.execCommand('undo'); },
  redo() { area.focus({preventScroll: true}); document.execCommand('redo'); },

  select(from, to) {
    area.focus();
    area.setSelectionRange(from, to);
    const line = area.value.slice(0, from).split('\n').length;
    area.scrollTop = Math.max(0, (line - 8) * 21.6);
  },
};

let text = plain;
window.orchestraText = {
  /** What is written now. */
  get: () => text.get(),
  /** Put `insert` in place of what stands from `from` to `to`: one step to undo. */
  edit: (from, to, insert) => text.edit(from, to, insert),
  /** Take the last edit back, or do it again; another editor than the bare text has these, too. */
  undo: () => text.undo(),
  redo: () => text.redo(),
  /** Show a stretch of the text, and put the focus there. */
  select: (from, to) => text.select(from, to),
  /** Call `listener(text)` after each change; the answer is a function that stops that. */
  onChange(listener) {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
  /** What the last check found. */
  findings: [],
  /** Another editor takes over. */
  adopt(other) { text = other; },
};
area.addEventListener('input', () => { for (const listener of listeners) listener(text.get()); });

// line numbers, as long as there is nothing better
const gutter = document.createElement('pre');
gutter.className = 'gutter';
gutter.setAttribute('aria-hidden', 'true');
area.before(gutter);

function number() {
  const lines = area.value.split('\n').length;
  if (Number(gutter.dataset.lines) === lines) return;
  gutter.dataset.lines = lines;
  gutter.textContent = Array.from({length: lines}, (_, i) => i + 1).join('\n');
}

area.addEventListener('input', number);
area.addEventListener('scroll', () => { gutter.scrollTop = area.scrollTop; });
number();

// findings: told to whoever listens, and each leads to its place
function offset(line, column) {
  let at = 0;
  for (let now = 1; now < line; now += 1) {
    const end = text.get().indexOf('\n', at);
    if (end < 0) return text.get().length;
    at = end + 1;
  }
  return Math.min(at + column - 1, text.get().length);
}

function tell() {
  const told = document.getElementById('findings');
  const findings = told ? JSON.parse(told.dataset.findings) : [];
  for (const one of findings) {
    if (!one.range) continue;
    one.from = offset(one.range.line, one.range.column);
    one.to = Math.max(one.from, offset(one.range.end_line, one.range.end_column));
  }
  window.orchestraText.findings = findings;
  document.dispatchEvent(new CustomEvent('orchestra:findings', {detail: {findings}}));
}

document.addEventListener('htmx:after:swap', event => {
  if (event.detail?.ctx?.target?.id === 'checked') tell();
});
document.addEventListener('DOMContentLoaded', tell);

document.addEventListener('click', event => {
  const to = event.target.closest('[data-line]');
  if (!to) return;
  event.preventDefault();
  const {line, column, endLine, endColumn} = to.dataset;
  const from = offset(Number(line), Number(column));
  text.select(from, Math.max(from + 1, offset(Number(endLine), Number(endColumn))));
});
const form = area.form;
form.addEventListener('keydown', event => {
  if ((event.ctrlKey || event.metaKey) && event.key === 'Enter') form.requestSubmit(form.querySelector('button[data-save]'));
});

// a fix: the server says which edit it is, and the text makes it
async function fix(which) {
  const sent = text.get(), body = new URLSearchParams(new FormData(form));
  body.set('fix', which);
  const answer = await fetch('/ui/editor/fix', {method: 'POST', body, headers: {accept: 'application/json'}});
  if (!answer.ok || text.get() !== sent) return;
  const {edit} = await answer.json();
  if (edit) text.edit(edit.from, edit.to, edit.insert);
}

form.addEventListener('submit', event => {
  if (event.submitter?.name !== 'fix') return;
  event.preventDefault();
  fix(event.submitter.value);
});

// a draft: 2 s after a change, and when the page is left; one after the other, each of the revision
// that the one before made, so that no two pages overwrite each other's. What could not be kept is
// tried again, and who leaves with it is asked.
const kept = document.getElementById('kept'), draft = form.elements.draft;
const NOT_KEPT = 'The draft could not be kept';
const REASONS = {401: ': you are signed out', 403: ': you may not', 413: ': it is too long', 422: ': it is too long'};
let waiting = 0, line = Promise.resolve(), sending = 0, under = null, left = false;
let last = area.dataset.unkept === undefined ? text.get() : null;
const doubts = new Set();  // what was sent, and nobody knows whether it came
let trouble = false, foreign = false;

function say(said, wrong = false) {
  trouble = wrong;
  kept.textContent = said;
  kept.className = wrong ? 'toned' : 'dim';
}

function later(ms) {
  clearTimeout(waiting);
  waiting = setTimeout(keep, ms);
}

function packed() {
  const body = new URLSearchParams(new FormData(form));
  body.set('definition', text.get());
  return body;
}

// Whether the draft that is there is one of which nobody knew whether it came.
async function came() {
  const answer = await fetch(`/api/workflows/${form.elements.workflow.value || 'new'}/draft`, {signal: AbortSignal.timeout(SEND_MS)});
  const one = await answer.json();
  if (answer.ok && !doubts.has(one.definition.replaceAll('\r\n', '\n'))) return false;
  if (one.revision === undefined) return false;
  draft.value = one.revision;
  return true;
}

async function send(leaving) {
  const now = text.get();
  if (now === last || (leaving && now === under)) return;
  const body = packed();
  if (leaving && sending && !foreign) body.set('draft', '');  // whatever becomes of what is on its way
  under = now;
  try {
    const answer = await fetch('/ui/editor/draft', {method: 'POST', body,
      signal: AbortSignal.timeout(SEND_MS), keepalive: body.toString().length < KEEPALIVE_MAX});
    if (answer.status === 204) {
      last = now;
      doubts.clear();
      foreign = false;
      draft.value = answer.headers.get('etag').replaceAll('"', '');
      say('Draft kept');
    } else if (answer.status === 412 && doubts.size && await came()) {
      doubts.clear();
      under = null;
      await send();
    } else if (answer.status === 412) {
      foreign = true;
      say('Another page keeps a draft of this: save to keep what is here', true);
    } else {
      const status = answer.redirected ? 401 : answer.status;
      if (status >= 500) doubts.add(now);
      say(NOT_KEPT + (REASONS[status] ?? ''), true);
      if (!waiting && status !== 413 && status !== 422) later(SEND_MS);
    }
  } catch {
    doubts.add(now);
    say(`${NOT_KEPT}: no connection`, true);
    if (!waiting) later(SEND_MS);
  } finally { under = null; }
}

// Who leaves cannot wait.
function keep(leaving) {
  clearTimeout(waiting);
  waiting = 0;
  if (leaving && sending) {
    send(true);
    return;
  }
  sending += 1;
  line = line.then(() => send()).finally(() => { sending -= 1; });
}

function leave() { if (!left && text.get() !== last) keep(true); }

window.orchestraText.onChange(() => {
  if (!trouble) say('');
  left = false;
  later(DRAFT_MS);
});
if (last === null) later(DRAFT_MS);
document.addEventListener('visibilitychange', () => { if (document.hidden) leave(); });
window.addEventListener('pagehide', leave);
window.addEventListener('online', () => { if (trouble) keep(); });
window.addEventListener('beforeunload', event => {
  if (left || text.get() === last) return;
  if (trouble || packed().toString().length >= KEEPALIVE_MAX) event.preventDefault();
});

// The page is left with all that is written, or with the wish to forget it: nothing more is kept.
document.addEventListener('submit', event => {
  const discards = event.target.getAttribute('action') === '/ui/editor/discard';
  if ((event.target !== form && !discards) || event.submitter?.name === 'fix') return;
  clearTimeout(waiting);
  waiting = 0;
  left = !sending;
  if (discards) event.target.elements.draft.value = draft.value;
  if (!sending) return;
  event.preventDefault();
  line.then(() => event.target.requestSubmit(event.submitter));
}, true);  // before the one that lets nothing be sent twice

// a file, and order
function whole(made) { text.edit(0, text.get().length, made); }

const open = form.querySelector('[data-open]'), format = form.querySelector('[data-format]');
open.hidden = format.hidden = false;
open.addEventListener('click', () => {
  const picker = document.createElement('input');
  picker.type = 'file';
  picker.accept = '.json,application/json';
  picker.addEventListener('change', async () => {
    const [file] = picker.files;
    if (file && file.size > FILE_MAX) kept.textContent = 'The file is larger than 1 MiB';
    else if (file) whole(await file.text());
  });
  picker.click();
});
format.addEventListener('click', () => {
  try { whole(`${JSON.stringify(JSON.parse(text.get()), null, 2)}\n`); } catch { kept.textContent = 'It cannot be read as JSON yet'; }
});

// CodeMirror, when it has come
async function load() {
  const answers = await Promise.all(['/api/workflows/schema', '/ui/editor/words'].map(one => fetch(one)));
  const [schema, words] = await Promise.all(answers.map(one => one.json()));
  return {schema, words: {...words, ...schema['x-expressions']}};
}

async function better() {
  const {code, completion, library} = area.dataset;
  const [cm, {mount}, {completer}] = await Promise.all([library, code, completion].map(one => import(one)));
  window.orchestraText.adopt(mount(cm, area, {
    complete: completer(load), fix, save: () => form.requestSubmit(form.querySelector('button[data-save]')),
  }));
  gutter.remove();
  tell();
}

if (area.dataset.library) better();

// The canvas comes when its tab is opened first. Until it is there, only the address says which tab.
const wanted = () => new URLSearchParams(location.search).get('view') === 'builder';
let canvas = document.getElementById('canvas')?.dataset.scripts;

function bring() {
  if (!canvas || !wanted()) return;
  for (const src of canvas.split(' ')) {
    const script = document.createElement('script');
    script.src = src;
    script.async = false;  // one after the other
    document.body.append(script);
  }
  canvas = '';
}
document.addEventListener('click', event => {
  const tab = event.target.closest('[data-view]');
  if (!tab || event.ctrlKey || event.metaKey || event.shiftKey || window.orchestraBuilder) return;
  event.preventDefault();
  const address = new URL(location);
  address.searchParams.set('view', tab.dataset.view);
  history.replaceState(null, '', address);
  bring();
});
bring();
})();
