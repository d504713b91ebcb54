// What could be written here: keys, words and names of a definition, at the cursor.
//
// Keys and their meaning come from the schema of the language, names from `/ui/editor/words`. The text is
// read with a reader that minds no mistake: while somebody types, it is never whole.

const TOKEN = /"(?:[^"\\\n]|\\.)*"?|[{}[\]:,]|[^\s{}[\]:,"]+/g;
const CONDITIONS = ['if', 'when', 'run_if', 'filter'];
const STEP_FIELDS = ['status', 'output', 'error', 'attempts', 'failed', 'case', 'reason', 'started_at', 'ended_at'];

function value(token) {
  try { return JSON.parse(token); } catch { return token.replace(/^"|"$/g, ''); }
}

/** The document as far as it goes, and where `pos` is in it. */
export function read(text, pos) {
  const root = {value: undefined}, stack = [];
  let top = {of: root, list: false, key: 'value', path: []}, here = null;
  const at = (from, to, quoted, shown) => {
    const isKey = !top.list && top.key === null && top.of !== root;
    here = {path: top.path, of: top.of, list: top.list, isKey, key: top.list ? top.of.length : top.key, from, to, quoted, shown,
      above: [...stack.map(one => one.of), top.of]};
  };
  const put = made => {
    if (top.list) top.of.push(made);
    else if (top.key !== null) { top.of[top.key] = made; if (top.of !== root) top.value = true; }
  };
  for (const {0: token, index} of text.matchAll(TOKEN)) {
    const end = index + token.length, quoted = token[0] === '"';
    if (!here && index >= pos) at(pos, pos, false, '');
    else if (!here && quoted && pos < end + (token.length < 2 || !token.endsWith('"') ? 1 : 0)) {
      at(index + 1, token.length > 1 && token.endsWith('"') ? end - 1 : end, true, text.slice(index + 1, pos));
    } else if (!here && !quoted && pos <= end && !'{}[]:,'.includes(token)) at(index, end, false, text.slice(index, pos));
    if (token === '{' || token === '[') {
      const made = token === '[' ? [] : {}, key = top.list ? top.of.length : top.key;
      put(made);
      stack.push(top);
      top = {of: made, list: token === '[', key: null, path: top.of === root ? [] : [...top.path, key]};
    } else if (token === '}' || token === ']') {
      if (stack.length) top = stack.pop();
    } else if (token === ',') { if (!top.list && top.of !== root) top.key = null; }
    else if (token !== ':') {
      if (!top.list && top.key === null) { top.key = String(value(token)); top.of[top.key] ??= undefined; }
      else put(value(token));
    }
  }
  if (!here) at(pos, pos, false, '');
  return {root: root.value, ...here};
}

/** Whether a value fits the few words that conditions of the schema are made of. */
function fits(schema, given) {
  if (schema.anyOf && !schema.anyOf.some(one => fits(one, given))) return false;
  if (schema.required?.some(key => !(key in (given ?? {})))) return false;
  return Object.entries(schema.properties ?? {}).every(([key, one]) =>
    !('const' in one) || given?.[key] === one.const);
}

/** Every schema that has a say about `given`. */
function flat(all, schema, given, found = []) {
  if (!schema || typeof schema !== 'object' || found.length > 60) return found;
  if (schema.$ref) flat(all, all.$defs[schema.$ref.split('/').pop()], given, found);
  found.push(schema);
  for (const one of [...schema.allOf ?? [], ...schema.anyOf ?? [], ...schema.oneOf ?? []]) flat(all, one, given, found);
  if (schema.if) flat(all, fits(schema.if, given) ? schema.then : schema.else, given, found);
  return found;
}

function below(all, schemas, key, given) {
  return schemas.flatMap(one => flat(all, typeof key === 'number' ? one.items
    : Object.hasOwn(one.properties ?? {}, key) ? one.properties[key]
      : typeof one.additionalProperties === 'object' ? one.additionalProperties : null, given));
}

function walk(all, root, path) {
  let given = root, schemas = flat(all, all, root);
  for (const key of path) {
    given = given?.[key];
    schemas = below(all, schemas, key, given);
  }
  return schemas;
}

const named = (label, type, detail, info) => ({label, type, detail, info});

/** The steps one can see from inside, nearest first, and the one that holds the cursor. */
function scopes(root, path) {
  const found = [];
  let given = root;
  path.forEach((key, i) => {
    given = given?.[key];
    if (Array.isArray(given) && (key === 'steps' || key === 'default') && typeof path[i + 1] === 'number') {
      found.unshift({steps: given, me: path[i + 1], mine: given[path[i + 1]]});
    }
  });
  return found;
}

/** What a step can wait for: the others of its scope. */
const others = ({steps, me}) => steps.filter((one, i) => i !== me && one?.id).map(one => one.id);

/** What can have finished: of a sequence only what comes before. */
function finished({steps, me}) {
  const graph = steps.some(one => one?.depends_on);
  return steps.filter((one, i) => one?.id && (graph ? i !== me : i < me)).map(one => one.id);
}

function inExpression(shown, here, words) {
  const typed = /(?:secret:\s*)?[\w.?-]*$/.exec(shown)[0], parts = typed.replaceAll('?', '').split('.'), last = parts.pop();
  const all = scopes(here.root, here.path), from = shown.length - last.length;
  const done = options => ({from, options});
  if (typed.startsWith('secret:')) {
    return {from: shown.length - typed.length, options: words.secrets.map(one => named(`secret:${one}`, 'secret'))};
  }
  if (parts[0] === 'input') {
    let schema = here.root?.input_schema;
    for (const key of parts.slice(1)) schema = schema?.properties?.[key];
    return done(Object.entries(schema?.properties ?? {}).map(([key, one]) => named(key, 'input', one?.type, one?.description)));
  }
  if (parts[0] === 'steps' && parts.length === 1) return done(all.flatMap(finished).map(one => named(one, 'step')));
  if (parts[0] === 'steps' && parts.length === 2) return done(STEP_FIELDS.map(one => named(one, 'field')));
  if (parts[0] === 'vars') return done(Object.keys(here.root?.vars ?? {}).map(one => named(one, 'variable')));
  if (parts.length) {
    const method = words.functions.filter(one => one.name.startsWith('.') || one.name.startsWith(`${parts.join('.')}.`));
    return done(method.map(one => ({...named(one.name.split('.').pop(), 'method', one.signature), apply: `${one.name.split('.').pop()}(`})));
  }
  return done([
    ...words.names.map(one => named(one, 'name')), named('secret:', 'name', 'a secret, for agents only'),
    ...words.functions.filter(one => !one.name.startsWith('.')).map(one => ({...named(one.name, 'function', one.signature), apply: `${one.name}(`})),
  ]);
}

/** Values of a key that only this installation knows. */
function known(here, words) {
  const key = here.list ? here.path.at(-1) : here.key, scope = scopes(here.root, here.path)[0];
  const owner = here.list ? null : here.of, type = owner?.agent_type ?? scope?.mine?.agent_type;
  switch (key) {
    case 'agent_type': return words.types.map(one => named(one.name, 'agent type', `${one.agents} registered`));
    case 'type': return here.path.at(-1) === 'agent' ? words.types.map(one => named(one.name, 'agent type')) : [];
    case 'task_type': return (words.types.find(one => one.name === type)?.tasks ?? words.types.flatMap(one => one.tasks))
      .map(one => named(one.name, 'task', '', one.description));
    case 'connector': return words.types.flatMap(one => one.tasks.map(task => named(`${one.name}.${task.name}`, 'connector', '', task.description)));
    case 'event_type': case 'event': return words.events.map(one => named(one.name, 'event', '', one.told));
    case 'workflow': return words.workflows.map(one => named(one, 'workflow'));
    case 'depends_on': case 'dependencies': return scope ? others(scope).map(one => named(one, 'step')) : [];
    default: return [];
  }
}

/** Keys of `input_data`, as the task of the step takes them. */
function inputs(here, words) {
  if (here.path.at(-1) !== 'input_data') return [];
  const step = here.above.at(-2), type = words.types.find(one => one.name === step?.agent_type);
  const task = type?.tasks.find(one => one.name === step?.task_type) ?? (type?.tasks.length === 1 ? type.tasks[0] : null);
  return Object.entries(task?.input_schema?.properties ?? {});
}

const STUB = {object: '{}', array: '[]', string: '""', boolean: 'false'};

function keys(all, here, words) {
  const found = new Map();
  for (const one of walk(all, here.root, here.path)) {
    for (const [key, part] of Object.entries(one.properties ?? {})) {
      if (part && !part.not && (!found.has(key) || part.description)) found.set(key, part);
    }
  }
  for (const [key, part] of inputs(here, words)) found.set(key, part);
  return [...found].filter(([key]) => here.of[key] === undefined || key === here.shown).map(([key, part]) => ({
    ...named(key, 'key', part.enum ? 'one of' : part.type ?? '', part.description),
    stub: STUB[part.type] ?? (part.enum ? '""' : part.type ? '' : '""'),
  }));
}

function values(all, here, words) {
  const schemas = walk(all, here.root, here.list ? [...here.path, 0] : [...here.path, here.key]);
  const enums = new Set(schemas.flatMap(one => one.enum ?? []).filter(one => one !== undefined));
  const made = [...enums].map(one => named(String(one), typeof one === 'string' ? 'word' : 'value'));
  if (schemas.some(one => one.type === 'boolean')) made.push(named('true', 'value'), named('false', 'value'));
  return [...known(here, words), ...made];
}

/** Put a key and the beginning of its value, and the cursor where one goes on. */
function write(here, option, after) {
  return (view, completion, from, to) => {
    const {label, stub} = option, colon = /^\s*"?\s*:/.test(after);
    const text = here.quoted ? label : `"${label}"`;
    const tail = colon ? '' : `${here.quoted ? '"' : ''}: ${stub}`;
    const end = here.quoted && !colon && after.startsWith('"') ? to + 1 : to;
    const anchor = from + text.length + tail.length - (tail && stub.length === 2 ? 1 : 0);
    view.dispatch({changes: {from, to: end, insert: text + tail}, selection: {anchor}, userEvent: 'input.complete'});
  };
}

/** The source of completions. `load` answers `{schema, words}`, once. */
export function completer(load) {
  let loaded = null;
  return async context => {
    const text = context.state.doc.toString(), here = read(text, context.pos), after = text.slice(here.to, here.to + 80);
    if (!context.explicit && !here.quoted && !here.shown) return null;
    const {schema, words} = await (loaded ??= load().catch(error => { loaded = null; throw error; }));
    if (context.aborted) return null;
    const open = here.shown.lastIndexOf('${'), inside = here.quoted && !here.isKey && open > here.shown.lastIndexOf('}');
    if (inside || (here.quoted && CONDITIONS.includes(here.key))) {
      const {from, options} = inExpression(here.shown.slice(inside ? open + 2 : 0), here, words);
      return {from: here.from + (inside ? open + 2 : 0) + from, options, validFor: /^[\w-]*$/};
    }
    if (here.isKey) {
      return {from: here.from, to: here.to, validFor: /^[\w-]*$/,
        options: keys(schema, here, words).map(one => ({...one, apply: write(here, one, after)}))};
    }
    const options = values(schema, here, words).map(one => here.quoted || one.type === 'value' ? one
      : {...one, apply: `"${one.label}"`});
    return options.length ? {from: here.from, to: here.to, options, validFor: /^[\w. -]*$/} : null;
  };
}
