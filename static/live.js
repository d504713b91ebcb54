// Every page's script: is it live, what time is it here, what do the keys do.
//
// The sse extension of htmx reconnects by itself once it was connected, but gives up when the very
// first request fails: that is handled here, and polling when nothing else works. Scripts stand at
// the end of the body, this one first, none deferred: see docs/dashboard.md.
(() => {
'use strict';

const POLL_MS = 5_000, AGAIN_MS = 2_000, AGAIN_MS_MAX = 10_000, POLL_AFTER_FAILURES = 3, TOAST_MS = 6_000, BUSY_MS = 300;
const SIGN_IN = '/ui/login', stream = document.getElementById('live'), toasts = document.getElementById('toasts');
let failures = 0, polling = 0;

// the stream
function say(state) {
  if (stream.dataset.state === state) return;
  stream.dataset.state = state;
  stream.textContent = state;
}

const lost = document.getElementById('lost');
let knownAt = Date.now();

async function probe() {
  if (stream.dataset.state === 'live') return;
  let there = false;
  try {
    there = (await fetch('/livez', {cache: 'no-store'})).ok;
  } catch { /* nobody there */ }
  if (stream.dataset.state === 'live') return;
  if (there) knownAt = Date.now();
  lost.hidden = there;
  const text = `Connection lost, showing what was known at ${new Date(knownAt).toLocaleTimeString(undefined, {hour12: false})}`;
  if (!there && lost.textContent !== text) lost.textContent = text;
}

function connected() {
  failures = 0;
  lost.hidden = true;
  clearInterval(polling);
  polling = 0;
  say('live');
  if (later) catchUp();
}

function failed() {
  if (!failures && stream.dataset.state === 'live') knownAt = Date.now();
  failures += 1;
  setTimeout(probe, 700);
  if (failures >= POLL_AFTER_FAILURES && !polling) {
    polling = setInterval(() => { htmx.trigger(stream, 'poll'); probe(); }, POLL_MS);
    htmx.trigger(stream, 'poll');
  }
  say(polling ? 'polling' : 'reconnecting');
}

function firstRequestFailed(event) {
  if (event.target !== stream) return;
  failed();
  const wait = Math.min(AGAIN_MS_MAX, 500 * 2 ** failures) * (0.7 + 0.6 * Math.random());
  setTimeout(() => htmx.trigger(stream, 'again'), wait);
}

if (stream) {
  stream.addEventListener('htmx:sse:after:connection', connected);
  stream.addEventListener('htmx:sse:error', failed);
  stream.addEventListener('htmx:error', firstRequestFailed);
  stream.addEventListener('htmx:response:error', firstRequestFailed);
  stream.addEventListener('signed-out', () => document.getElementById('again') || htmx.ajax('GET', SIGN_IN, '#dialog'));
  stream.addEventListener('fresh', event => {
    const more = document.getElementById('fresh');
    if (!more) return;
    more.dataset.count = Number(more.dataset.count || 0) + Number(event.detail.data);
    more.textContent = `${more.dataset.count} new · show`;
    more.hidden = false;
  });
}

// parts that ask anew by themselves: what cannot be had just now stays as it is, and is asked for again
const AWAY = [204, 429, 502, 503, 504], missed = new WeakSet(), addresses = new WeakMap(), knew = new WeakMap();
let later = 0, told = 0;
const byItself = ctx => ctx?.request?.headers['X-Again'] !== undefined;

function catchUp() {
  if (stream.dataset.state === 'reconnecting') return; // once it is there again
  clearTimeout(later);
  later = 0;
  htmx.trigger(stream, 'poll');
}

function askLater() {
  later ||= setTimeout(catchUp, AGAIN_MS * (0.7 + 0.6 * Math.random()));
}

function miss(ctx) {
  missed.add(ctx);
  askLater();
}

document.addEventListener('htmx:config:request', ({detail: {ctx}}) => {
  if (!stream || ctx.sourceEvent?.target !== stream || ctx.sourceElement === stream) return;
  ctx.request.headers['X-Again'] = 'yes';
  addresses.set(ctx, ctx.sourceElement.getAttribute('hx-get'));
});
// what the stream told while an answer was on its way may be newer than that, and is told once
stream?.addEventListener('htmx:sse:after:message', ({detail}) => { if (!detail.message.event) told += 1; });
document.addEventListener('htmx:before:request', ({detail: {ctx}}) => {
  if (addresses.has(ctx)) setTimeout(() => knew.set(ctx, told)); // what else is in the same message is as old
});
document.addEventListener('htmx:after:swap', ({detail: {ctx}}) => {
  if (knew.has(ctx) && knew.get(ctx) !== told) askLater();
});
document.addEventListener('htmx:after:request', ({detail: {ctx}}) => {
  if (byItself(ctx) && AWAY.includes(ctx.response.status)) miss(ctx);
});
document.addEventListener('htmx:before:swap', event => {
  const {ctx} = event.detail;
  if (missed.has(ctx)) return event.preventDefault();
  if (!addresses.has(ctx) || addresses.get(ctx) === ctx.sourceElement.getAttribute('hx-get')) return;
  event.preventDefault(); // it shows something else by now
  miss(ctx);
});

// times, as they are where the viewer is
function local(root) {
  for (const time of root.querySelectorAll('time[datetime]:not([title])')) {
    const at = new Date(time.dateTime);
    if (isNaN(at)) continue;
    time.title = time.dateTime;
    const near = time.dataset.form === 'near' && at.toDateString() === new Date().toDateString();
    time.textContent = near || time.dataset.form === 'clock'
      ? at.toLocaleTimeString(undefined, {hour12: false})
      : at.toLocaleString(undefined, {dateStyle: 'medium', timeStyle: 'short', hour12: false});
  }
}

function duration(ms) {
  const s = ms / 1_000;
  if (s < 60) return `${s.toFixed(1)} s`;
  const m = Math.floor(s / 60);
  return m < 60 ? `${m} m ${String(Math.floor(s % 60)).padStart(2, '0')} s` : `${Math.floor(m / 60)} h ${m % 60} m`;
}

function tick() {
  for (const one of document.querySelectorAll('[data-since]')) {
    one.textContent = duration(Math.max(0, Date.now() - Date.parse(one.dataset.since)));
  }
}

local(document);
setInterval(tick, 500);
// a morph takes the title away, which is ours, and writes UTC again
new MutationObserver(() => local(document)).observe(document.body, {childList: true, subtree: true, attributes: true, attributeFilter: ['datetime', 'title']});

// what somebody opened stays open as fresh rows come; what is to be seen is opened all the same
document.addEventListener('DOMContentLoaded', () => window.htmx?.registerExtension('opened', {
  htmx_before_morph_attr: (_, {attrName, newValue}) => attrName !== 'open' || newValue !== null,
}));

// toasts go by themselves; those of a broken answer are made here
function toast(title, text) {
  const box = document.createElement('div'), head = document.createElement('b');
  box.className = 'toast';
  box.dataset.tone = 'red';
  box.setAttribute('role', 'alert');
  head.textContent = title;
  box.append(head, text);
  toasts.append(box);
}

new MutationObserver(changes => {
  for (const change of changes) {
    for (const box of change.addedNodes) if (box.nodeType === 1) setTimeout(() => box.remove(), TOAST_MS);
  }
}).observe(toasts, {childList: true});

document.addEventListener('htmx:before:swap', event => {
  const {ctx} = event.detail;
  if (ctx?.response && document.getElementById('again') && (ctx.response.status === 401 || ctx.request.action === SIGN_IN && ctx.request.method === 'GET')) {
    return event.preventDefault(); // it is asked for already, and perhaps half typed
  }
  if (!ctx?.response || event.defaultPrevented || ctx.sourceElement === stream || ctx.response.status < 400 || ctx.response.status === 422) return;
  if (ctx.response.headers.get('HX-Retarget')) return;
  event.preventDefault();
  toast('That did not work', `The server answered ${ctx.response.status}.`);
});
document.addEventListener('htmx:error', event => {
  const {ctx} = event.detail;
  if (byItself(ctx)) miss(ctx);
  else if (event.target !== stream) toast('The server cannot be reached', 'Nothing was changed. Try again.');
});

// what takes longer than 300 ms is said; what was there stays meanwhile
const slow = new WeakMap();
document.addEventListener('htmx:before:request', event => {
  const {ctx} = event.detail;
  if (ctx?.sourceElement === stream || !(ctx?.target instanceof Element)) return;
  slow.set(ctx, setTimeout(() => ctx.target.setAttribute('aria-busy', 'true'), BUSY_MS));
});
document.addEventListener('htmx:finally:request', event => {
  const {ctx} = event.detail;
  clearTimeout(slow.get(ctx));
  if (ctx?.target instanceof Element) ctx.target[missed.has(ctx) ? 'setAttribute' : 'removeAttribute']('aria-busy', 'true');
});

// a form that is sent is not sent again while its answer is awaited
const AWAITED_MS = 10_000;
document.addEventListener('submit', event => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== 'post') return;
  if (form.dataset.sent) return event.preventDefault();
  form.dataset.sent = 'yes';
  setTimeout(() => delete form.dataset.sent, AWAITED_MS);
});
window.addEventListener('pageshow', () => {
  for (const form of document.querySelectorAll('form[data-sent]')) delete form.dataset.sent;
});

// dialogs: fetched into #dialog, shown at once, the focus goes back
const dialog = document.getElementById('dialog'), calls = new WeakSet();
let call = null;
document.addEventListener('htmx:before:request', event => {
  const {ctx} = event.detail;
  if (ctx?.target !== dialog) return;
  // a link pressed twice: perhaps something is typed already in what the first one brought
  if (dialog.open && ctx.sourceElement.matches('a') && !dialog.contains(ctx.sourceElement)) return event.preventDefault();
  calls.add(ctx);
  call = ctx;
});
document.addEventListener('htmx:before:swap', event => {
  const {ctx} = event.detail;
  if (calls.has(ctx) && ctx !== call) event.preventDefault(); // something else was asked for since
});
document.addEventListener('htmx:after:swap', () => {
  const again = dialog.querySelector('[data-token]');
  if (again) { // signed in again: the forms of this page go on with the new token
    for (const field of document.querySelectorAll('input[name=csrf]')) field.value = again.dataset.token;
    document.body.setAttribute('hx-headers:inherited', JSON.stringify({'X-CSRF-Token': again.dataset.token}));
    delete again.dataset.token;
    if (stream) htmx.trigger(stream, 'again');
  }
});
new MutationObserver(() => { // what came into it shows it, not what came elsewhere while it was closing
  if (dialog.childElementCount && !dialog.open) dialog.showModal();
}).observe(dialog, {childList: true});
let pressed = null; // a text that is selected beyond the edge of the dialog ends with a click, too
dialog.addEventListener('pointerdown', event => { pressed = event.target; });
dialog.addEventListener('click', event => {
  if (event.target === dialog && pressed === dialog || event.target.closest('[data-close]')) {
    event.preventDefault();
    dialog.close();
  }
});
dialog.addEventListener('submit', event => event.target.dataset.stay ?? dialog.close()); // at once: the answer may open it again
dialog.addEventListener('close', () => { if (!dialog.open) dialog.replaceChildren(); }); // comes late: perhaps it is open again

// a text onto the clipboard, also where the browser keeps that from plain http
document.addEventListener('click', async event => {
  const button = event.target.closest('[data-copy]');
  if (!button) return;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
  } catch {
    const field = document.createElement('textarea');
    field.value = button.dataset.copy;
    button.after(field);
    field.select();
    document.execCommand('copy');
    field.remove();
    button.focus();
  }
  button.dataset.done = 'yes';
  setTimeout(() => delete button.dataset.done, 1_500);
});

// keys: g and a letter goes somewhere, / searches, j and k walk through rows
const nav = document.querySelector('.nav'), fold = document.querySelector('.fold');
fold?.addEventListener('click', () => fold.setAttribute('aria-expanded', String(nav.toggleAttribute('data-wide'))));
let after = '';
document.addEventListener('keydown', event => {
  if (event.key === 'k' && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    if (dialog.open) dialog.close(); else document.querySelector('.find').click();
  }
  if (event.ctrlKey || event.metaKey || event.altKey || document.body.dataset.keys === 'off' || dialog.open || event.target.matches('input, textarea, select')) return;
  const key = event.key, was = after;
  after = key === 'g' ? 'g' : '';
  if (was === 'g') {
    const place = document.querySelector(`.nav a[data-key="${CSS.escape(key)}"]`);
    if (place) place.click();
  } else if (key === '?') {
    document.querySelector('[data-keys]')?.click();
  } else if (key === '/') {
    const field = document.querySelector('input[type=search]');
    if (field) { event.preventDefault(); field.focus(); }
  } else if (key === 'j' || key === 'k') {
    const rows = [...document.querySelectorAll('a.row')], at = rows.indexOf(document.activeElement);
    const next = rows[at + (key === 'j' ? 1 : -1)] ?? (at < 0 ? rows[0] : null);
    if (next) next.focus();
  }
});
})();
