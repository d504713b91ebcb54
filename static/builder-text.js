// JSON that keeps its text: what is not changed stays as it was written, to the last space.
//
// `parse(text)` is a tree of {kind, from, to, value | members | items}. A `Change` collects edits of
// such a tree, and `done()` is the one smallest edit of the text that makes them all.
(() => {
'use strict';

const SPACE = /[ \t\r\n]*/y, STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*"/y;
const WORD = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;

function parse(text) {
  let at = 0;
  const wrong = what => Object.assign(new Error(what), {at, line: text.slice(0, at).split('\n').length});
  const match = form => { form.lastIndex = at; const found = form.exec(text); if (found) at = form.lastIndex; return found?.[0]; };
  const take = mark => text[at] === mark && (at += 1);
  const space = () => { match(SPACE); };
  const need = (mark, what) => { if (!take(mark)) throw wrong(what); };

  function some(close, one) {
    const found = [];
    space();
    if (take(close)) return found;
    do { space(); found.push(one()); space(); } while (take(','));
    need(close, `a comma or '${close}' is missing`);
    return found;
  }

  function member() {
    const from = at, key = match(STRING);
    if (key === undefined) throw wrong('a name in quotes is missing');
    space();
    need(':', "a ':' is missing");
    space();
    return {key: JSON.parse(key), from, node: value()};
  }

  function value() {
    const from = at, made = {from};
    if (take('{')) Object.assign(made, {kind: 'object', members: some('}', member)});
    else if (take('[')) Object.assign(made, {kind: 'list', items: some(']', value)});
    else {
      const word = match(STRING) ?? match(WORD);
      if (word === undefined) throw wrong('a value is missing');
      Object.assign(made, {kind: 'value', value: JSON.parse(word)});
    }
    made.to = at;
    return made;
  }

  space();
  const made = value();
  space();
  if (at < text.length) throw wrong('something stands behind the end');
  return made;
}

const get = (node, key) => node?.members?.find(one => one.key === key)?.node;

function plain(node) {
  if (!node) return undefined;
  if (node.kind === 'object') return Object.fromEntries(node.members.map(one => [one.key, plain(one.node)]));
  return node.kind === 'list' ? node.items.map(plain) : node.value;
}

/** JSON as people write it: what is short on one line. */
function written(value, indent = '') {
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (JSON.stringify(value).length + indent.length < 64) {
    return Array.isArray(value) ? `[${value.map(one => written(one)).join(', ')}]`
      : `{${Object.entries(value).map(([key, one]) => `${JSON.stringify(key)}: ${written(one)}`).join(', ')}}`;
  }
  const deeper = `${indent}  `, [open, close] = Array.isArray(value) ? '[]' : '{}';
  const parts = Array.isArray(value) ? value.map(one => written(one, deeper))
    : Object.entries(value).map(([key, one]) => `${JSON.stringify(key)}: ${written(one, deeper)}`);
  return `${open}\n${deeper}${parts.join(`,\n${deeper}`)}\n${indent}${close}`;
}

class Change {
  constructor(text) { this.text = text; this.cuts = []; }

  put(from, to, insert) { this.cuts.push({from, to, insert}); }

  /** Put `value` in place of a node; undefined is for `set` alone. */
  replace(node, value) { this.put(node.from, node.to, written(value, this.indent(node.from))); }

  /** Set a member of an object, at the end when it is new; without a value remove it. */
  set(node, key, value) {
    const at = node.members.findIndex(one => one.key === key), old = node.members[at];
    if (value === undefined) { if (old) this.cut(node, node.members.map(one => ({from: one.from, to: one.node.to})), at); }
    else if (old) this.replace(old.node, value);
    else this.add(node, node.members.map(one => ({from: one.from, to: one.node.to})), node.members.length, indent => `${JSON.stringify(key)}: ${written(value, indent)}`);
  }

  /** Insert before the item at `at` of a list. */
  insert(node, at, value) { this.add(node, node.items, at, indent => typeof value === 'function' ? value(indent) : written(value, indent)); }

  remove(node, at) { this.cut(node, node.items, at); }

  add(node, parts, at, made) {
    const first = parts[0], lead = this.text.slice(node.from + 1, first?.from ?? node.to - 1);
    if (!first) {
      const indent = this.indent(node.from), deeper = `${indent}  `;
      const whole = node.kind === 'list' ? `\n${deeper}${made(deeper)}\n${indent}` : made(indent);
      this.put(node.from + 1, node.to - 1, whole);
    } else {
      const gap = /\n/.test(lead) || parts.length < 2 ? lead : this.text.slice(parts[0].to, parts[1].from).replace(/^[^,]*,/, '');
      const indent = gap.split('\n').pop().match(/^\s*/)[0] || this.indent(node.from);
      const space = gap || (/^.[ \n]|: /.test(this.text) ? ' ' : '');
      if (at < parts.length) this.put(parts[at].from, parts[at].from, `${made(indent)},${space}`);
      else this.put(parts[at - 1].to, parts[at - 1].to, `,${space}${made(indent)}`);
    }
  }

  cut(node, parts, at) {
    if (parts.length === 1) this.put(node.from + 1, node.to - 1, '');
    else if (at) this.put(parts[at - 1].to, parts[at].to, '');
    else this.put(parts[0].from, parts[1].from, '');
  }

  indent(at) { return this.text.slice(this.text.lastIndexOf('\n', at - 1) + 1).match(/^[ \t]*/)[0]; }

  done() {
    let made = this.text;
    const late = this.cuts.map((one, i) => ({...one, i})).sort((a, b) => b.from - a.from || b.i - a.i);
    for (const {from, to, insert} of late) made = made.slice(0, from) + insert + made.slice(to);
    return between(this.text, made);
  }
}

/** The smallest edit that makes one text the other; null when they are the same. */
function between(before, after) {
  if (before === after) return null;
  const most = Math.min(before.length, after.length);
  const half = (text, at) => (text.charCodeAt(at) & 0xfc00) === 0xdc00;  // of a pair: never cut
  let from = 0, end = 0;
  while (from < most && before[from] === after[from]) from += 1;
  while (from && (half(before, from) || half(after, from))) from -= 1;
  while (end < most - from && before.at(-1 - end) === after.at(-1 - end)) end += 1;
  while (end && (half(before, before.length - end) || half(after, after.length - end))) end -= 1;
  return [from, before.length - end, after.slice(from, after.length - end)];
}

window.orchestraJson = {parse, plain, get, written, Change, between};
})();
