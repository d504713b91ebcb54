// The canvas of the editor: the steps of one scope as nodes, of the text that stands beside it.
//
// It holds no copy: each change is one edit of the text (`orchestraText`), read again after it. Where
// steps stand lies beside the workflow; what nobody moved stands where the server would draw it.
(() => {
'use strict';

const host = document.getElementById('canvas'), text = window.orchestraText, json = window.orchestraJson;
if (!host || !text || !json) return;
const {parse, plain, get, Change, between} = json;
const W = 216, H = 64, GRID = 8, NUDGE = 16, MANY = 200, AGAIN_MS = 2_000, SVG = 'http://www.w3.org/2000/svg';
const ARROWS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};

function made(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) if (value !== undefined && value !== false) node.setAttribute(key, value === true ? '' : value);
  node.append(...children.filter(child => child || child === ''));
  return node;
}
const draw = (name, attributes = {}, ...children) => made(document.createElementNS(SVG, name), attributes, children);
const html = (name, attributes = {}, ...children) => made(document.createElement(name), attributes, children);
const icon = name => draw('svg', {class: 'i', 'aria-hidden': 'true'}, draw('use', {href: `#i-${name}`}));
const cut = (words, most) => words.length > most ? `${words.slice(0, most - 1)}…` : words;
const part = name => host.querySelector(`[data-part=${name}]`);

// what there is to see
let joined = null, source, root, broken = null, steps = [], list, trail = [], selected = null, linking = null, agents = {};
let positions = {}, places = {}, inferred = [], findings = [], shown = false, fitted = false, past = [], future = [];
const view = {x: 0, y: 0, k: 1};

const kindOf = value => typeof value.type === 'string' ? value.type : 'agent_type' in value || 'agent' in value || 'connector' in value ? 'agent' : 'transform';
const slug = name => String(name ?? '').toLowerCase().replace(/[^a-z0-9]+/g, '_').slice(0, 60).replace(/^_+|_+$/g, '');

/** The steps of a list, with the ids that they have or are given. */
function stepsOf(node, prefix, pointer) {
  const objects = (node?.items ?? []).map((item, index) => ({node: item, index})).filter(({node}) => node.kind === 'object');
  const taken = new Set(objects.map(({node}) => get(node, 'id')?.value));
  return objects.map(({node, index}) => {
    const value = plain(node), name = slug(value.name);
    let id = typeof value.id === 'string' ? value.id : '';
    if (!id) {
      const base = /^[a-z]/.test(name) ? name : `step_${index + 1}`;
      id = base;
      for (let n = 2; taken.has(id); n += 1) id = `${base}_${n}`;
      taken.add(id);
    }
    return {node, index, value, id, path: prefix + id, pointer: `${pointer}/${index}`, kind: kindOf(value)};
  });
}

/** The scopes inside a step. */
function scopesIn(step) {
  const found = [], add = (place, title, own = '') => found.push({place, title, prefix: `${step.path}/${own}`});
  (step.value.cases ?? []).forEach?.((one, i) => add(['cases', i, 'steps'], one?.name || `case ${i + 1}`));
  if (Array.isArray(step.value.default)) add(['default'], 'default');
  (step.value.branches ?? []).forEach?.((one, i) => add(['branches', i, 'steps'], one?.id || `branch ${i + 1}`, one?.id ? `${one.id}/` : ''));
  if (Array.isArray(step.value.on_error)) step.value.on_error.forEach((one, i) => { if (Array.isArray(one?.steps)) add(['on_error', i, 'steps'], `on error ${i + 1}`); });
  return found;
}
const at = (node, place) => place.reduce((here, key) => here && (here.kind === 'list' ? here.items[key] : get(here, key)), node);

/** Read the text again; the scope that is open stays open as long as it is there. */
function read(force) {
  const now = text.get();
  if (now === source && !force) return;
  source = now;
  try {
    root = now.trim() ? parse(now) : null;
    if (root && root.kind !== 'object') throw Object.assign(new Error('a workflow is an object'), {line: 1, at: 0});
    broken = null;
  } catch (error) { broken = error; }
  if (!broken) find();
  paint();
  soon();
}

function find() {
  joined = null;
  let prefix = '', pointer = '/steps';
  list = get(root, 'steps');
  steps = stepsOf(list, prefix, pointer);
  for (let i = 0; i < trail.length; i += 1) {
    const step = steps.find(one => one.id === trail[i].id), scope = step && scopesIn(step).find(one => one.place.join() === trail[i].place.join());
    if (!scope) { trail.length = i; break; }
    Object.assign(trail[i], {step, title: scope.title, siblings: scopesIn(step)});
    pointer = `${step.pointer}/${scope.place.join('/')}`;
    list = at(step.node, scope.place);
    steps = stepsOf(list, scope.prefix, pointer);
  }
  if (!one(selected)) selected = null;
  if (!one(linking)) linking = null;
}

const one = path => steps.find(step => step.path === path);
const needs = step => ['depends_on', 'dependencies'].find(key => key in step.value);
const idle = () => !steps.some(needs);
const before = step => [step.value[needs(step)] ?? []].flat();

/** [from, to, kind] of each edge of this scope. */
const edges = () => joined ??= joinedNow();
function joinedNow() {
  if (idle()) return steps.slice(1).map((step, i) => [steps[i], step, 'order']);
  const byId = new Map(steps.map(step => [step.id, step])), byPath = new Map(steps.map(step => [step.path, step]));
  const written = steps.flatMap(step => before(step).filter(id => byId.has(id)).map(id => [byId.get(id), step, 'declared']));
  const known = new Set(written.map(([a, b]) => `${a.path}>${b.path}`));
  const implied = inferred.filter(([a, b]) => byPath.has(a) && byPath.has(b) && !known.has(`${a}>${b}`));
  return [...written, ...implied.map(([a, b]) => [byPath.get(a), byPath.get(b), 'inferred'])];
}

function place(step) {
  const found = positions[step.path] ?? places[step.path] ?? step.spot;
  if (found) return found;
  const last = edges().find(([, to]) => to === step)?.[0], index = steps.indexOf(step);
  const near = last && last !== step && (positions[last.path] ?? places[last.path]);
  return (step.spot = near ? [near[0] + W + 64, near[1]] : [(index % 5) * (W + 64), Math.floor(index / 5) * (H + 32)]);
}

// changing

function say(words) { part('status').textContent = words; }

/** One change: one edit of the text, one step to undo. */
function edit(label, change, then) {
  if (broken) { say(`Line ${broken.line} cannot be read: put that right first`); return; }
  const all = new Change(source);
  change(all);
  put(all.done(), label, then);
}

function put(cut, label, then) {
  const inside = part('svg').contains(document.activeElement);
  if (cut) text.edit(...cut);
  then?.();
  read(true);
  if (inside) focus();
  say(label);
}

function reaches(from, to, seen = new Set()) {
  if (from === to) return true;
  seen.add(from);
  return edges().some(([a, b]) => a === from && !seen.has(b) && reaches(b, to, seen));
}

/** Every `depends_on` written down, so that a list in order becomes the same graph. */
function written() {
  return new Map(steps.map((step, i) => [step, idle() ? steps.slice(Math.max(0, i - 1), i).map(one => one.id) : before(step)]));
}

/** Write what changed of `wish`, a list of ids for each step. */
function depend(change, wish) {
  const all = idle();
  for (const step of steps) {
    const ids = wish.get(step);
    if (ids && (all || ids.join() !== before(step).join())) change.set(step.node, needs(step) ?? 'depends_on', ids);
  }
}

function toggle(from, to) {
  if (from === to) { say('A step cannot depend on itself'); return; }
  const there = edges().find(([a, b]) => a === from && b === to);
  if (there?.[2] === 'inferred') { say(`${to.id} reads what ${from.id} made: change its input to part them`); return; }
  if (!there && reaches(to, from)) { say(`${to.id} already comes before ${from.id}: that would be a cycle`); return; }
  edit(there ? `Disconnected ${from.id} from ${to.id}` : `Connected ${from.id} to ${to.id}`, change => {
    const wish = written(), ids = wish.get(to);
    wish.set(to, there ? ids.filter(id => id !== from.id) : [...ids, from.id]);
    depend(change, wish);
  });
}

function free(base) {
  const taken = new Set([...steps, ...trail.map(one => one.step)].map(step => step.id));
  let id = base;
  for (let n = 2; taken.has(id); n += 1) id = `${base.replace(/_\d+$/, '')}_${n}`;
  return id;
}

const KINDS = {
  agent: (id, type = Object.keys(agents)[0] ?? 'text_processor', task = agents[type]?.[0]) => ({id, agent_type: type, ...task && {task_type: task}, input_data: {}}),
  transform: id => ({id, type: 'transform', input_data: {}}),
  set: id => ({id, type: 'set', vars: {}}),
  emit: id => ({id, type: 'emit', event_type: 'something.happened', payload: {}}),
  wait: id => ({id, type: 'wait', for: '1m'}),
  switch: id => ({id, type: 'switch', cases: [{name: 'yes', when: 'true', steps: [{id: `${id}_yes`, type: 'transform', input_data: {}}]}], default: [{id: `${id}_no`, type: 'transform', input_data: {}}]}),
  parallel: id => ({id, type: 'parallel', branches: ['one', 'two'].map(branch => ({id: branch, steps: [{id: `${id}_${branch}`, type: 'transform', input_data: {}}]}))}),
};

/** A new step: after the one that is chosen, on the edge it was dropped on, or by itself. */
function add({kind, type, task}, spot, edge) {
  const id = free(task ? slug(task) : kind), step = KINDS[kind](id, type, task), after = edge?.[0] ?? (spot ? null : one(selected));
  const path = steps.length ? steps[0].path.slice(0, -steps[0].id.length) + id : (trail.length ? trail.at(-1).prefix : '') + id;
  edit(`Added ${id}`, change => {
    if (!idle()) {
      step.depends_on = after ? [after.id] : [];
      if (edge) depend(change, new Map([[edge[1], before(edge[1]).map(name => name === after.id ? id : name)]]));
    }
    const index = after ? after.index + 1 : list?.items.length ?? 0;
    if (!root) change.put(0, source.length, json.written({name: 'my-workflow', steps: [step]}));
    else if (list) change.insert(list, index, step);
    else change.set(root, 'steps', [step]);
  }, () => {
    if (spot) positions[path] = spot.map(v => Math.round(v / GRID) * GRID);
    else if (after && positions[after.path]) positions[path] = clear([positions[after.path][0] + W + 64, positions[after.path][1]]);
    if (positions[path]) keep();
    selected = path;
  });
  focus();
  return id;
}

/** The next place below that no step covers. */
function clear([x, y]) {
  const covered = () => steps.some(step => { const [a, b] = place(step); return Math.abs(a - x) < W && Math.abs(b - y) < H; });
  while (covered()) y += H + 32;
  return [x, y];
}

/** Ids that follow from the order are written down before the order changes. */
function name(change, from) {
  for (const step of steps.slice(from)) if (!step.value.id) change.set(step.node, 'id', step.id);
}

function remove(step) {
  const next = steps[steps.indexOf(step) - 1] ?? steps[steps.indexOf(step) + 1];
  edit(`Removed ${step.id}`, change => {
    name(change, steps.indexOf(step) + 1);
    if (!idle()) depend(change, new Map(steps.filter(other => other !== step).map(other => [other, before(other).filter(id => id !== step.id)])));
    change.remove(list, step.index);
  }, () => { selected = next?.path ?? null; });
}

function duplicate(step) {
  const id = free(step.id), copy = {...step.value.id ? {} : {id}, ...step.value, id};
  edit(`Duplicated ${step.id} as ${id}`, change => {
    name(change, steps.indexOf(step) + 1);
    change.insert(list, step.index + 1, copy);
  }, () => {
    const [x, y] = place(step), path = step.path.slice(0, -step.id.length) + id;
    positions[path] = clear([x, y + H + 32]);
    selected = path;
    keep();
  });
}

/** Called by the inspector: a value at a path of keys in the step, or in the workflow. */
function set(node, keys, value, label) {
  edit(label, change => {
    let here = node;
    for (const [i, key] of keys.entries()) {
      const below = at(here, [key]);
      if (i === keys.length - 1) {
        if (value === undefined && i && here.members?.length === 1 && below) return change.set(at(node, keys.slice(0, i - 1)), keys[i - 1], undefined);
        return here.kind === 'list' ? value === undefined ? change.remove(here, key) : below ? change.replace(below, value) : change.insert(here, here.items.length, value) : change.set(here, key, value);
      }
      if (!below || below.kind === 'value') {
        const rest = keys.slice(i + 1).reduceRight((inner, name) => typeof name === 'number' ? [inner] : {[name]: inner}, value);
        return value === undefined ? undefined : change.set(here, key, rest);
      }
      here = below;
    }
    return undefined;
  });
}

async function rename(step, to) {
  const sent = source, answer = await ask('rename', {definition: sent, step: step.path, to});
  const wrong = !answer ? 'The server did not answer' : text.get() === sent ? answer.problem : 'The text was changed meanwhile: rename it again';
  if (wrong) { say(wrong); paint(); return; }
  const path = step.path.slice(0, -step.id.length) + to;
  for (const [old, spot] of Object.entries({...places, ...positions})) {
    if (old === step.path || old.startsWith(`${step.path}/`)) (old in positions ? positions : places)[path + old.slice(step.path.length)] = spot;
  }
  for (const open of trail) if (open.step === step) open.id = to;
  selected = path;
  put(between(text.get(), answer.definition), `Renamed ${step.id} to ${to}`);
  keep();
}

function move(step, to) {
  past.push({text: source, path: step.path, from: positions[step.path], to});
  if (past.length > MANY) past.shift();
  future = [];
  positions[step.path] = to;
  keep();
  say(`Moved ${step.id}`);
}

/** The last move when nothing was written since, else the last edit of the text. */
function undo(from = past, to = future, back = true) {
  const last = from.at(-1);
  if (last?.text === source) {
    to.push(from.pop());
    const spot = back ? last.from : last.to;
    if (spot) positions[last.path] = spot; else delete positions[last.path];
    keep();
    paint();
  } else {
    const inside = part('svg').contains(document.activeElement);
    text[back ? 'undo' : 'redo']?.();
    read(true);
    if (inside || selected) focus();
  }
  say(back ? 'Undone' : 'Done again');
}
const redo = () => undo(future, past, false);

function tidy() {
  for (const step of steps) delete positions[step.path];
  past = [];
  keep();
  fit();
  say('Every step stands where it is put by itself');
}

// asking the server

const csrf = document.querySelector('form [name=csrf]')?.value ?? '';
async function ask(what, fields, options = {}) {
  try {
    const answer = await fetch(`/ui/editor/${what}`, {method: 'POST', body: new URLSearchParams({csrf, ...fields}), ...options});
    return answer.ok ? await answer.json() : isAway(answer) ? null : false;
  } catch { return null; }
}
const isAway = ({status}) => status === 429 || status >= 500;

let timer, turn = 0, seen = new Set();
function soon(wait = 200) {
  clearTimeout(timer);
  turn += 1;  // what is on its way is of another text
  host.dataset.ready = 'no';
  if (shown && !broken) timer = setTimeout(arrange, wait);
}
async function arrange() {
  const mine = turn, answer = await ask('canvas', {definition: source});
  if (mine !== turn) return;
  if (answer === null) { soon(AGAIN_MS); return; }
  if (!answer) return;
  ({places, inferred} = answer);
  joined = null;
  if (fitted && steps.filter(step => seen.has(step.path)).length * 2 >= steps.length) paint(); else fit();
  seen = new Set(steps.map(step => step.path));
  host.dataset.ready = 'yes';
}

let keeping, known = false;  // known: where people put the steps before
function keep() {
  clearTimeout(keeping);
  keeping = setTimeout(kept, 500);
  const field = document.querySelector('form [name=layout]');
  if (field && known) field.value = JSON.stringify(positions);
}
async function kept() {
  keeping = undefined;
  if (!host.dataset.workflow || !known) return;
  const answer = await ask('layout', {workflow: host.dataset.workflow, positions: JSON.stringify(positions)}, {keepalive: true});
  host.dataset.kept = answer && !answer.problem ? 'yes' : 'no';
}
window.addEventListener('pagehide', () => { if (keeping) kept(); });

// drawing

const sub = step => {
  const {value} = step, inside = scopesIn(step);
  if (inside.length && step.kind !== 'agent') return `${inside.length} ${step.kind === 'parallel' ? 'branch' : 'case'}${inside.length > 1 ? step.kind === 'parallel' ? 'es' : 's' : ''}`;
  const agent = typeof value.agent === 'object' ? value.agent?.type ?? value.agent?.capability ?? value.agent?.id : value.agent;
  return String(value.task_type ?? value.connector ?? agent ?? value.agent_type ?? value.event_type ?? value.signal ?? value.for ?? value.until ?? step.kind).replaceAll('_', ' ');
};
const told = step => findings.filter(({pointer}) => pointer === step.pointer || pointer.startsWith(`${step.pointer}/`)).filter(({severity}) => severity !== 'note');
const curve = (x0, y0, x1, y1) => {
  const bend = Math.max(36, Math.min(160, Math.abs(x1 - x0) / 2));
  return `M${x0} ${y0}C${x0 + bend} ${y0} ${x1 - bend} ${y1} ${x1} ${y1}`;
};
/** An edge; one that leads back to the left, to another row, goes round what stands between. */
const lane = (a, b) => b[0] > a[0] + W ? null : b[1] + (b[1] >= a[1] ? -14 : H + 14);
function way(a, b) {
  const [x0, y0, x1, y1] = [a[0] + W, a[1] + H / 2, b[0] - 5, b[1] + H / 2], y = lane(a, b);
  if (y === null) return curve(x0, y0, x1, y1);
  const turn = (from, to, x, right) => { const s = Math.sign(to - from) || 1; return `H${x - right * 10}q${right * 10} 0 ${right * 10} ${s * 10}V${to - s * 10}q0 ${s * 10} ${-right * 10} ${s * 10}`; };
  return `M${x0} ${y0}${turn(y0, y, x0 + 22, 1)}${turn(y, y1, x1 - 20, -1)}H${x1}`;
}
const node = path => [...part('nodes').children].find(one => one.dataset.path === path);
function focus() { node(selected)?.focus({preventScroll: true}); }

function drawNode(step) {
  const [x, y] = place(step), name = step.id, bad = told(step), inside = scopesIn(step).length > 0;
  const after = edges().filter(([, to]) => to === step).map(([from]) => from.id).join(', ') || 'nothing';
  return draw('g', {
    class: `node${step.path === selected ? ' selected' : ''}${step.path === linking ? ' linking' : ''}`, 'data-path': step.path, 'data-kind': step.kind,
    transform: `translate(${x} ${y})`, role: 'button', tabindex: step.path === (one(selected) ? selected : steps[0].path) ? 0 : -1, 'aria-pressed': String(step.path === selected),
    'aria-label': `${name}, ${step.kind}, after ${after}${bad.length ? `, ${bad.length} to fix` : ''}${inside ? ', Enter opens it' : ''}`,
  },
  draw('title', {}, `${name}: ${sub(step)}`),
  inside && draw('rect', {class: 'under', x: 6, y: 6, width: W, height: H, rx: 14}),
  draw('rect', {class: 'body', width: W, height: H, rx: 14}),
  draw('rect', {class: 'tile', x: 11, y: 12, width: 40, height: 40, rx: 11}),
  draw('use', {href: `#i-t-${step.kind in KINDS ? step.kind : 'agent'}`, x: 20, y: 21, width: 22, height: 22}),
  draw('text', {class: 'name', x: 62, y: 28}, cut(name, 15)),
  draw('text', {class: 'sub', x: 62, y: 47}, cut(sub(step), 21)),
  'if' in step.value && draw('text', {class: 'if', x: W - 14, y: 18}, 'if'),
  draw('circle', {class: 'port', cx: 0, cy: H / 2, r: 5}),
  draw('circle', {class: 'port', cx: W, cy: H / 2, r: 5}),
  draw('circle', {class: 'out', cx: W, cy: H / 2, r: 14}),
  bad.length && draw('g', {class: 'bad', 'data-tone': bad.some(({severity}) => severity === 'error') ? 'red' : 'amber'}, draw('circle', {cx: W - 6, cy: 2, r: 10}), draw('text', {x: W - 6, y: 6}, String(bad.length))),
  );
}

function drawEdges() {
  part('edges').replaceChildren(...edges().map(([from, to, kind], i) => {
    const a = place(from), b = place(to), d = way(a, b);
    const near = selected && (from.path === selected || to.path === selected), x = (a[0] + W + b[0]) / 2, y = lane(a, b) ?? (a[1] + b[1] + H) / 2;
    return draw('g', {class: `edge ${kind}${near ? ' near' : ''}`, 'data-edge': i}, draw('path', {class: 'wide', d}), draw('path', {class: 'line', d}),
      kind !== 'inferred' && draw('g', {class: 'part', transform: `translate(${x} ${y})`}, draw('circle', {r: 11}), draw('path', {d: 'M-4-4 4 4M4-4-4 4'})));
  }));
}

function paint() {
  const lost = document.activeElement?.closest?.('#canvas .node')?.dataset.path;
  const empty = !broken && !steps.length, many = steps.length > MANY;
  host.classList.toggle('broken', Boolean(broken));
  host.classList.toggle('many', many);
  part('broken').hidden = !broken;
  if (broken) part('why').textContent = `Line ${broken.line}: ${broken.message}. This is what stood there before.`;
  part('empty').hidden = !empty;
  part('starts').hidden = trail.length > 0;
  part('nodes').replaceChildren(...many ? [] : steps.map(drawNode));
  if (many) part('edges').replaceChildren(); else drawEdges();
  look();
  crumbs();
  outline();
  window.orchestraInspector?.show(broken ? null : one(selected), {steps, root, broken});
  if (lost) (node(selected) ?? node(lost))?.focus({preventScroll: true});
}

function look() {
  part('world').setAttribute('transform', `translate(${view.x} ${view.y}) scale(${view.k})`);
  const dots = part('dots');
  dots.setAttribute('patternTransform', `translate(${view.x} ${view.y}) scale(${view.k})`);
  part('zoom').textContent = `${Math.round(view.k * 100)} %`;
}

function crumbs() {
  const name = get(root, 'name')?.value, button = (words, go, here) => {
    const made = html('button', {type: 'button', class: 'crumb', 'aria-current': here && 'true'}, html('bdi', {}, cut(String(words), 28)));
    made.addEventListener('click', go);
    return made;
  };
  const found = [button(typeof name === 'string' && name ? name : 'workflow', () => leave(0), !trail.length)];
  trail.forEach((open, i) => {
    found.push(html('span', {class: 'dim', 'aria-hidden': 'true'}, '›'), html('span', {class: 'dim'}, html('bdi', {}, cut(open.id, 20))), html('span', {class: 'dim', 'aria-hidden': 'true'}, '›'));
    const here = i === trail.length - 1;
    for (const scope of here ? open.siblings : open.siblings.filter(one => one.place.join() === open.place.join())) {
      const same = scope.place.join() === open.place.join();
      found.push(button(scope.title, () => { trail.length = i; enter(open.step, scope); }, here && same));
    }
  });
  part('crumbs').replaceChildren(...found);
}

function outline() {
  part('outline').replaceChildren(...steps.map(step => {
    const bad = told(step).length, row = html('button', {type: 'button', 'data-kind': step.kind, 'aria-pressed': String(step.path === selected)}, icon(`t-${step.kind in KINDS ? step.kind : 'agent'}`),
      html('span', {class: 'grow'}, html('b', {}, html('bdi', {}, cut(step.id, 40))), html('small', {}, html('bdi', {}, cut(sub(step), 40)))), bad ? html('span', {class: 'badge', 'data-tone': 'red'}, `${bad} to fix`) : null);
    row.addEventListener('click', () => choose(step.path));
    const inside = scopesIn(step), open = inside.length && html('button', {type: 'button', class: 'small'}, 'Open', html('span', {class: 'sr'}, ` ${step.id}`));
    if (open) open.addEventListener('click', () => enter(step));
    return html('li', {}, row, open || null);
  }));
}

// looking

function choose(path, focused) {
  selected = path;
  paint();
  if (focused) { focus(); reveal(); }
}

function reveal() {
  const step = one(selected), box = part('svg').getBoundingClientRect();
  if (!step) return;
  const [x, y] = place(step), left = x * view.k + view.x, top = y * view.k + view.y;
  if (left < 0 || left + W * view.k > box.width) view.x += box.width / 2 - left - W * view.k / 2;
  if (top < 0 || top + H * view.k > box.height) view.y += box.height / 2 - top - H * view.k / 2;
  look();
}

/** All of it; by itself no smaller than can be read: then from where it begins. */
function fit(least = 0.5) {
  const box = part('svg').getBoundingClientRect(), spots = steps.map(place);
  if (spots.length && box.width) {
    const xs = spots.map(([x]) => x), ys = spots.map(([, y]) => y), pad = 36;
    const left = Math.min(...xs), top = Math.min(...ys), width = Math.max(...xs) + W - left, height = Math.max(...ys) + H - top;
    const k = view.k = Math.max(least, Math.min(1, (box.width - 2 * pad) / width, (box.height - 2 * pad) / height));
    const first = spots.find(([x]) => x === left)[1] + H / 2;
    view.x = width * k > box.width ? pad - left * k : (box.width - width * k) / 2 - left * k;
    view.y = height * k > box.height ? box.height / 2 - first * k : (box.height - height * k) / 2 - top * k;
    fitted = true;
  }
  paint();
}

function zoom(factor, at) {
  const box = part('svg').getBoundingClientRect(), [x, y] = at ?? [box.width / 2, box.height / 2];
  const k = Math.max(0.04, Math.min(2.5, view.k * factor)), by = k / view.k;
  Object.assign(view, {k, x: x - (x - view.x) * by, y: y - (y - view.y) * by});
  look();
}

function enter(step, scope = scopesIn(step)[0]) {
  if (!scope) return;
  trail.push({id: step.id, place: scope.place, prefix: scope.prefix});
  find();
  selected = steps[0]?.path ?? null;
  fit();
  focus();
  say(`In ${step.id}, ${scope.title}: ${steps.length} steps`);
}

function leave(depth = trail.length - 1) {
  if (depth < 0 || depth >= trail.length) return;
  const back = trail[depth].step.path;
  trail.length = depth;
  find();
  selected = back;
  fit();
  focus();
}

// pointer

const point = event => {
  const box = part('svg').getBoundingClientRect();
  return [(event.clientX - box.left - view.x) / view.k, (event.clientY - box.top - view.y) / view.k];
};
const under = event => document.elementsFromPoint(event.clientX, event.clientY);
const nodeAt = event => one(under(event).find(found => found.closest?.('#canvas .node'))?.closest('.node').dataset.path);
let drag = null;

function press(event) {
  clicks = 0;
  if (event.button > 1) return;
  const found = event.target.closest('.node'), step = one(found?.dataset.path), [x, y] = point(event);
  const parting = event.target.closest('.part');
  if (parting) { const [from, to] = edges()[parting.parentNode.dataset.edge]; toggle(from, to); return; }
  part('svg').setPointerCapture(event.pointerId);
  if (!step || event.button === 1) drag = {kind: 'pan', x: event.clientX - view.x, y: event.clientY - view.y};
  else if (broken) choose(step.path);
  else if (event.target.classList.contains('out')) {
    drag = {kind: 'link', step, ghost: draw('path', {class: 'ghost'})};
    part('edges').append(drag.ghost);
  } else { const spot = place(step); drag = {kind: 'move', step, spot, grip: [x - spot[0], y - spot[1]]}; }
}

function pull(event) {
  if (!drag) return;
  const [x, y] = point(event);
  if (drag.kind === 'pan') { view.x = event.clientX - drag.x; view.y = event.clientY - drag.y; look(); return; }
  const [a, b] = place(drag.step);
  if (drag.kind === 'link') {
    drag.moved ||= Math.hypot(x - a - W, y - b - H / 2) > 18;
    drag.ghost.setAttribute('d', curve(a + W, b + H / 2, x, y));
    const over = nodeAt(event);
    for (const child of part('nodes').children) child.classList.toggle('over', Boolean(over) && over !== drag.step && child.dataset.path === over.path);
    return;
  }
  const to = [x - drag.grip[0], y - drag.grip[1]].map(v => Math.round(v / GRID) * GRID);
  drag.moved ||= Math.hypot(to[0] - drag.spot[0], to[1] - drag.spot[1]) >= GRID;
  if (!drag.moved) return;
  drag.old ??= {spot: positions[drag.step.path]};
  positions[drag.step.path] = to;
  node(drag.step.path)?.setAttribute('transform', `translate(${to.join(' ')})`);
  drawEdges();
}

function release(event) {
  const {kind, step, moved, ghost, old} = drag ?? {};
  drag = null;
  ghost?.remove();
  if (kind === 'move' && moved) {
    const to = positions[step.path];
    if (old.spot) positions[step.path] = old.spot; else delete positions[step.path];
    move(step, to);
    choose(step.path, true);
  } else if (kind === 'link' && moved) { const to = nodeAt(event); if (to) toggle(step, to); else paint(); }
  else if (kind === 'link') link(step);
  else if (kind === 'move' && linking) link(step);
  else if (kind === 'move') pressed(step, event);
  else if (kind === 'pan' && event.target === part('back')) { if (linking) { linking = null; say('Cancelled'); } }
}

// What is pressed is drawn anew, so the browser sees no double click. It counts for a mouse, we for touch.
let last = {}, clicks = 0;
function pressed(step, {timeStamp}) {
  const twice = last.path === step.path && (clicks > 1 || timeStamp - last.timeStamp < 400);
  last = {path: step.path, timeStamp};
  if (twice && scopesIn(step).length) enter(step); else choose(step.path, true);
}

/** First: connect from here. Second: to there, or part them when they are connected. */
function link(step) {
  const from = one(linking);
  linking = from ? null : step.path;
  selected = step.path;
  if (from) toggle(from, step); else say(`Connecting from ${step.id}: choose a step, or Escape`);
  paint();
  focus();
}

function key(event) {
  const step = one(event.target.closest('.node')?.dataset.path), arrow = ARROWS[event.key], mod = event.ctrlKey || event.metaKey, letter = event.key.toLowerCase();
  if (mod && (letter === 'z' || letter === 'y')) (event.shiftKey || letter === 'y' ? redo : undo)();
  else if (mod || event.altKey) return;
  else if (event.key === 'Escape') { if (linking) { linking = null; say('Cancelled'); paint(); } else leave(); }
  else if (event.key === '+' || event.key === '-') zoom(event.key === '+' ? 1.2 : 1 / 1.2);
  else if (event.key === '0') fit(0.04);
  else if (!step) return;
  else if (arrow && event.shiftKey) { const [x, y] = place(step); if (!broken) move(step, [x + NUDGE * arrow[0], y + NUDGE * arrow[1]]); paint(); }
  else if (arrow) walk(step, event.key);
  else if (event.key === 'Delete' || event.key === 'Backspace') remove(step);
  else if (letter === 'c') link(step);
  else if (letter === 'd') duplicate(step);
  else if (event.key === 'Enter' || event.key === ' ') { if (linking) link(step); else if (scopesIn(step).length) enter(step); else part('inspector').querySelector('input, textarea, select')?.focus(); }
  else return;
  event.preventDefault();
  event.stopPropagation();
}

function walk(step, way) {
  const index = steps.indexOf(step), all = edges();
  const next = {
    ArrowRight: () => all.find(([from]) => from === step)?.[1],
    ArrowLeft: () => all.find(([, to]) => to === step)?.[0],
    ArrowDown: () => steps[index + 1],
    ArrowUp: () => steps[index - 1],
  }[way]();
  if (next) choose(next.path, true);
}

const svg = part('svg');
svg.addEventListener('pointerdown', press);
svg.addEventListener('mousedown', event => { clicks = event.detail; });
svg.addEventListener('pointermove', pull);
svg.addEventListener('pointerup', release);
svg.addEventListener('pointercancel', () => { drag?.ghost?.remove(); drag = null; paint(); });
svg.addEventListener('wheel', event => {
  if (!event.ctrlKey && !event.metaKey) return;
  event.preventDefault();
  const box = svg.getBoundingClientRect();
  zoom(event.deltaY > 0 ? 1 / 1.12 : 1.12, [event.clientX - box.left, event.clientY - box.top]);
}, {passive: false});
svg.addEventListener('keydown', key);
// Not on the svg: Chromium makes an svg that listens for focus a tab stop of its own.
host.addEventListener('focusin', event => {
  const path = event.target.closest('.node')?.dataset.path;
  if (path && path !== selected && !drag) choose(path);
});

// palette: drag, or Enter
let carried = null;
host.addEventListener('pointerdown', event => {
  const from = event.target.closest('[data-add]');
  if (from && !broken) carried = {from, x: event.clientX, y: event.clientY, id: event.pointerId};
});
window.addEventListener('pointermove', event => {
  if (!carried) return;
  if (!carried.ghost && Math.hypot(event.clientX - carried.x, event.clientY - carried.y) > 8) {
    const {add: kind} = carried.from.dataset;
    carried.ghost = draw('g', {class: 'node carried', 'data-kind': kind}, draw('rect', {class: 'body', width: W, height: H, rx: 14}), draw('text', {class: 'name', x: 24, y: 38}, cut(carried.from.textContent.trim(), 20)));
    part('edges').after(carried.ghost);
    carried.from.setPointerCapture(carried.id);
  }
  const [x, y] = point(event);
  carried.ghost?.setAttribute('transform', `translate(${x - W / 2} ${y - H / 2})`);
});
window.addEventListener('pointerup', event => {
  const {ghost, from} = carried ?? {};
  carried = null;
  if (!ghost) return;
  ghost.remove();
  from.dataset.dropped = 'yes';
  setTimeout(() => delete from.dataset.dropped);
  const hit = under(event), edge = hit.find(found => found.closest?.('.edge'))?.closest('.edge').dataset.edge, [x, y] = point(event);
  if (!hit.includes(svg)) return;
  const chosen = edge === undefined ? null : edges()[edge];
  add(wish(from), [x - W / 2, y - H / 2], chosen?.[2] === 'inferred' ? null : chosen);
});
window.addEventListener('pointercancel', () => { carried?.ghost?.remove(); carried = null; });
const wish = from => ({kind: from.dataset.add, type: from.dataset.type, task: from.dataset.task});

const STARTS = {
  agent: () => ({steps: [KINDS.agent('first', undefined)]}),
  parallel: () => ({steps: ['first', 'second', 'join'].map((id, i) => i < 2 ? {...KINDS.agent(id), depends_on: []} : {id, type: 'transform', input_data: {first: '${steps.first.output}', second: '${steps.second.output}'}, depends_on: ['first', 'second']})}),
  branch: () => ({steps: [KINDS.agent('ask'), KINDS.switch('decide')]}),
};
host.addEventListener('click', event => {
  const button = event.target.closest('button[data-add], button[data-do], button[data-start]');
  if (!button) return;
  const {add: kind, do: what, start, dropped} = button.dataset;
  if (kind && !dropped) add(wish(button));
  if (start) {
    const {steps: some} = STARTS[start]();
    fitted = false;
    edit('Begun', change => { if (root) change.set(root, 'steps', some); else change.put(0, source.length, json.written({name: 'my-workflow', steps: some})); }, () => { selected = some[0].id; });
    focus();
  }
  ({in: () => zoom(1.2), out: () => zoom(1 / 1.2), fit: () => fit(0.04), tidy, undo: () => undo(), redo, line: () => text.select(broken.at, broken.at + 1), up: () => leave()})[what]?.();
});

// the tab

function show(on) {
  shown = on;
  host.hidden = !on;
  document.body.classList.toggle('building', on);
  for (const tab of document.querySelectorAll('[data-view]')) {
    if ((tab.dataset.view === 'builder') === on) tab.setAttribute('aria-current', 'page'); else tab.removeAttribute('aria-current');
  }
  if (on) { read(true); soon(0); }
}
document.addEventListener('click', event => {
  const tab = event.target.closest('[data-view]');
  if (!tab || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const address = new URL(location);
  address.searchParams.set('view', tab.dataset.view);
  history.replaceState(null, '', address);
  show(tab.dataset.view === 'builder');
});
document.addEventListener('orchestra:findings', event => { findings = event.detail.findings.filter(found => typeof found.pointer === 'string'); if (shown) paint(); });
findings = text.findings ?? [];
text.onChange(() => { if (shown) read(); });
window.addEventListener('resize', () => { if (shown) look(); });

window.orchestraBuilder = {html, icon, agents: () => agents, set, rename, remove, duplicate, link, toggle, enter, scopesIn, one, edges, told, change: edit};
/** The inspector is there: begin. */
window.orchestraBuilder.begin = inspector => {
  show(new URLSearchParams(location.search).get('view') === 'builder');
  begin(inspector);
};
async function begin(inspector) {
  const answer = await fetch(`/ui/editor/canvas?workflow=${encodeURIComponent(host.dataset.workflow)}`).catch(() => null);
  if (!answer || isAway(answer)) { setTimeout(begin, AGAIN_MS, inspector); return; }
  const begun = answer.ok && await answer.json().catch(() => null), moved = Object.keys(positions).length > 0;
  if (!begun) return;
  positions = {...begun.positions, ...positions};
  ({agents} = begun);
  known = true;
  if (moved) keep();
  inspector.begin();
  if (shown) paint();
}
})();
