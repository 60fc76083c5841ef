// Opens the outputs that bg-run hands over, without taking the keyboard.
//
// The window keeps a lease in bg-run's state folder, so that bg-run knows that it is there. A request is a file beside
// it: renamed when it is taken, removed when the file is open.

const crypto = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const vscode = require('vscode');
const { readSmall, requireRegular } = require('./files');
const { stateDir } = require('./tasks');

/** How often the lease is renewed, in milliseconds; bg-run takes one for valid that is younger than 30 s. */
const RENEWED_EVERY = 10_000;

class Windows {
  /** `isOutput` tells whether a file is a task's output; `shown` is told of the editor of each that was opened. */
  constructor(isOutput, shown) {
    Object.assign(this, { isOutput, shown, focused: vscode.window.state.focused ? Date.now() : 0 });
    this.dir = path.join(stateDir(), 'windows');
    this.name = crypto.randomBytes(8).toString('hex');
    this.lease = path.join(this.dir, `${this.name}.lease`);
    this.renew();
    this.timer = setInterval(() => this.renew(), RENEWED_EVERY);
    this.parts = [
      vscode.workspace.onDidChangeWorkspaceFolders(() => this.write()),
      vscode.window.onDidChangeWindowState(({ focused }) => {
        if (!focused) return;
        this.focused = Date.now();
        this.write();
      }),
    ];
  }

  dispose() {
    clearInterval(this.timer);
    this.watcher?.close();
    for (const part of this.parts) part.dispose();
    fs.rmSync(this.lease, { force: true });
  }

  /** Renews the lease, and makes it anew where it or its folder is gone. */
  renew() {
    const now = new Date();
    try {
      fs.utimesSync(this.lease, now, now);
      if (!this.watcher) this.write();
    } catch {
      this.write();
    }
  }

  write() {
    const folders = (vscode.workspace.workspaceFolders ?? []).filter(({ uri }) => uri.scheme === 'file').map(({ uri }) => uri.fsPath);
    const lease = { host: os.hostname(), folders, focused: this.focused };
    try {
      fs.mkdirSync(this.dir, { recursive: true, mode: 0o700 });
      // Links are resolved, as bg-run resolves the project's.
      lease.folders = folders.map((folder) => (fs.existsSync(folder) ? fs.realpathSync(folder) : folder));
      fs.writeFileSync(`${this.lease}.${process.pid}`, JSON.stringify(lease), { mode: 0o600 });
      fs.renameSync(`${this.lease}.${process.pid}`, this.lease);
      this.watch();
    } catch {
      // A state folder that can't be written: bg-run opens files by other ways.
      this.unwatch();
    }
  }

  watch() {
    if (this.watcher) return;
    this.watcher = fs.watch(this.dir, (_, name) => this.take(name));
    this.watcher.on('error', () => this.unwatch());
  }

  unwatch() {
    this.watcher?.close();
    this.watcher = undefined;
  }

  /** Takes the request called `name`, where it is one to this window. */
  async take(name) {
    if (!name?.startsWith(`${this.name}.`) || !name.endsWith('.asked')) return;
    const stem = path.join(this.dir, name.slice(0, -'.asked'.length));
    try {
      fs.renameSync(`${stem}.asked`, `${stem}.taken`);
    } catch {
      // bg-run took it back.
      return;
    }
    try {
      const { file } = JSON.parse(readSmall(`${stem}.taken`));
      await this.open(file);
      fs.rmSync(`${stem}.taken`, { force: true });
    } catch {
      fs.renameSync(`${stem}.taken`, `${stem}.failed`);
    }
  }

  /** Shows `file` at its end in a column in which nobody is typing. */
  async open(file) {
    requireRegular(file);
    const document = await vscode.workspace.openTextDocument(vscode.Uri.file(file));
    const editor = await vscode.window.showTextDocument(document, { preserveFocus: true, preview: false, viewColumn: this.column() });
    this.shown(editor);
  }

  /** A column that shows outputs or nothing, else one beside: an editor whose file is replaced hands its keyboard on. */
  column() {
    const { all, activeTabGroup } = vscode.window.tabGroups;
    const shows = ({ activeTab }) => activeTab?.input instanceof vscode.TabInputText && this.isOutput(activeTab.input.uri.fsPath);
    const free = (group) => !group.activeTab || shows(group);
    const group = free(activeTabGroup) ? activeTabGroup : all.find(free) ?? all.find((group) => group !== activeTabGroup);
    return group?.viewColumn ?? vscode.ViewColumn.Beside;
  }
}

module.exports = { Windows };
