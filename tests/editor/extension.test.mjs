// The extension in the real VS Code. Run by tests/editor.rs, which packs it.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { BG_RUN, Server, pause, until } from './server.mjs';

let server, window;

before(async () => {
  server = await Server.start();
  window = await server.window(server.dirs.project);
  const ran = spawnSync(BG_RUN, ['install', `--editor-extension=${process.env.BG_RUN_EXTENSION}`], { env: environment() });
  assert.equal(ran.status, 0, ran.stderr.toString());
  assert.match(ran.stdout.toString(), /The extension is installed in VS Code/);
  await until('the extension speaks', async () => {
    const file = output('b0.output', '[exited with code 0]\n');
    await open(file);
    return (await status()).includes('bg-run');
  }, 60_000);
}, { timeout: 180_000 });
after(() => server?.stop());

function output(name, text) {
  const tasks = join(server.dirs.tmp, `claude-${process.getuid()}/-p/5e55/tasks`);
  mkdirSync(tasks, { recursive: true });
  const file = join(tasks, name);
  writeFileSync(file, text);
  return file;
}

const environment = () => ({ ...server.env, BG_RUN_STATE_DIR: server.dirs.state, VSCODE_IPC_HOOK_CLI: window.socket, TERM_PROGRAM: 'vscode' });

async function open(file) {
  const ran = spawnSync(BG_RUN, ['open', file], { env: environment(), cwd: server.dirs.project });
  assert.equal(ran.status, 0, ran.stderr.toString());
  await window.tab(file.split('/').at(-1));
}

const lines = (from, to) => Array.from({ length: to - from }, (_, at) => `line ${from + at}\n`).join('');
const status = () => window.page.evaluate(() => document.querySelector('.statusbar-item[id$="bg-run"], .statusbar-item[aria-label*="bg-run"]')?.innerText.trim() ?? '');
// Until the watcher runs, a change isn't seen before the next one.
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

  for (let page = 0; page < 3; page++) await window.page.keyboard.press('PageUp');
  await until('the view moves up', async () => !(await window.lines()).includes('line 399'));
  const before = await window.lines();
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
  await open(file);
  await until('it runs', async () => (await status()).includes('bg-run: running'));
  await window.page.keyboard.type('oops');
  await pause(500);
  assert.ok(!(await window.tabs()).some((tab) => tab.dirty));
  await grow(file, ['more\n', 'and more\n'], 'and more');
  appendFileSync(file, '[exited with code 3]\n');
  await until('it ended', async () => (await status()).includes('bg-run: exit 3'));
});

test('colours are shown, and their escape sequences are not', { timeout: 60_000 }, async () => {
  const file = output('b3.output', 'plain\n\u001b[31mFAILED\u001b[0m tests \u001b[1;32m3 passed\u001b[0m\n');
  await open(file);
  await window.shows('FAILED tests 3 passed');
  const colours = await window.page.evaluate(() =>
    Object.fromEntries([...document.querySelectorAll('.editor-group-container.active .view-line span span')].map((span) => [span.innerText.trim(), getComputedStyle(span).color])),
  );
  assert.notEqual(colours.FAILED, colours.tests, JSON.stringify(colours));
  if (process.env.BG_RUN_SCREENS) await window.page.screenshot({ path: join(process.env.BG_RUN_SCREENS, 'extension.png') });
});
