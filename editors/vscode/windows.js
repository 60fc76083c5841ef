// Opens the outputs that bg-run requests, without taking the keyboard focus.
//
// The window keeps a lease in bg-run's state folder, so that bg-run knows that it exists. A request is a file beside
// the lease. It is renamed when the window takes it, and removed once the file is open.

const crypto = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const vscode = require('vscode');
const { readSmall, requireRegular } = require('./files');
const { stateDir } = require('./tasks');

/** Interval between renewals of the lease, in milliseconds. bg-run accepts a lease that is younger than 30 s. */
const RENEWED_EVERY = 10_000;

class Windows {
  /** `isOutput` says whether a file is a task's output; `shown` gets the editor of each opened file. */
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

  /** Renews the lease, and recreates it if it or its folder is gone. */
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
      // bg-run resolves links in the project's path too.
      lease.folders = folders.map((folder) => (fs.existsSync(folder) ? fs.realpathSync(folder) : folder));
      fs.writeFileSync(`${this.lease}.${process.pid}`, JSON.stringify(lease), { mode: 0o600 });
      fs.renameSync(`${this.lease}.${process.pid}`, this.lease);
      this.watch();
    } catch {
      // bg-run opens files by other methods if the state folder can't be written.
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

  /** Takes the request called `name` if it is for this window. */
  async take(name) {
    if (!name?.startsWith(`${this.name}.`) || !name.endsWith('.asked')) return;
    const stem = path.join(this.dir, name.slice(0, -'.asked'.length));
    try {
      fs.renameSync(`${stem}.asked`, `${stem}.taken`);
    } catch {
      // bg-run has withdrawn the request.
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

  /** Returns a column with outputs or nothing, or else a new one. An editor whose file is replaced passes its focus on. */
  column() {
    const { all, activeTabGroup } = vscode.window.tabGroups;
    const shows = ({ activeTab }) => activeTab?.input instanceof vscode.TabInputText && this.isOutput(activeTab.input.uri.fsPath);
    const free = (group) => !group.activeTab || shows(group);
    const group = free(activeTabGroup) ? activeTabGroup : all.find(free) ?? all.find((group) => group !== activeTabGroup);
    return group?.viewColumn ?? vscode.ViewColumn.Beside;
  }
}

module.exports = { Windows };
