// The page of an execution: choose a step without leaving the page, walk the graph with the arrow
// keys, move through time, let bars grow. Every one of them is a link or a form without a script.
(() => {
'use strict';

const split = document.querySelector('[data-execution]');
if (!split) return;
const id = split.dataset.execution, base = `/executions/${id}`, left = document.getElementById('left');
const PLAY_MS = 700, GROW_MS = 250, AGAIN_MS = 3_000;
document.documentElement.classList.add('scripted');

// choosing a step: only the panel is fetched
const STAYS = new Set(['step', 'attempt', 'view', 'against', 'follow']);

function asked(link) {
  const now = new URLSearchParams(location.search), then = new URLSearchParams(link.getAttribute('href').replace(/#.*/, ''));
  if (!link.closest('.dag')) return then;
  for (const name of ['attempt', 'against', 'follow']) now.delete(name);  // a drawing knows its step alone
  now.set('step', then.get('step'));
  return now;
}

function isNear(then) {
  const now = new URLSearchParams(location.search);
  return [...new Set([...now.keys(), ...then.keys()])].every(name => STAYS.has(name) || now.get(name) === then.get(name));
}

function mark() {
  const chosen = document.getElementById('step')?.dataset.step ?? '';
  for (const one of left.querySelectorAll('a.n, a.g, #steps tr')) {
    const state = one.querySelector('[data-path]');
    const name = one.dataset.step ?? state?.dataset.path ?? one.querySelector('a.row')?.dataset.step;
    if (chosen && name === chosen) one.setAttribute('aria-current', 'true'); else one.removeAttribute('aria-current');
  }
}

// The drawing may have less room beside the panel: what was chosen stays in sight.
function bring(chosen) {
  const region = chosen?.closest('.canvas');
  if (!region) return;
  const {left: from, right: to} = chosen.getBoundingClientRect(), box = region.getBoundingClientRect();
  if (to > box.right - 12) region.scrollLeft += to - box.right + 24;
  else if (from < box.left + 12) region.scrollLeft -= box.left + 24 - from;
}

document.addEventListener('click', event => {
  if (event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || event.defaultPrevented) return;
  const link = event.target.closest('a[href^="?"]');
  if (!link || !split.contains(link) && !link.closest('.undo')) return;
  const then = asked(link);
  if (!isNear(then)) return;
  event.preventDefault();
  const wasOpen = !!document.getElementById('step');
  left.setAttribute('hx-get', `/ui${base}/main?${then}`);
  // from #side: of two that were chosen quickly the later one is shown
  htmx.ajax('GET', `/ui${base}/panel?${then}`, {source: '#side', target: '#side'}).then(() => {
    mark();
    bring(left.querySelector('.dag a.n[aria-current]'));
    const step = document.getElementById('step');
    if (step && !wasOpen && step.getBoundingClientRect().top > innerHeight - 120) step.scrollIntoView({block: 'start'});
  });
});
document.addEventListener('htmx:after:swap', mark);
addEventListener('popstate', () => location.reload());

// the arrow keys go to the next step in that direction
const TOWARDS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};

function middle(element) {
  const box = element.getBoundingClientRect();
  return [box.x + box.width / 2, box.y + box.height / 2];
}

document.addEventListener('keydown', event => {
  const from = event.target.closest?.('.dag a.n'), way = TOWARDS[event.key];
  if (!from || !way || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  const [x, y] = middle(from);
  let best = null, least = Infinity;
  for (const one of from.closest('.dag').querySelectorAll('a.n')) {
    const [a, b] = middle(one), along = (a - x) * way[0] + (b - y) * way[1];
    const aside = Math.abs((a - x) * way[1]) + Math.abs((b - y) * way[0]);
    const far = along + 2 * aside;
    if (one !== from && along > 4 && far < least) [best, least] = [one, far];
  }
  best?.focus();
});

// time
let playing = 0, going = false, wished = null;

function now() { return document.getElementById('when')?.dataset ?? {}; }

function range() { return document.getElementById('at'); }

async function go(at) {
  const query = new URLSearchParams(location.search);
  query.set('at', at);
  // While it runs, the stream tells of now: the past is a page of its own.
  if (!split.dataset.over && !new URLSearchParams(location.search).has('at')) { location.search = query; return; }
  wished = at;
  if (going) return;
  going = true;
  try {
    while (wished !== null) {
      query.set('at', wished);
      wished = null;
      history.replaceState(history.state, '', `${base}?${query}`);
      left.setAttribute('hx-get', `/ui${base}/main?${query}`);
      await htmx.ajax('GET', `/ui${base}/main?${query}`, {target: '#asof', select: '#asof', swap: 'outerMorph'});
    }
  } finally {
    going = false;
  }
  mark();
}

function stop() {
  clearInterval(playing);
  playing = 0;
  document.getElementById('play')?.setAttribute('aria-pressed', 'false');
}

function step() {
  if (going) return;
  const next = now().next;
  if (!next) return stop();
  range().value = next;
  go(next);
}

document.addEventListener('input', event => {
  if (event.target.id !== 'at' || (!split.dataset.over && !now().past)) return;
  stop();
  go(event.target.value);
});
document.addEventListener('change', event => {
  if (event.target.id === 'at') go(event.target.value);
});
document.addEventListener('click', event => {
  const button = event.target.closest('#play');
  if (!button) return;
  if (playing) return stop();
  button.setAttribute('aria-pressed', 'true');
  if (!now().past || !now().next) {
    const first = button.form.dataset.first;
    range().value = first;
    if (!split.dataset.over && !now().past) sessionStorage.setItem('play', id);
    go(first);
  }
  playing = setInterval(step, PLAY_MS);
});

if (sessionStorage.getItem('play') === id && now().past) {
  sessionStorage.removeItem('play');
  document.getElementById('play')?.click();
}

// bars grow until there is no more room; then the chart is asked for anew
let asked_ = 0;

function grow() {
  const chart = document.querySelector('.gantt:has([data-grows])');
  if (!chart || now().past) return;
  const bars = chart.querySelectorAll('[data-grows]');
  if (!chart.dataset.since) {  // a new one, or one that was changed in its place
    chart.dataset.since = Date.now();
    for (const bar of bars) bar.dataset.was = bar.getAttribute('width');
  }
  const more = Number(chart.dataset.px) * (Date.now() - Number(chart.dataset.since)), limit = Number(chart.dataset.limit);
  let full = false;
  for (const bar of bars) {
    const room = limit - Number(bar.dataset.grows), wide = Number(bar.dataset.was) + more;
    full ||= wide > room;
    bar.setAttribute('width', Math.min(room, wide).toFixed(1));
  }
  if (!full || going || Date.now() - asked_ < AGAIN_MS) return;
  asked_ = Date.now();
  htmx.ajax('GET', `/ui${base}/main${location.search}`, {target: '#asof', select: '#asof', swap: 'outerMorph', headers: {'X-Again': 'yes'}});
}

setInterval(grow, GROW_MS);
mark();
})();
