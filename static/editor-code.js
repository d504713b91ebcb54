// CodeMirror over the textarea of a definition, in a shadow root: its styles are adopted there, so
// the policy has nothing to say. The textarea stays in step, and is what the form sends.

const AFTER_MS = 60;

function look(cm) {
  const {EditorView, HighlightStyle, tags} = cm;
  const theme = EditorView.theme({
    '&': {height: '100%', color: 'var(--fg-0)', backgroundColor: 'transparent', fontSize: '13.5px'},
    '&.cm-focused': {outline: 'none'},
    '.cm-scroller': {fontFamily: 'var(--mono)', lineHeight: '1.6', overflow: 'auto'},
    '.cm-content': {padding: '12px 0', caretColor: 'var(--cyan)'},
    '.cm-line': {padding: '0 12px 0 6px'},
    '.cm-cursor': {borderLeftColor: 'var(--cyan)', borderLeftWidth: '2px'},
    '.cm-selectionBackground, &.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground':
      {backgroundColor: 'var(--bg-3)'},
    '.cm-activeLine': {backgroundColor: 'color-mix(in srgb, var(--cyan) 6%, transparent)'},
    '.cm-gutters': {backgroundColor: 'var(--bg-1)', color: 'var(--fg-2)', border: '0'},
    '.cm-activeLineGutter': {backgroundColor: 'transparent', color: 'var(--fg-0)'},
    '.cm-gutter-lint': {width: '18px'},
    '.cm-gutter-lint .cm-gutterElement': {display: 'flex', alignItems: 'center', padding: '0 2px'},
    '.cm-foldGutter .cm-gutterElement': {padding: '0 4px', cursor: 'pointer'},
    '.cm-foldPlaceholder': {backgroundColor: 'var(--bg-3)', border: '0', color: 'var(--fg-1)', padding: '0 6px'},
    // A brace whose other half was not reached yet counts as unmatched: real ones are findings.
    '.cm-matchingBracket, .cm-nonmatchingBracket, &.cm-focused .cm-nonmatchingBracket': {backgroundColor: 'transparent', color: 'inherit'},
    '&.cm-focused .cm-matchingBracket': {backgroundColor: 'transparent', outline: '1px solid var(--cyan)', color: 'inherit'},
    '.cm-lintRange-error': {backgroundImage: 'none', textDecoration: 'underline wavy var(--red)', textUnderlineOffset: '3px'},
    '.cm-lintRange-warning': {backgroundImage: 'none', textDecoration: 'underline wavy var(--amber)', textUnderlineOffset: '3px'},
    '.cm-lintRange-info': {backgroundImage: 'none', textDecoration: 'underline dotted var(--blue)', textUnderlineOffset: '3px'},
    '.cm-lintRange-active': {backgroundColor: 'var(--bg-3)'},
    '.cm-lint-marker': {content: 'none', boxSizing: 'border-box', width: '10px', height: '10px', borderRadius: '50%', margin: '0 0 0 3px'},
    '.cm-lint-marker-error': {content: 'none', backgroundColor: 'var(--red)', borderRadius: '2px'},
    '.cm-lint-marker-warning': {content: 'none', backgroundColor: 'var(--amber)'},
    '.cm-lint-marker-info': {content: 'none', border: '2px solid var(--blue)'},
    '.cm-tooltip': {backgroundColor: 'var(--bg-2)', border: '1px solid var(--line-strong)', borderRadius: '10px',
      color: 'var(--fg-0)', boxShadow: '0 12px 40px #0008', overflow: 'hidden', maxWidth: '520px'},
    '.cm-diagnostic': {padding: '8px 12px', borderLeft: '3px solid var(--red)', fontFamily: 'var(--sans)', fontSize: '13.5px'},
    '.cm-diagnostic-warning': {borderLeftColor: 'var(--amber)'},
    '.cm-diagnostic-info': {borderLeftColor: 'var(--blue)'},
    '.cm-diagnosticAction': {backgroundColor: 'var(--cyan)', color: 'var(--ink)', borderRadius: '6px', padding: '3px 10px',
      margin: '0 0 0 10px', fontWeight: '600'},
    '.cm-tooltip-autocomplete > ul': {fontFamily: 'var(--mono)', maxHeight: '15em'},
    '.cm-tooltip-autocomplete > ul > li': {padding: '4px 10px'},
    '.cm-tooltip-autocomplete ul li[aria-selected]': {backgroundColor: 'var(--bg-3)', color: 'var(--cyan)'},
    '.cm-completionMatchedText': {textDecoration: 'none', color: 'var(--cyan)', fontWeight: '600'},
    '.cm-completionDetail': {color: 'var(--fg-2)', fontStyle: 'normal', marginLeft: '10px', fontSize: '12px'},
    '.cm-tooltip.cm-completionInfo': {padding: '8px 12px', fontFamily: 'var(--sans)', fontSize: '13px', maxWidth: '320px'},
    '.cm-panels': {backgroundColor: 'var(--bg-2)', color: 'var(--fg-0)', borderColor: 'var(--line)'},
    '.cm-panel.cm-search': {padding: '8px 10px', fontFamily: 'var(--sans)', fontSize: '13px'},
    '.cm-textfield': {backgroundColor: 'var(--bg-3)', color: 'var(--fg-0)', border: '1px solid var(--line-strong)',
      borderRadius: '6px', padding: '4px 8px', fontSize: '13px'},
    '.cm-button': {backgroundImage: 'none', backgroundColor: 'var(--bg-3)', color: 'var(--fg-0)',
      border: '1px solid var(--line-strong)', borderRadius: '6px', fontSize: '13px'},
    '.cm-searchMatch': {backgroundColor: 'color-mix(in srgb, var(--amber) 30%, transparent)'},
    '.cm-searchMatch-selected': {outline: '1px solid var(--amber)'},
  });
  const colours = HighlightStyle.define([
    {tag: tags.propertyName, color: 'var(--cyan)'},
    {tag: tags.string, color: 'var(--green)'},
    {tag: tags.number, color: 'var(--amber)'},
    {tag: [tags.bool, tags.null], color: 'var(--magenta)'},
    {tag: [tags.brace, tags.squareBracket, tags.separator], color: 'var(--fg-1)'},
  ]);
  return [theme, cm.syntaxHighlighting(colours)];
}

/** The one place where broken JSON is broken, as the parser of the page sees it. */
function broken(cm, view) {
  if (!view.state.doc.toString().trim()) return [];
  return cm.jsonParseLinter()(view).map(one => ({...one, to: Math.max(one.to, one.from + 1), source: 'syntax'}));
}

const SEVERITY = {error: 'error', warning: 'warning', note: 'info'};

/** What the server found, where it still stands. */
function diagnostics(findings, length, fix) {
  return findings.filter(one => one.range && one.from <= length).map(one => ({
    from: one.from,
    to: Math.min(length, Math.max(one.to, one.from + 1)),
    severity: SEVERITY[one.severity] ?? 'error',
    message: one.message,
    actions: one.fix ? [{name: 'Fix', apply: () => fix(`${one.code} ${one.pointer}`)}] : [],
  }));
}

/** What is selected now, also when the state was not told of it yet. */
function chosen(view) {
  const {anchorNode, anchorOffset, focusNode, focusOffset} = view.root.getSelection?.() ?? {};
  if (!view.contentDOM.contains(anchorNode) || !view.contentDOM.contains(focusNode)) {
    return [view.state.selection.main.from, view.state.selection.main.to];
  }
  return [view.posAtDOM(anchorNode, anchorOffset), view.posAtDOM(focusNode, focusOffset)];
}

/** Put CodeMirror in place of `area`; answers what `orchestraText.adopt` wants. */
export function mount(cm, area, {complete, fix, save}) {
  const host = document.createElement('div'), {EditorView} = cm;
  host.className = 'host';
  const root = host.attachShadow({mode: 'open'}), frame = document.createElement('div');
  frame.className = 'frame';
  root.append(frame);
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(':host{display:block;min-width:0}.frame{height:100%}');
  root.adoptedStyleSheets = [sheet];
  const focused = document.activeElement === area, {selectionStart} = area;
  let own = false, timer = 0, wrong = false;

  function check(view) {
    const found = broken(cm, view);
    if (!found.length && !wrong) return;
    wrong = found.length > 0;
    view.dispatch(cm.setDiagnostics(view.state, found));
  }

  const view = new EditorView({
    root,
    parent: frame,
    state: cm.EditorState.create({
      doc: area.value,
      selection: {anchor: Math.min(selectionStart, area.value.length)},
      extensions: [
        cm.lineNumbers(), cm.lintGutter(), cm.foldGutter(), cm.history(), cm.drawSelection(), cm.highlightActiveLine(),
        cm.highlightSpecialChars(), cm.indentOnInput(), cm.bracketMatching(), cm.closeBrackets(), cm.search({top: true}), cm.json(),
        cm.autocompletion({override: [complete], icons: false, activateOnTypingDelay: 60}),
        cm.keymap.of([
          {key: 'Mod-Enter', run: () => { save(); return true; }},
          ...cm.closeBracketsKeymap, ...cm.defaultKeymap, ...cm.searchKeymap, ...cm.historyKeymap, ...cm.foldKeymap,
          ...cm.completionKeymap, ...cm.lintKeymap,
        ]),
        EditorView.contentAttributes.of({'aria-label': 'Definition, JSON. Tab leaves the editor.', tabindex: '0', spellcheck: 'false',
          autocapitalize: 'off', autocorrect: 'off'}),
        // The browser itself would replace lines by markup with a style, and the policy report it.
        EditorView.domEventHandlers({beforeinput(event, at) {
          const {data} = event, now = chosen(at);
          if (event.isComposing || event.inputType !== 'insertText' || data === null) return false;
          const from = Math.min(...now), to = Math.max(...now);
          if (from === to && !data.includes('\n')) return false;
          const change = {changes: {from, to, insert: data}, selection: {anchor: from + data.length},
            userEvent: 'input.type', scrollIntoView: true};
          const insert = () => at.state.update(change);
          if (!at.state.facet(EditorView.inputHandler).some(one => one(at, from, to, data, insert))) at.dispatch(change);
          return true;
        }}),
        EditorView.updateListener.of(update => {
          if (!update.docChanged) return;
          own = true;
          area.value = update.state.doc.toString();
          area.dispatchEvent(new Event('input', {bubbles: true}));
          own = false;
          clearTimeout(timer);
          timer = setTimeout(() => check(update.view), AFTER_MS);
        }),
        look(cm),
      ],
    }),
  });
  area.after(host);
  area.hidden = true;
  // The keys of the page know nothing of a shadow root: plain ones end here.
  host.addEventListener('keydown', event => {
    if (!event.ctrlKey && !event.metaKey && !event.altKey) event.stopPropagation();
  });
  area.addEventListener('input', () => {
    if (!own) view.dispatch({changes: {from: 0, to: view.state.doc.length, insert: area.value}});
  });
  document.querySelector(`label[for="${area.id}"]`)?.addEventListener('click', () => view.focus());
  document.addEventListener('orchestra:findings', event => {
    if (broken(cm, view).length) return;
    wrong = false;
    view.dispatch(cm.setDiagnostics(view.state, diagnostics(event.detail.findings, view.state.doc.length, fix)));
  });
  if (focused) view.focus();
  return {
    get: () => view.state.doc.toString(),
    edit(from, to, insert) {
      view.dispatch({changes: {from, to, insert}, userEvent: 'input', scrollIntoView: false});
    },
    undo() { cm.historyKeymap.find(one => one.key === 'Mod-z').run(view); },
    redo() { cm.historyKeymap.find(one => one.key === 'Mod-y').run(view); },
    select(from, to) {
      const most = view.state.doc.length;
      view.focus();
      view.dispatch({
        selection: {anchor: Math.min(from, most), head: Math.min(to, most)},
        effects: EditorView.scrollIntoView(Math.min(from, most), {y: 'center'}),
      });
    },
  };
}
