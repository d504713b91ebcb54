// What the editor uses of CodeMirror 6, as one module: the source of static/vendor/codemirror.js.

export {EditorState, Compartment} from '@codemirror/state';
export {
  EditorView, keymap, lineNumbers, drawSelection, highlightActiveLine, highlightSpecialChars, hoverTooltip,
} from '@codemirror/view';
export {defaultKeymap, history, historyKeymap, indentWithTab} from '@codemirror/commands';
export {json, jsonParseLinter} from '@codemirror/lang-json';
export {linter, lintGutter, lintKeymap, setDiagnostics} from '@codemirror/lint';
export {autocompletion, completionKeymap, closeBrackets, closeBracketsKeymap} from '@codemirror/autocomplete';
export {
  syntaxHighlighting, HighlightStyle, foldGutter, foldKeymap, indentOnInput, bracketMatching, syntaxTree,
} from '@codemirror/language';
export {search, searchKeymap} from '@codemirror/search';
export {tags} from '@lezer/highlight';
