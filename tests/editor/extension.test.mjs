// The extension in the real VS Code. tests/editor.rs packs it and runs this.
//
// VS Code's server works here as on a remote host over SSH, in WSL and in containers: the extension runs beside bg-run in
// the server's extension host, and the window is a browser's. A desktop's window has its extension host on the same machine.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { appendFileSync, closeSync, mkdirSync, openSync, readFileSync, readdirSync, renameSync, rmSync, utimesSync, watch, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { BG_RUN, Server, ask, pause, until } from './server.mjs';

let server, window, other;
const children = [];

before(async () => {
  server = await Server.start();
  window = await server.window(server.dirs.project);
  other = await server.window(server.dirs.other);
  const ran = spawnSync(BG_RUN, ['install'], { env: environment() });
  assert.equal(ran.status, 0, ran.stderr.toString());
  assert.match(ran.stdout.toString(), /The extension is installed in VS Code/);
  await until('the extension speaks', async () => {
    const file = output('b0.output', '[exited with code 0]\n');
    await open(file);
    return (await status()).includes('b0: done');
  }, 60_000);
}, { timeout: 180_000 });
after(async () => {
  for (const child of children) child.kill();
  await server?.stop();
});

function output(name, text) {
  const tasks = join(server.dirs.tmp, `claude-${process.getuid()}/-p/5e55/tasks`);
  mkdirSync(tasks, { recursive: true });
  // The record is like one from the hook.
  mkdirSync(server.dirs.state, { recursive: true });
  writeFileSync(join(server.dirs.state, 'program'), BG_RUN);
  const file = join(tasks, name);
  writeFileSync(file, text);
  return file;
}

const environment = () => ({ ...server.env, VSCODE_IPC_HOOK_CLI: window.socket, TERM_PROGRAM: 'vscode' });

async function open(file, name = file.split('/').at(-1)) {
  const ran = spawnSync(BG_RUN, ['open', file], { env: environment(), cwd: server.dirs.project });
  assert.equal(ran.status, 0, ran.stderr.toString());
  await window.tab(name);
}

/** The note of a task of the project, as bg-run writes it. */
function note(id, more) {
  const folder = join(server.dirs.state, 'tasks');
  mkdirSync(folder, { recursive: true });
  const output = join(server.dirs.tmp, `claude-${process.getuid()}/-p/5e55/tasks/${id}.output`);
  const text = { id, command: 'PYTHONUNBUFFERED=1 pytest -x 2>&1', project: server.dirs.project, started: new Date(Date.now() - 180_000), output, ended: null, ...more };
  const file = join(folder, `${id}.json`);
  writeFileSync(`${file}.1`, JSON.stringify(text));
  renameSync(`${file}.1`, file);
}

/** Somebody who writes to a file until he is ended, as a task does. */
function writer(file) {
  const fd = openSync(file, 'a');
  const child = spawn('sleep', ['600'], { stdio: ['ignore', fd, fd] });
  closeSync(fd);
  children.push(child);
  return child;
}

const named = async (window, name) => (await window.tabs()).filter((tab) => tab.name === name);

/** The tree's rows, read aloud. */
const tree = () => window.page.evaluate(() => [...document.querySelectorAll('.pane-body .monaco-list-row')].map((row) => row.getAttribute('aria-label')));

const lines = (from, to) => Array.from({ length: to - from }, (_, at) => `line ${from + at}\n`).join('');
const status = () => window.page.evaluate(() => document.querySelector('.statusbar-item[id$="bg-run"], .statusbar-item[aria-label*="bg-run"]')?.innerText.trim() ?? '');
// Until the watcher runs, VS Code notices a change only with the next one.
const grow = (file, text, last) => until(`the view ends with ${last}`, async () => {
  appendFileSync(file, text.shift() ?? '');
  await pause(300);
  return (await window.lines()).includes(last);
}, 30_000);

test('the last line stays in view, until the user scrolls up', { timeout: 90_000 }, async () => {
  const file = output('b1.output', lines(0, 100));
  await open(file);
  await grow(file, [lines(100, 200), lines(200, 300)], 'line 299');
  appendFileSync(file, lines(300, 400));
  await window.shows('line 399');

  await window.click();
  for (let page = 0; page < 3; page++) await window.page.keyboard.press('PageUp');
  // All three changes have arrived once the view is stable.
  const before = await until('the view moves up and stands still', async () => {
    const lines = await window.lines();
    await pause(500);
    return !lines.includes('line 399') && lines.join() === (await window.lines()).join() && lines;
  });
  appendFileSync(file, lines(400, 500));
  await pause(2000);
  assert.deepEqual(await window.lines(), before, 'the view moves under the reader');

  await window.page.keyboard.press('Control+End');
  await window.shows('line 499');
  appendFileSync(file, lines(500, 600));
  await window.shows('line 599');
});

test('keys do not change it, and the status bar tells how the task is', { timeout: 90_000 }, async () => {
  const file = output('b2.output', 'start\n');
  const child = writer(file);
  await open(file);
  await until('it runs', async () => (await status()).includes('b2: running'));
  await window.click();
  await window.page.keyboard.type('oops');
  await pause(500);
  assert.ok(!(await window.tabs()).some((tab) => tab.dirty));
  await grow(file, ['more\n', 'and more\n'], 'and more');
  appendFileSync(file, '[exited with code 3]\n');
  child.kill();
  await until('it ended', async () => (await status()).includes('b2: exit 3'));
});

const TRAINING = '\u001b[1mTraining on 60000 samples\u001b[0m\nepoch 1/10  \u001b[33mloss 0.693\u001b[0m  \u001b[32maccuracy 0.51\u001b[0m\n';

test('a task opens while somebody types, and the keys go on to where they went', { timeout: 90_000 }, async () => {
  const notes = join(server.dirs.project, 'notes.txt');
  writeFileSync(notes, '');
  const shown = await ask(window.socket, { type: 'open', fileURIs: [`file://${notes}`], folderURIs: [], forceReuseWindow: true });
  assert.equal(shown.status, 200);
  await window.tab('notes.txt');
  await window.click();
  const file = output('b9.output', TRAINING);
  note('b9', { description: 'Train the model', command: 'python train.py --epochs 10', started: new Date() });
  const child = writer(file);
  const name = 'Train the model · b9.output';
  let typed = '';
  const type = async (text) => {
    typed += text;
    await window.page.keyboard.type(text, { delay: 20 });
  };
  await type('I type ');
  const opening = new Promise((done) => spawn(BG_RUN, ['open', file], { env: environment(), cwd: server.dirs.project }).on('close', done));
  while (!(await window.tabs()).some((tab) => tab.name === name)) await type('and type ');
  await type('on.');
  assert.equal(await opening, 0);
  await until('the notes have all keys', async () => (await window.lines()).join('') === typed);
  assert.equal(readFileSync(file, 'utf8'), TRAINING);
  assert.ok(!(await window.tabs()).some((tab) => tab.name === name && tab.dirty));
  // No settings file makes it read-only here, and it never had the keyboard focus.
  await until('it is read-only', () => window.page.evaluate((name) => document.querySelector(`.tabs-container .tab[data-resource-name="${name}"] .monaco-icon-label`).getAttribute('aria-label').includes('Read-only'), name));
  // The output is visible beside the notes.
  assert.ok((await window.tabs()).filter((tab) => tab.active).length === 2);
  if (process.env.BG_RUN_SCREENS) {
    appendFileSync(file, [2, 3, 4].map((epoch) => `epoch ${epoch}/10  \u001b[33mloss ${(0.8 / epoch).toFixed(3)}\u001b[0m  \u001b[32maccuracy ${(1 - 0.4 / epoch).toFixed(2)}\u001b[0m\n`).join(''));
    await until('it grows', () => window.page.evaluate(() => document.querySelector('.part.editor').innerText.includes('4/10')));
    await window.page.screenshot({ path: join(process.env.BG_RUN_SCREENS, 'vscode-typing.png'), clip: { x: 0, y: 0, width: 1280, height: 300 } });
  }
  await window.page.keyboard.press('Control+S');
  await until('the notes are saved', async () => readFileSync(notes, 'utf8').trim() === typed.trim());
  child.kill();
  await window.close('notes.txt');
});

test('of two windows, the one that has the project opens it, whoever asks', { timeout: 60_000 }, async () => {
  const inside = join(server.dirs.other, 'packages/one');
  mkdirSync(inside, { recursive: true });
  const file = output('b13.output', 'x\n');
  // The variable belongs to the other window, because tmux keeps old values.
  const ran = spawnSync(BG_RUN, ['open', file], { env: environment(), cwd: inside });
  assert.equal(ran.status, 0, ran.stderr.toString());
  await other.tab('b13.output');
  assert.deepEqual(await named(window, 'b13.output'), []);
});

test('a lease of another machine is not asked', { timeout: 60_000 }, async () => {
  const lease = join(server.dirs.state, 'windows/fedcba9876543210.lease');
  writeFileSync(lease, JSON.stringify({ host: 'elsewhere.example', folders: [server.dirs.project], focused: Date.now() * 2 }));
  const asked = [];
  const watcher = watch(join(server.dirs.state, 'windows'), (_, name) => asked.push(name));
  await open(output('b14.output', 'x\n'));
  watcher.close();
  rmSync(lease);
  assert.ok(asked.some((name) => name?.endsWith('.asked')), asked.join());
  assert.ok(!asked.some((name) => name?.startsWith('fedcba9876543210.')), asked.join());
});

test('a window that is gone is not waited for', { timeout: 60_000 }, async () => {
  // A lease without a running window, for the same folder, with the latest focus.
  const stale = join(server.dirs.state, 'windows/0123456789abcdef.lease');
  writeFileSync(stale, JSON.stringify({ host: hostname(), folders: [server.dirs.project], focused: Date.now() * 2 }));
  const file = output('b10.output', 'x\n');
  const start = Date.now();
  await open(file);
  assert.ok(Date.now() - start < 10_000);
  const old = new Date(Date.now() - 60_000);
  utimesSync(stale, old, old);
  await open(output('b11.output', 'x\n'));
  rmSync(stale);
});

test('colours are shown, and their escape sequences are not', { timeout: 60_000 }, async () => {
  const file = output('b3.output', 'plain\n\u001b[31mFAILED\u001b[0m tests \u001b[1;32m3 passed\u001b[0m\n');
  await open(file);
  await window.shows('FAILED tests 3 passed');
  const colours = await window.page.evaluate(() =>
    Object.fromEntries([...document.querySelectorAll('.editor-group-container.active .view-line span span')].map((span) => [span.innerText.trim(), getComputedStyle(span).color])),
  );
  assert.notEqual(colours.FAILED, colours.tests, JSON.stringify(colours));
});

test('a task is told by its name: on the tab, in the status bar, in the tree, and at the end', { timeout: 120_000 }, async () => {
  const file = output('b4.output', 'collecting\n');
  const child = writer(file);
  note('b4', { description: 'Run e2e tests' });
  note('b5', { description: 'Of another project', project: '/elsewhere' });
  const name = 'Run e2e tests · b4.output';
  await open(file, name);
  await until('the status bar tells what runs', async () => (await status()).includes('Run e2e tests: running for 3 min'));
  // The tab is read-only, so its badge is VS Code's lock. Badge and title have the state's colour.
  const tab = () =>
    window.page.evaluate((name) => {
      const tab = [...document.querySelectorAll('.tabs-container .tab')].find((tab) => tab.getAttribute('data-resource-name') === name);
      const label = tab.querySelector('.monaco-icon-label');
      return { colour: getComputedStyle(label).color, badge: getComputedStyle(label, '::after').color, tip: label.getAttribute('aria-label') };
    }, name);
  const running = await until('the tab tells what runs', async () => {
    const { tip, colour, badge } = await tab();
    return /pytest -x\s+running for 3 min/.test(tip) && colour === badge && colour;
  });
  await window.page.click('.statusbar-item:has-text("Run e2e tests")');
  await until('the tree lists it', async () => (await tree()).some((row) => /^Run e2e tests, running for 3 min/.test(row)));
  assert.ok(!(await tree()).some((row) => row.includes('Of another project')));

  // Another tab is active when the task ends.
  const other = output('b6.output', 'x\n');
  writer(other);
  await open(other);
  await until('the status bar still shows it', async () => (await status()).includes('b6: running'));
  child.kill();
  appendFileSync(file, 'FAILED test_login\n[exited with code 1]\n');
  const { tip, colour } = await until('the tab tells', async () => {
    const now = await tab();
    return now.colour !== running && now;
  });
  assert.match(tip, /pytest -x\s+exit 1 after 3 min/, colour);
  await until('the tree tells', async () => (await tree()).some((row) => /^Run e2e tests, exit 1 after 3 min/.test(row)));
  const toast = await window.page.waitForSelector('.notification-toast:has-text("Run e2e tests")', { timeout: 15_000 });
  assert.match(await toast.innerText(), /"Run e2e tests": exit 1 after 3 min/);
  await (await toast.waitForSelector('text=Show')).click();
  await until('it is in front', async () => (await window.tabs()).some((tab) => tab.active && tab.name === name));
  await until('the status bar tells the end', async () => (await status()).includes('Run e2e tests: exit 1 after 3 min'));
  assert.equal((await window.tabs()).filter((tab) => tab.name.includes('b4.output')).length, 1);
});

test('a task of an older client that nobody writes for any more is lost', { timeout: 60_000 }, async () => {
  const file = output('b7.output', 'started\n');
  const child = writer(file);
  note('b7', { description: 'Old and silent' });
  await until('it runs', async () => (await tree()).some((row) => row.startsWith('Old and silent, running')));
  child.kill();
  await until('it is lost', async () => (await tree()).some((row) => row.startsWith('Old and silent, lost')), 30_000);
});

test('a name is no link and no icon', { timeout: 60_000 }, async () => {
  const file = output('b12.output', 'started\n');
  const child = writer(file);
  note('b12', { description: '[Show log](command:git.push) $(pass)' });
  await until('it runs', async () => (await tree()).some((row) => /Show log.*running/.test(row)));
  child.kill();
  appendFileSync(file, '[exited with code 1]\n');
  const toast = await window.page.waitForSelector('.notification-toast:has-text("Show log")', { timeout: 15_000 });
  const message = await toast.waitForSelector('.notification-list-item-message');
  assert.equal((await message.$$('a')).length, 0, await message.innerHTML());
  const icons = await window.page.$$('.statusbar-item[id$="bg-run"] .codicon-pass');
  assert.equal(icons.length, 0);
});

test('the doctor asks the real editor for the extension', { timeout: 60_000 }, async () => {
  const ran = spawnSync(BG_RUN, ['doctor', '--editor'], { env: environment(), cwd: server.dirs.project });
  const said = ran.stdout.toString();
  assert.match(said, /✓ Editor: VS Code, by the extension of a window/);
  assert.match(said, /✓ VS Code has the extension/);
});

test('a window that crashed is passed over, and asked again once it is back', { timeout: 120_000 }, async () => {
  const host = join(server.dirs.tmp, 'host-project.pid');
  const crashed = Number(readFileSync(host, 'utf8'));
  const leases = () => readdirSync(join(server.dirs.state, 'windows')).filter((name) => name.endsWith('.lease'));
  const before = leases();
  const old = server.sockets();
  // The window's lease remains, and counts for half a minute.
  process.kill(crashed, 'SIGKILL');
  let count = 0;
  // Until the window has a host again, nothing can open a file there. Each attempt must end soon with the reason.
  const name = await until('it opens', async () => {
    const name = `b2${count++}.output`;
    const start = Date.now();
    const ran = spawnSync(BG_RUN, ['open', output(name, 'x\n')], { env: environment(), cwd: server.dirs.project });
    assert.ok(Date.now() - start < 10_000, `${Date.now() - start} ms`);
    if (ran.status !== 0) assert.match(ran.stderr.toString(), /bg-run: /);
    return ran.status === 0 && name;
  }, 60_000);
  // It opens in its window, or in the only remaining one.
  await until('it shows', async () => (await named(window, name)).length + (await named(other, name)).length === 1);
  // The window starts another host, whose extension has a lease of its own.
  await until('another lease', () => leases().some((name) => !before.includes(name)), 60_000);
  window.socket = await until('another socket', async () => {
    for (const socket of server.sockets()) if (!old.includes(socket) && (await ask(socket, { type: 'status' })).status === 200) return socket;
    return null;
  }, 60_000);
  await open(output('b30.output', 'x\n'));
  assert.deepEqual(await named(other, 'b30.output'), []);
});

test('uninstall takes the extension out of the real editor', { timeout: 60_000 }, () => {
  const listed = () => spawnSync('code', ['--list-extensions'], { env: environment() }).stdout.toString();
  assert.match(listed(), /bg-run\.bg-run/);
  const ran = spawnSync(BG_RUN, ['uninstall'], { env: environment() });
  assert.equal(ran.status, 0, ran.stderr.toString());
  assert.match(ran.stdout.toString(), /The extension is removed by/);
  assert.doesNotMatch(listed(), /bg-run\.bg-run/);
});
