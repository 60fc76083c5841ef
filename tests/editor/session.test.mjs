// The real Claude Code in the terminal of the real VS Code: it runs something long, and the output opens beside it.
// tests/editor.rs runs this and plays the model.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { BG_RUN, Server, pause, until } from './server.mjs';

const KEY = process.env.BG_RUN_API_KEY;
const LOOK = {
  'workbench.colorTheme': 'Default Dark Modern',
  'workbench.panel.defaultLocation': 'right',
  'workbench.activityBar.location': 'hidden',
  'terminal.integrated.fontSize': 13,
  'editor.fontSize': 13,
  // The terminal shows its text in the page.
  'terminal.integrated.gpuAcceleration': 'off',
  'editor.scrollBeyondLastLine': false,
  'terminal.integrated.enablePersistentSessions': false,
  'terminal.integrated.shellIntegration.enabled': false,
  'terminal.integrated.tabs.enabled': false,
};
// A job like a training run, with colours and a result at the end of each epoch.
const TRAIN = `import os, time
print("\\033[1mTraining on 60000 samples\\033[0m")
for epoch in range(1, 21):
    loss, accuracy = 2.3 / (epoch + 1), 1 - 0.5 / (epoch + 1)
    print(f"epoch {epoch:2}/20  \\033[33mloss {loss:.3f}\\033[0m  \\033[32maccuracy {accuracy:.3f}\\033[0m")
    if epoch == 7: print("\\033[31mWARNING\\033[0m learning rate lowered to 0.0005")
    time.sleep(0.2)
while not os.path.exists('end'): time.sleep(0.1)
`;

let server, window;
// Keeps a picture of a failure.
let isShown = false;

before(async () => {
  server = await Server.start(LOOK);
  const { home, project } = server.dirs;
  writeFileSync(join(project, 'train.py'), TRAIN);
  writeFileSync(join(project, 'evaluate.py'), '');
  // The client's first questions are already answered.
  const variables = `ANTHROPIC_BASE_URL=${process.env.BG_RUN_API} ANTHROPIC_API_KEY=${KEY} CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1 DISABLE_AUTOUPDATER=1`;
  mkdirSync(join(server.root, 'bin'));
  writeFileSync(join(server.root, 'bin/claude'), `#!/bin/sh\n${variables} exec ${process.env.BG_RUN_CLAUDE} --permission-mode default "$@"\n`, { mode: 0o755 });
  symlinkSync(BG_RUN, join(server.root, 'bin/bg-run'));
  writeFileSync(join(home, '.bashrc'), `PS1='$ '\nunset PYTHONUNBUFFERED\nPATH=${join(server.root, 'bin')}:$PATH\n`);
  mkdirSync(join(home, '.claude'));
  // Without this, the second call would be known to take seconds.
  mkdirSync(join(home, '.config/bg-run'), { recursive: true });
  writeFileSync(join(home, '.config/bg-run/config.toml'), 'history = false\n');
  writeFileSync(join(home, '.claude/settings.json'), JSON.stringify({ permissions: { allow: ['Bash(python3:*)'] } }));
  const projects = { [project]: { hasTrustDialogAccepted: true, hasCompletedProjectOnboarding: true } };
  writeFileSync(join(home, '.claude.json'), JSON.stringify({ hasCompletedOnboarding: true, theme: 'dark', projects, customApiKeyResponses: { approved: [KEY.slice(-20)], rejected: [] } }));
  const ran = spawnSync(BG_RUN, ['install'], { env: server.env, cwd: project });
  assert.equal(ran.status, 0, ran.stderr.toString());
  window = await server.window(project, { width: 1600, height: 860 });
  const packed = spawnSync(BG_RUN, ['install', '--editor-extension'], { env: { ...server.env, VSCODE_IPC_HOOK_CLI: window.socket, TERM_PROGRAM: 'vscode' } });
  assert.equal(packed.status, 0, packed.stderr.toString());
}, { timeout: 180_000 });
after(async () => {
  if (process.env.BG_RUN_SCREENS && !isShown) await window?.page.screenshot({ path: join(process.env.BG_RUN_SCREENS, 'failure.png') });
  await server?.stop();
});

/** What the terminal shows; a line that is too long for it is broken anywhere. */
const terminal = () => window.page.evaluate(() => [...document.querySelectorAll('.xterm-rows > div')].map((row) => row.textContent.replaceAll('\u00a0', ' ').trim()).join(''));
const says = (text) => until(`the terminal says ${text}`, async () => (await terminal()).replaceAll(' ', '').includes(text.replaceAll(' ', '')), 60_000);

/** Moves the border between two parts. */
async function drag(from, to) {
  const { mouse } = window.page;
  await mouse.move(from, 400);
  await mouse.down();
  await mouse.move(to, 400, { steps: 5 });
  await mouse.up();
}

test('a long call of the real client opens beside its terminal, called by what runs', { timeout: 240_000 }, async () => {
  const { keyboard } = window.page;
  await keyboard.press('Control+Backquote');
  await window.page.waitForSelector('.terminal-wrapper .xterm', { timeout: 20_000 });
  await drag(1302, 780);
  await says('$');
  await keyboard.type('claude\n');
  await says('? for shortcuts');
  // The client takes text that arrives in one piece for a paste.
  await keyboard.type('train the model', { delay: 20 });
  await says('train the model');
  await keyboard.press('Enter');
  const { name, dirty } = await until('the output opens', async () => (await window.tabs()).find((tab) => /^Train the model · \w+\.output$/.test(tab.name)), 60_000);
  assert.ok(!dirty, name);
  await window.shows('epoch 20/20  loss 0.110  accuracy 0.976', 60_000);
  await says('Training runs in the background');
  await says('bg-run:');
  await until('the status bar tells what runs', async () => (await window.page.innerText('.statusbar')).includes('Train the model: running for'));
  // VS Code adds the decoration's text only to labels that it draws after it knows the decoration.
  await until('the tab is coloured', () =>
    window.page.evaluate(() => document.querySelector('.tabs-container .tab.active .monaco-icon-label').classList.contains('monaco-decoration-itemColor')),
  );
  await window.page.click('.statusbar-item:has-text("Train the model")');
  await until('the list shows it', () => window.page.evaluate(() => document.querySelector('.pane-body .monaco-list-row[aria-label^="Train the model"]') !== null));
  writeFileSync(join(server.dirs.project, 'end'), '');
  await says('"Train the model" done after');
  await says('Training is done');
  // The lines below it describe the edit of the call.
  await window.page.click('.terminal-wrapper .xterm');
  await keyboard.press('Control+Shift+Digit5');
  await until('there is a second terminal', () => window.page.evaluate(() => document.querySelectorAll('.terminal-wrapper .xterm').length > 1));
  await says('$');
  await keyboard.type("bg-run explain 'python3 train.py --epochs 20 2>&1 | tail -5'\n", { delay: 5 });
  await says('it would hold all output back');
  isShown = true;
  if (process.env.BG_RUN_SCREENS) {
    await window.page.mouse.move(600, 700);
    await pause(500);
    await window.page.screenshot({ path: join(process.env.BG_RUN_SCREENS, 'vscode.png') });
  }
});
