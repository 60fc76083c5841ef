// Keeps the last line of an output in view, shows its colours, and makes it read-only.

const fs = require('node:fs');
const path = require('node:path');
const vscode = require('vscode');
const { parse } = require('./ansi');
const { readSmall } = require('./files');
const { stateDir } = require('./tasks');

const OUTPUT = /[\\/]tasks[\\/][^\\/]+\.output$/;

/** Whether bg-run recorded that it opened the file. The record contains its path. */
function isNoted(file) {
  const sessions = path.join(stateDir(), 'opened');
  const holds = (note) => {
    try {
      return readSmall(note) === file;
    } catch {
      return false;
    }
  };
  const names = (dir) => {
    try {
      return fs.readdirSync(dir);
    } catch {
      return [];
    }
  };
  return names(sessions).some((session) => {
    const dir = path.join(sessions, session);
    return names(dir).some((note) => holds(path.join(dir, note)));
  });
}

class Follower {
  constructor() {
    /** Whether each document is followed, its first line in view, and whether it was made read-only. */
    this.documents = new Map();
    this.hidden = vscode.window.createTextEditorDecorationType({ textDecoration: 'none; display: none;' });
    this.styles = new Map();
  }

  dispose() {
    for (const part of [this.hidden, ...this.styles.values()]) part.dispose();
  }

  /** Returns the state of a document; nothing if it isn't followed. */
  known(document) {
    if (document.uri.scheme !== 'file') return undefined;
    const key = document.uri.toString();
    if (!this.documents.has(key)) {
      const file = document.uri.fsPath;
      const ours = OUTPUT.test(file) || isNoted(file);
      this.documents.set(key, ours ? { following: true, top: 0, readonly: false } : null);
    }
    return this.documents.get(key) ?? undefined;
  }

  forget(document) {
    this.documents.delete(document.uri.toString());
  }

  grown(document) {
    const known = this.known(document);
    if (!known) return;
    for (const editor of vscode.window.visibleTextEditors) {
      if (editor.document === document) this.show(editor, known);
    }
  }

  scrolled(editor) {
    const known = this.known(editor.document);
    if (!known) return;
    const last = editor.document.lineCount - 1;
    const top = Math.min(...editor.visibleRanges.map((range) => range.start.line));
    const bottom = Math.max(...editor.visibleRanges.map((range) => range.end.line));
    // Only the user moves the view up; growth never does.
    if (bottom >= last - 1) known.following = true;
    else if (top < known.top) known.following = false;
    known.top = top;
    this.colour(editor);
  }

  show(editor, known = this.known(editor.document)) {
    if (!known) return;
    if (known.following) {
      const last = editor.document.lineCount - 1;
      editor.revealRange(new vscode.Range(last, 0, last, 0), vscode.TextEditorRevealType.Default);
    }
    this.colour(editor);
  }

  async activated(editor) {
    const known = editor && this.known(editor.document);
    if (!known) return;
    this.show(editor, known);
    if (!known.readonly) {
      known.readonly = true;
      await vscode.commands.executeCommand('workbench.action.files.setActiveEditorReadonlyInSession');
    }
  }

  /** Hides escape sequences and shows their colours in the lines in view. */
  colour(editor) {
    const hidden = [];
    const ranges = new Map();
    for (const visible of editor.visibleRanges) {
      for (let line = visible.start.line; line <= visible.end.line; line++) {
        const { hidden: sequences, coloured } = parse(editor.document.lineAt(line).text);
        for (const [start, end] of sequences) hidden.push(new vscode.Range(line, start, line, end));
        for (const part of coloured) {
          const style = this.style(part);
          if (!ranges.has(style)) ranges.set(style, []);
          ranges.get(style).push(new vscode.Range(line, part.start, line, part.end));
        }
      }
    }
    editor.setDecorations(this.hidden, hidden);
    for (const style of this.styles.values()) editor.setDecorations(style, ranges.get(style) ?? []);
  }

  style({ colour, bold }) {
    const key = `${colour} ${bold}`;
    if (!this.styles.has(key)) {
      const look = { fontWeight: bold ? 'bold' : undefined, color: colour ? new vscode.ThemeColor(colour) : undefined };
      this.styles.set(key, vscode.window.createTextEditorDecorationType(look));
    }
    return this.styles.get(key);
  }
}

module.exports = { Follower, OUTPUT };
