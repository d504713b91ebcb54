// The inspector beside the canvas: the fields of the chosen step, or of the workflow.
//
// A field writes one value at one path of keys; after each change of the text it shows what is
// there then, without being made anew, so that the focus stays where it is.
(() => {
'use strict';

const builder = window.orchestraBuilder, host = document.querySelector('#canvas [data-part=inspector]');
if (!builder || !host) return;
const {html, icon} = builder, {plain} = window.orchestraJson;
const RUN = ['none_failed', 'all_completed', 'any_completed', 'any_failed', 'all_done'];

// [path, label, kind, hint or choices]
const OWN = {
  agent: [['agent_type', 'Agent type', 'type'], ['task_type', 'Task', 'task'], ['input_data', 'Input', 'json', '${input.x}, ${steps.id.output.x}']],
  transform: [['input_data', 'Value', 'json', 'what the step makes']],
  set: [['vars', 'Variables', 'json']],
  emit: [['event_type', 'Event type', 'text'], ['payload', 'Payload', 'json']],
  wait: [['for', 'For', 'text', '30s, 5m, 2h'], ['until', 'Until', 'text', 'RFC 3339'], ['signal', 'Signal', 'text', 'a name, needs a timeout'], ['event', 'Event', 'text'], ['timeout', 'Timeout', 'text', '1h']],
  switch: [],
  parallel: [['join', 'Join', 'json', '"all", "any" or a number']],
};
const FLOW = [['if', 'Condition', 'text', "input.total > 100"], ['run_when', 'Run when', 'choice', RUN]];
const FAILING = [['retry.max_attempts', 'Attempts', 'number', '3'], ['retry.backoff', 'Backoff', 'choice', ['exponential', 'linear', 'fixed']], ['retry.initial', 'First delay', 'text', '1s'],
  ['timeout', 'Timeout of an attempt', 'text', '2m'], ['agent.fallbacks', 'Fallbacks', 'list', 'type:writer, agent:other'], ['on_error', 'On error', 'json', '[{"match": ["*"], "do": "continue"}]']];
const UNDO = [['compensate.agent_type', 'Agent type', 'type'], ['compensate.task_type', 'Task', 'task'], ['compensate.input_data', 'Input', 'json', '${result.x}']];
const WHOLE = [['name', 'Name', 'text'], ['description', 'Description', 'text'], ['timeout', 'Timeout', 'text', '30d'], ['input_schema', 'Input schema', 'json'], ['output', 'Output', 'json']];

let fields = [], shape = '', step = null, tree = null, count = 0;
const at = (value, keys) => keys.reduce((here, key) => here?.[key], value);
const keysOf = path => path.split('.').map(key => /^\d+$/.test(key) ? Number(key) : key);

function field([path, label, kind, more]) {
  const id = `builder-${count += 1}`, keys = keysOf(path);
  const wrong = html('p', {class: 'wrong', id: `${id}-wrong`, hidden: true});
  let input;
  if (kind === 'choice') input = html('select', {id}, html('option', {value: ''}, 'default'), ...more.map(word => html('option', {value: word}, word.replaceAll('_', ' '))));
  else if (kind === 'json') input = html('textarea', {id, rows: 3, spellcheck: 'false', placeholder: more, 'aria-describedby': wrong.id});
  else input = html('input', {id, type: kind === 'number' ? 'number' : 'text', min: kind === 'number' ? 1 : undefined, placeholder: typeof more === 'string' ? more : undefined, autocomplete: 'off', spellcheck: 'false', 'aria-describedby': wrong.id, list: kind === 'type' ? 'builder-types' : kind === 'task' ? `${id}-tasks` : undefined});
  const tasks = kind === 'task' ? html('datalist', {id: `${id}-tasks`}) : null;

  function sync() {
    const value = at(plain(step ? step.node : tree) ?? {}, where()), focused = document.activeElement === input;
    const shown = value === undefined ? '' : kind === 'json' ? json(value) : Array.isArray(value) ? value.join(', ') : typeof value === 'object' ? JSON.stringify(value) : String(value);
    if (!focused || input.dataset.was !== shown) { input.value = shown; fail(''); }
    input.dataset.was = shown;
    if (kind === 'json') input.rows = Math.max(2, Math.min(12, shown.split('\n').length));
    if (tasks) tasks.replaceChildren(...(builder.agents()[at(plain(step.node), [...keys.slice(0, -1), 'agent_type'])] ?? []).map(value => html('option', {value})));
  }
  const json = value => JSON.stringify(value, null, 2);
  const where = () => path === 'agent_type' && step?.value.agent?.type ? ['agent', 'type'] : keys;
  function fail(words) { wrong.textContent = words; wrong.hidden = !words; input.toggleAttribute('aria-invalid', Boolean(words)); if (words) input.setAttribute('aria-invalid', 'true'); }

  input.addEventListener('change', () => {
    const typed = input.value.trim();
    let value = typed || undefined;
    try {
      if (typed && kind === 'json') value = JSON.parse(typed);
      if (typed && kind === 'number') value = Number(typed);
      if (typed && kind === 'list') value = typed.split(',').map(word => word.trim()).filter(Boolean);
    } catch { fail('This is no JSON. Texts stand in quotes: "${input.text}"'); return; }
    fail('');
    input.dataset.was = input.value;
    const {node} = step ?? {node: tree}, words = `Changed ${label.toLowerCase()}`;
    if (path === 'agent.fallbacks' && !step.value.agent?.fallbacks && typeof step.value.agent !== 'object') {
      const old = node.members.find(one => one.key === 'agent' || one.key === 'agent_type');
      if (!old || !value) return;
      builder.change(words, change => change.put(old.from, old.node.to, `"agent": ${window.orchestraJson.written({[old.key === 'agent' ? 'id' : 'type']: old.node.value, fallbacks: value})}`));
    } else builder.set(node, where(), value, words);
  });
  fields.push(sync);
  return html('div', {class: 'field'}, html('label', {for: id}, label), input, tasks, wrong);
}

const group = (title, open, ...parts) => html('details', {class: 'group', open}, html('summary', {}, title), ...parts);
const press = (name, words, go, kind = 'small') => {
  const button = html('button', {type: 'button', class: kind}, name ? icon(name) : null, words);
  button.addEventListener('click', go);
  return button;
};

function named() {
  const id = 'builder-id', input = html('input', {id, autocomplete: 'off', spellcheck: 'false', maxlength: 64});
  input.addEventListener('change', () => { const to = input.value.trim(); if (to && to !== step.id) builder.rename(step, to); });
  fields.push(() => { if (document.activeElement !== input || input.dataset.was !== step.id) input.value = step.id; input.dataset.was = step.id; });
  return html('div', {class: 'field'}, html('label', {for: id}, 'Id'), input, html('p', {class: 'hint'}, 'Renaming rewrites what speaks of it.'));
}

function depends(steps) {
  const boxes = steps.filter(other => other.path !== step.path).map((other, i) => {
    const id = `builder-dep-${i}`, box = html('input', {type: 'checkbox', id});
    box.addEventListener('change', () => { builder.toggle(builder.one(other.path), step); fields.forEach(sync => sync()); });
    fields.push(() => {
      const edge = builder.edges().find(([from, to]) => from.path === other.path && to.path === step.path);
      box.checked = Boolean(edge);
      box.disabled = edge?.[2] === 'inferred';
    });
    return html('div', {class: 'check'}, box, html('label', {for: id}, html('bdi', {}, other.id)));
  });
  return html('fieldset', {class: 'depends'}, html('legend', {}, 'Depends on'), ...boxes.length ? boxes : [html('p', {class: 'hint'}, 'There is no other step here.')]);
}

function parts() {
  const kind = step.kind, key = kind === 'switch' ? 'cases' : 'branches', some = step.value[key] ?? [];
  const rows = some.map((one, i) => html('div', {class: 'scope'},
    field(kind === 'switch' ? [`cases.${i}.name`, `Case ${i + 1}`, 'text', 'a name'] : [`branches.${i}.id`, `Branch ${i + 1}`, 'text']),
    kind === 'switch' ? field([`cases.${i}.when`, 'When', 'text', "input.kind == 'mail'"]) : null,
    html('div', {class: 'buttons'}, press('flow', 'Open', () => builder.enter(step, builder.scopesIn(step).find(scope => scope.place[0] === key && scope.place[1] === i))),
      some.length > 1 ? press('cross', 'Remove', () => builder.set(step.node, [key, i], undefined, `Removed ${kind === 'switch' ? 'case' : 'branch'} ${i + 1}`)) : null)));
  const fresh = () => {
    const number = some.length + 1, steps = [{id: `${step.id}_${number}`, type: 'transform', input_data: {}}];
    builder.set(step.node, [key, some.length], kind === 'switch' ? {name: `case ${number}`, when: 'true', steps} : {id: `branch_${number}`, steps}, `Added one to ${step.id}`);
  };
  const rest = kind === 'switch' ? step.value.default ? press('flow', 'Open default', () => builder.enter(step, builder.scopesIn(step).find(scope => scope.place[0] === 'default')))
    : press('plus', 'Add default', () => builder.set(step.node, ['default'], [{id: `${step.id}_else`, type: 'transform', input_data: {}}], 'Added a default')) : null;
  return [...rows, html('div', {class: 'buttons'}, press('plus', kind === 'switch' ? 'Add case' : 'Add branch', fresh), rest)];
}

function ownFields() {
  const {value} = step;
  if (step.kind !== 'agent') return OWN[step.kind] ?? [];
  if ('connector' in value) return [['connector', 'Connector', 'text'], OWN.agent[2]];
  return 'agent' in value && !value.agent?.type ? [['agent', 'Agent', 'json'], ...OWN.agent.slice(1)] : OWN.agent;
}

function build({steps}) {
  fields = [];
  if (!step) {
    host.replaceChildren(html('h2', {}, 'Workflow'), html('p', {class: 'hint'}, 'Choose a step to see its fields.'), ...tree ? WHOLE.map(field) : []);
    return;
  }
  const agent = step.kind === 'agent', title = html('h2', {}, html('span', {class: 'kind', 'data-kind': step.kind}, icon(`t-${step.kind in OWN ? step.kind : 'agent'}`), step.kind));
  const list = html('ul', {class: 'told'});
  fields.push(() => list.replaceChildren(...builder.told(step).slice(0, 5).map(one => html('li', {'data-tone': one.severity === 'error' ? 'red' : 'amber'}, html('bdi', {}, String(one.message).slice(0, 300))))));
  const has = (...keys) => keys.some(key => key in step.value);
  host.replaceChildren(
    title, list, named(), ...ownFields().map(field), ...step.kind === 'switch' || step.kind === 'parallel' ? parts() : [],
    group('Order and condition', true, depends(steps), ...FLOW.map(field)),
    ...agent ? [group('When it fails', has('retry', 'timeout', 'on_error'), ...FAILING.map(field)), group('How to undo it', has('compensate'), ...UNDO.map(field))] : [group('When it fails', has('on_error'), field(FAILING.at(-1)))],
    html('div', {class: 'buttons foot'}, press('flow', 'Connect', () => builder.link(step)), press('copy', 'Duplicate', () => builder.duplicate(step)), press('cross', 'Delete', () => builder.remove(step), 'small danger')),
  );
}

function types() {
  const list = document.getElementById('builder-types');
  list.replaceChildren(...Object.keys(builder.agents()).map(value => html('option', {value})));
  const palette = document.querySelector('#canvas [data-part=agents]');
  const known = Object.entries(builder.agents()).flatMap(([type, tasks]) => tasks.map(task => [type, task])).slice(0, 24);
  palette.replaceChildren(...known.map(([type, task]) => html('button', {type: 'button', 'data-add': 'agent', 'data-type': type, 'data-task': task, 'data-kind': 'agent', title: `${type}: ${task}`}, icon('t-agent'), html('span', {}, html('bdi', {}, task.replaceAll('_', ' '))))));
}

window.orchestraInspector = {
  show(chosen, more) {
    step = chosen ?? null;
    tree = more.root;
    host.toggleAttribute('inert', Boolean(more.broken));
    if (more.broken) return;
    const {value} = step ?? {};
    const now = step ? JSON.stringify([step.path, step.kind, more.steps.map(one => one.id), value.cases?.length, value.branches?.length, 'default' in value, 'agent' in value, 'connector' in value]) : `whole ${Boolean(tree)}`;
    if (now !== shape) { shape = now; build(more); }
    for (const sync of fields) sync();
  },
  begin() { types(); for (const sync of fields) sync(); },
};
builder.begin(window.orchestraInspector);
})();
