// Parts of the extension, without an editor. tests/editor.rs runs this.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { Module, createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';

const root = fs.mkdtempSync(path.join(os.tmpdir(), 'bg-run-parts-'));
process.env.BG_RUN_STATE_DIR = root;
process.on('exit', () => fs.rmSync(root, { recursive: true, force: true }));

/** What the extension asks of VS Code, as far as these parts need it. */
const opened = [];
const windows = { focused: true, folders: [root], groups: [] };
const vscode = {
  Range: class {
    constructor(...at) {
      this.at = at;
    }
  },
  ThemeColor: class {},
  TabInputText: class {
    constructor(uri) {
      this.uri = uri;
    }
  },
  Uri: { file: (fsPath) => ({ scheme: 'file', fsPath }) },
  ViewColumn: { Beside: -2 },
  workspace: {
    get workspaceFolders() {
      return windows.folders.map((folder) => ({ uri: vscode.Uri.file(folder) }));
    },
    openTextDocument: async (uri) => ({ uri }),
    onDidChangeWorkspaceFolders: () => ({ dispose() {} }),
  },
  window: {
    state: windows,
    createTextEditorDecorationType: () => ({ dispose() {} }),
    onDidChangeWindowState: () => ({ dispose() {} }),
    get tabGroups() {
      return { all: windows.groups, activeTabGroup: windows.groups[0] };
    },
    showTextDocument: async (document, options) => {
      if (document.uri.fsPath.includes('broken')) throw new Error('no such file');
      opened.push({ file: document.uri.fsPath, ...options });
      return { document };
    },
  },
};
const load = Module._load;
Module._load = (name, ...rest) => (name === 'vscode' ? vscode : load(name, ...rest));
const part = createRequire(new URL('../../editors/vscode/', import.meta.url));
const { parse } = part('./ansi');
const { plain } = part('./text');
const { Follower } = part('./follow');
const { span } = part('./tasks');
const { Windows } = part('./windows');

test('links and icons of VS Code are no links and icons any more', () => {
  for (const text of ['[Show log](command:git.push)', '$(pass) all is well', '[a][b](c)', '$(x)[y](z)', '](', '\\$(pass)', '[a]\\](command:b)', '$($(x))']) {
    assert.doesNotMatch(plain(text), /\]\(|\$\(/, text);
  }
  assert.equal(plain('pytest -x [unit] (fast) $5'), 'pytest -x [unit] (fast) $5');
});

test('spans of time are those of the program', () => {
  const lines = fs.readFileSync(new URL('../../src/durations.tsv', import.meta.url), 'utf8').trim().split('\n');
  for (const [ms, shown] of lines.map((line) => line.split('\t'))) assert.equal(span(Number(ms)), shown, `${ms} ms`);
});

test('parts of one colour that only sequences divide are one part', () => {
  const green = '\u001b[32m.\u001b[0m';
  const { hidden, coloured } = parse(green.repeat(3) + ' ' + green + '\u001b[31mF\u001b[0m');
  assert.equal(hidden.length, 10);
  assert.deepEqual(coloured.map((part) => part.colour), ['terminal.ansiGreen', 'terminal.ansiGreen', 'terminal.ansiRed']);
});

test('a line of many colours costs its length, not its square', () => {
  const time = (dots) => {
    const text = Array.from({ length: dots }, (_, at) => `\u001b[3${(at % 2) + 1}m.`).join('');
    const document = { lineAt: () => ({ text }) };
    const editor = { document, visibleRanges: [{ start: { line: 0 }, end: { line: 0 } }], setDecorations() {} };
    const follower = new Follower();
    follower.colour(editor);
    const start = process.cpuUsage();
    for (let run = 0; run < 20; run++) follower.colour(editor);
    return process.cpuUsage(start).user;
  };
  time(1000);
  // Linear work takes 8 times as long, quadratic work 64 times.
  const ratio = time(16_000) / time(2_000);
  assert.ok(ratio < 32, `${ratio}`);
});

test('a note that is a FIFO holds nothing up', () => {
  const session = path.join(root, 'opened', 's1');
  fs.mkdirSync(session, { recursive: true });
  execFileSync('mkfifo', [path.join(session, '1')]);
  fs.writeFileSync(path.join(root, 'opened', 's0'), 'no folder');
  fs.writeFileSync(path.join(session, '2'), '/p/job.log');
  const follower = new Follower();
  const document = (file) => ({ uri: { scheme: 'file', fsPath: file, toString: () => file } });
  assert.ok(follower.known(document('/p/job.log')));
  assert.equal(follower.known(document('/p/other.log')), undefined);
});

const until = async (probe) => {
  for (let tries = 0; tries < 500; tries++) {
    if (probe()) return;
    await new Promise((done) => setTimeout(done, 10));
  }
  assert.fail(`not in time: ${probe}`);
};

test('a window keeps a lease, and opens what it is asked for without the keyboard', async () => {
  const tab = (file) => ({ activeTab: { input: new vscode.TabInputText(vscode.Uri.file(file)) } });
  const window = new Windows((file) => file.endsWith('.output'), () => {});
  const folder = path.join(root, 'windows');
  const lease = () => JSON.parse(fs.readFileSync(path.join(folder, `${window.name}.lease`), 'utf8'));
  assert.deepEqual(lease().folders, [fs.realpathSync(root)]);
  assert.equal(lease().host, os.hostname());

  const file = (name) => {
    fs.writeFileSync(path.join(root, name), '');
    return path.join(root, name);
  };
  const output = file('b2.output');
  let count = 0;
  const ask = async (file) => {
    const stem = path.join(folder, `${window.name}.${++count}`);
    fs.writeFileSync(`${stem}.part`, JSON.stringify({ file }));
    fs.renameSync(`${stem}.part`, `${stem}.asked`);
    await until(() => !fs.existsSync(`${stem}.asked`) && !fs.existsSync(`${stem}.taken`));
    return fs.existsSync(`${stem}.failed`);
  };
  for (const [groups, column] of [
    [[{ viewColumn: 1 }], 1],
    [[{ viewColumn: 1, ...tab('/p/main.py') }], vscode.ViewColumn.Beside],
    [[{ viewColumn: 1, ...tab('/p/main.py') }, { viewColumn: 2, ...tab('/t/b1.output') }], 2],
    [[{ viewColumn: 1, ...tab('/t/b1.output') }, { viewColumn: 2, ...tab('/p/main.py') }], 1],
    [[{ viewColumn: 1, ...tab('/p/main.py') }, { viewColumn: 2, ...tab('/p/b.py') }], 2],
  ]) {
    windows.groups = groups;
    assert.equal(await ask(output), false);
    assert.deepEqual(opened.pop(), { file: output, preserveFocus: true, preview: false, viewColumn: column });
  }
  assert.equal(await ask(file('broken.output')), true);
  // A path that isn't a regular file any more isn't opened, because VS Code could wait for it.
  execFileSync('mkfifo', [path.join(root, 'fifo.output')]);
  for (const name of ['fifo.output', 'none.output', '.']) {
    assert.equal(await ask(path.join(root, name)), true, name);
  }
  assert.deepEqual(opened, []);

  // A file that isn't a request blocks nothing.
  const fifo = path.join(folder, `${window.name}.99`);
  execFileSync('mkfifo', [`${fifo}.part`]);
  fs.renameSync(`${fifo}.part`, `${fifo}.asked`);
  await until(() => fs.existsSync(`${fifo}.failed`));
  fs.rmSync(folder, { recursive: true });
  window.renew();
  assert.ok(lease());
  window.dispose();
  assert.ok(!fs.existsSync(path.join(folder, `${window.name}.lease`)));
});
