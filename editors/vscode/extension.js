// The background tasks of Claude Code in the editor: follows their outputs, and shows their state in the status
// bar, on their tabs, in a tree, and by a notification at the end.

const path = require('node:path');
const vscode = require('vscode');
const { requireRegular } = require('./files');
const { Follower, OUTPUT } = require('./follow');
const { Tasks, span, words } = require('./tasks');
const { plain } = require('./text');
const { Windows } = require('./windows');

/** The icon, the tab's badge and the colour of each state. */
const LOOKS = {
  running: { icon: 'sync~spin', badge: '●', colour: 'charts.blue' },
  done: { icon: 'pass', badge: '✓', colour: 'charts.green' },
  exit: { icon: 'error', badge: '✗', colour: 'charts.red' },
  killed: { icon: 'circle-slash', badge: '✗', colour: 'charts.yellow' },
  stopped: { icon: 'circle-slash', badge: '✗', colour: 'charts.yellow' },
  detached: { icon: 'circle-outline', badge: '–', colour: 'disabledForeground' },
  lost: { icon: 'question', badge: '?', colour: 'disabledForeground' },
};
const look = (task) => LOOKS[task.state] ?? LOOKS.detached;
/** Maximum number of rows in the tree. */
const SHOWN = 50;
/** Interval between updates of running times, in milliseconds. */
const TICK = 1000;

class View {
  constructor() {
    this.decorated = new vscode.EventEmitter();
    this.listed = new vscode.EventEmitter();
    this.onDidChangeFileDecorations = this.decorated.event;
    this.onDidChangeTreeData = this.listed.event;
    this.tasks = new Tasks(
      () => (vscode.workspace.workspaceFolders ?? []).map((folder) => folder.uri.fsPath),
      (changed, ended) => this.changed(changed, ended),
    );
    this.status = vscode.window.createStatusBarItem('bg-run', vscode.StatusBarAlignment.Left, 0);
    this.status.name = 'bg-run';
    this.timer = setInterval(() => this.tick(), TICK);
    this.tick();
  }

  dispose() {
    clearInterval(this.timer);
    for (const part of [this.tasks, this.status, this.decorated, this.listed]) part.dispose();
  }

  changed(tasks, ended) {
    this.decorated.fire(tasks.flatMap((task) => this.tasks.files(task)).map((file) => vscode.Uri.file(file)));
    this.listed.fire();
    this.mark();
    this.tell();
    for (const task of ended) if (this.tasks.isOurs(task)) this.notify(task);
  }

  tick() {
    this.tell();
    for (const task of this.mark()) if (task.state === 'running') this.listed.fire(task);
  }

  /** Shows the list if there are tasks, before the user opens it. Returns the tasks. */
  mark() {
    const some = this.tasks.list();
    vscode.commands.executeCommand('setContext', 'bg-run.any', some.length > 0);
    return some;
  }

  /** Updates the status bar: the task of the active editor, or else the number of running tasks. */
  tell(editor = vscode.window.activeTextEditor) {
    const task = editor && this.shownIn(editor.document);
    const running = this.tasks.list().filter((task) => task.state === 'running');
    if (task) {
      this.status.text = `$(${look(task).icon}) ${plain(`${clipped(task.name)}: ${words(task)}`)}`;
      this.status.tooltip = tooltip(task);
    } else if (running.length) {
      this.status.text = `$(sync~spin) ${running.length === 1 ? plain(clipped(running[0].name)) : `${running.length} tasks`} running`;
      this.status.tooltip = running.map((task) => `${task.name}: ${words(task)}`).join('\n');
    } else {
      return this.status.hide();
    }
    this.status.command = 'bg-run.tasks.focus';
    this.status.show();
  }

  /** Returns the task whose output a document is. */
  shownIn(document) {
    return document.uri.scheme === 'file' ? this.tasks.of(document.uri.fsPath) : undefined;
  }

  provideFileDecoration(uri) {
    const task = uri.scheme === 'file' ? this.tasks.of(uri.fsPath) : undefined;
    if (!task) return undefined;
    const { badge, colour } = look(task);
    return new vscode.FileDecoration(badge, `${task.command}\n${words(task)}`, new vscode.ThemeColor(colour));
  }

  async notify(task) {
    if (!vscode.workspace.getConfiguration('bg-run').get('notifications')) return;
    const front = vscode.window.activeTextEditor?.document.uri.fsPath;
    if (vscode.window.state.focused && this.tasks.files(task).includes(front)) return;
    const say = task.state === 'done' ? vscode.window.showInformationMessage : vscode.window.showWarningMessage;
    if ((await say(plain(`"${clipped(task.name)}": ${words(task)}`), 'Show')) === 'Show') await this.open(task);
  }

  async open(task) {
    const file = this.tasks.tab(task);
    try {
      requireRegular(file);
      const editor = await vscode.window.showTextDocument(vscode.Uri.file(file), { preview: false });
      const last = editor.document.lineCount - 1;
      editor.selection = new vscode.Selection(last, 0, last, 0);
      editor.revealRange(new vscode.Range(last, 0, last, 0));
    } catch (error) {
      vscode.window.showWarningMessage(plain(`The output of "${clipped(task.name)}" can't be opened: ${error.message}`));
    }
  }

  getChildren(task) {
    return task ? [] : this.tasks.list().slice(0, SHOWN);
  }

  getTreeItem(task) {
    const item = new vscode.TreeItem(plain(task.name));
    const ago = task.ended ? `, ${span(Date.now() - task.ended)} ago` : '';
    const { icon, colour } = look(task);
    item.id = task.id;
    item.description = plain(words(task) + ago);
    item.iconPath = new vscode.ThemeIcon(icon, new vscode.ThemeColor(colour));
    item.tooltip = tooltip(task);
    item.accessibilityInformation = { label: `${task.name}, ${item.description}` };
    item.command = { command: 'bg-run.show', title: 'Show', arguments: [task] };
    return item;
  }
}

const clipped = (text) => (text.length > 40 ? `${text.slice(0, 39)}…` : text);
const tooltip = (task) => [task.command ?? task.name, task.log ?? task.output, words(task)].filter(Boolean).join('\n');

function activate(context) {
  const follower = new Follower();
  const view = new View();
  const windows = new Windows(
    (file) => OUTPUT.test(file) || Boolean(view.tasks.of(file)),
    (editor) => follower.show(editor),
  );
  context.subscriptions.push(
    follower,
    view,
    windows,
    vscode.window.registerFileDecorationProvider(view),
    vscode.window.registerTreeDataProvider('bg-run.tasks', view),
    vscode.commands.registerCommand('bg-run.show', (task) => view.open(task)),
    vscode.workspace.onDidChangeTextDocument((event) => {
      follower.grown(event.document);
      if (event.document === vscode.window.activeTextEditor?.document) view.tell();
    }),
    vscode.workspace.onDidCloseTextDocument((document) => follower.forget(document)),
    vscode.window.onDidChangeTextEditorVisibleRanges((event) => follower.scrolled(event.textEditor)),
    vscode.window.onDidChangeActiveTextEditor((editor) => {
      view.tell(editor);
      return follower.activated(editor);
    }),
  );
  return follower.activated(vscode.window.activeTextEditor);
}

module.exports = { activate };
