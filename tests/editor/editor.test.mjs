// The path of a call with the real VS Code: it is rewritten and launched, its output opens, and later lines appear.
// tests/editor.rs runs this.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync, openSync, readFileSync, writeFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { BG_RUN, Server, pause, until } from './server.mjs';

let server, own, other;
let count = 0;
const children = [];

before(async () => {
  server = await Server.start();
  const ran = spawnSync(BG_RUN, ['install', `--editor-settings=${join(server.dirs.data, 'User/settings.json')}`], { env: server.env });
  assert.equal(ran.status, 0, ran.stderr.toString());
  own = await server.window(server.dirs.project);
  other = await server.window(server.dirs.other);
}, { timeout: 180_000 });
after(async () => {
  for (const child of children) child.kill();
  await server?.stop();
});

/** What Claude Code does with a Bash call, from a terminal with these variables. */
class Call {
  constructor(command, variables, cwd = server.dirs.project) {
    this.env = { ...server.env, CLAUDE_CODE_TMPDIR: server.dirs.tmp, CLAUDE_CODE_ENTRYPOINT: 'cli', ...variables };
    this.cwd = cwd;
    this.id = `b${process.pid}n${++count}`;
    // The number of a session's open outputs is limited.
    this.session = `s${count}`;
    const input = this.hook('PreToolUse', { command, description: 'Repeat what it gets' }).hookSpecificOutput.updatedInput;
    assert.equal(input.run_in_background, true);
    this.input = input;
    const tasks = join(server.dirs.tmp, `claude-${process.getuid()}/-p/${this.session}/tasks`);
    mkdirSync(tasks, { recursive: true });
    // The tab has the task's name and shows the file's folder.
    this.name = `Repeat what it gets · ${this.id}.output`;
    this.output = join(tasks, `${this.id}.output`);
  }

  hook(event, tool_input, more = {}) {
    const body = { hook_event_name: event, session_id: this.session, transcript_path: join(server.dirs.home, `.claude/projects/-p/${this.session}.jsonl`), cwd: this.cwd, permission_mode: 'default', tool_name: 'Bash', tool_use_id: `toolu_${this.id}`, tool_input, ...more };
    const ran = spawnSync(BG_RUN, ['hook'], { input: JSON.stringify(body), env: this.env, cwd: this.cwd });
    assert.equal(ran.status, 0);
    return JSON.parse(ran.stdout.toString() || 'null');
  }

  /** Starts the command as the client does, then tells the hook. */
  launch() {
    const file = openSync(this.output, 'a');
    this.child = spawn('bash', ['-c', this.input.command], { cwd: this.cwd, env: this.env, stdio: ['pipe', file, file] });
    children.push(this.child);
    this.child.on('exit', (code) => appendFileSync(this.output, `[exited with code ${code}]\n`));
    const answer = this.hook('PostToolUse', this.input, { tool_response: { stdout: '', backgroundTaskId: this.id } });
    return answer.systemMessage;
  }

  /** Has the command print a line: it repeats what it is given. */
  print(line) {
    this.child.stdin.write(`${line}\n`);
  }

  end() {
    this.child.stdin.end();
    return new Promise((done) => this.child.on('close', done));
  }
}

const named = async (window, name) => (await window.tabs()).filter((tab) => tab.name === name);
const fromTerminal = (window) => ({ TERM_PROGRAM: 'vscode', VSCODE_IPC_HOOK_CLI: window.socket });
// Returns a call that its marker makes long. It prints the input that it gets.
const ECHO = 'BG_RUN=on python3 -c "\nimport sys\nfor line in sys.stdin: print(line.strip())"';

test('a call from the terminal of a window shows there at once, and grows', { timeout: 90_000 }, async () => {
  const call = new Call(ECHO, fromTerminal(own));
  const said = call.launch();
  assert.match(said, /^bg-run: "Repeat what it gets" in background, open in VS Code \(/);
  const tab = await own.tab(call.name);
  assert.ok(tab.active && !tab.dirty, JSON.stringify(tab));
  for (const line of ['epoch 1/10  loss 0.693  accuracy 0.51', 'epoch 2/10  loss 0.412  accuracy 0.83', 'epoch 3/10  loss 0.287  accuracy 0.91']) {
    call.print(line);
    await own.shows(line);
  }
  await call.end();
  await own.shows('[exited with code 0]');
  assert.equal((await named(own, call.name)).length, 1);
  assert.ok(!(await own.tabs()).some((tab) => tab.dirty));
  assert.deepEqual(await named(other, call.name), []);
});

test('what is written right after the opening is not lost', { timeout: 90_000 }, async () => {
  for (let round = 0; round < 3; round++) {
    const call = new Call(ECHO, fromTerminal(own));
    call.launch();
    await own.tab(call.name);
    // Nothing is written after this, so the line appears only if bg-run touches the file.
    call.print('the only line');
    await own.shows('the only line');
    await call.end();
  }
});

test('a stale variable leads to the window with a terminal in the project', { timeout: 90_000 }, async () => {
  const { page } = own;
  const shell = join(server.dirs.tmp, 'terminal.env');
  await page.keyboard.press('Control+Backquote');
  await page.waitForSelector('.terminal-wrapper .xterm', { timeout: 20_000 });
  await until('the terminal answers', async () => {
    await page.keyboard.type(`env -0 > ${shell}\n`);
    await pause(1000);
    return existsSync(shell) && readFileSync(shell, 'utf8').includes('\0');
  }, 40_000);
  const environment = Object.fromEntries(readFileSync(shell, 'utf8').split('\0').filter(Boolean).map((text) => [text.slice(0, text.indexOf('=')), text.slice(text.indexOf('=') + 1)]));
  assert.equal(environment.TERM_PROGRAM, 'vscode');

  for (const VSCODE_IPC_HOOK_CLI of [environment.VSCODE_IPC_HOOK_CLI, join(server.dirs.run, 'vscode-ipc-gone.sock')]) {
    const call = new Call(ECHO, { TERM_PROGRAM: 'vscode', VSCODE_IPC_HOOK_CLI });
    call.launch();
    assert.ok((await own.tab(call.name)).active);
    await call.end();
    assert.deepEqual(await named(other, call.name), []);
  }
});

test('between two windows nothing is guessed, and the reason is told', { timeout: 90_000 }, async () => {
  const elsewhere = join(server.root, 'elsewhere');
  mkdirSync(elsewhere);
  const call = new Call(ECHO, { TERM_PROGRAM: 'vscode', VSCODE_IPC_HOOK_CLI: join(server.dirs.run, 'vscode-ipc-gone.sock') }, elsewhere);
  const said = call.launch();
  await call.end();
  assert.match(said, /belongs to|open in/);
  await until('the log tells why', () => readFileSync(join(server.dirs.state, 'bg-run.log'), 'utf8').includes('belongs to'));
  for (const window of [own, other]) assert.deepEqual(await named(window, call.name), []);
});

test('the log that a command writes itself is what opens', { timeout: 90_000 }, async () => {
  mkdirSync(join(server.dirs.project, 'runs'), { recursive: true });
  const call = new Call(`cd runs && ${ECHO} > train.log 2>&1`, fromTerminal(own));
  call.launch();
  // Our link to the output is read-only.
  const tab = await own.tab(call.name);
  assert.ok(tab.active && !tab.dirty);
  await own.page.keyboard.type('stray');
  await pause(500);
  assert.ok(!(await own.tab(call.name)).dirty);
  call.print('loss 0.1');
  await own.shows('loss 0.1');
  await call.end();
});

test('a task that is opened again makes no second tab, and no window', { timeout: 60_000 }, async () => {
  const call = new Call(ECHO, fromTerminal(own));
  call.launch();
  await own.tab(call.name);
  for (const target of [call.output, call.id]) {
    const ran = spawnSync(BG_RUN, ['open', target], { env: call.env, cwd: call.cwd });
    assert.equal(ran.status, 0, ran.stderr.toString());
  }
  call.print('still one');
  await own.shows('still one');
  await call.end();
  assert.equal((await named(own, call.name)).length, 1);
  assert.deepEqual(server.browser.contexts().map((context) => context.pages().length), [1, 1]);
});

test('a session of an extension opens here too, without a terminal', { timeout: 60_000 }, async () => {
  const file = join(server.dirs.tmp, 'host-project.json');
  const host = await until('the extension host runs', () => existsSync(file) && JSON.parse(readFileSync(file, 'utf8')));
  assert.equal(host.TERM_PROGRAM, undefined);
  const call = new Call(ECHO, { ...host, CLAUDE_CODE_ENTRYPOINT: 'claude-vscode' });
  call.launch();
  await own.tab(call.name);
  call.print('from the extension');
  await own.shows('from the extension');
  await call.end();
  assert.deepEqual(await named(other, call.name), []);
});

test('the settings make a tab read-only by either name', { timeout: 90_000 }, async () => {
  const call = new Call(ECHO, fromTerminal(own));
  call.launch();
  await own.tab(call.name);
  const key = `b${process.pid}byid`;
  const id = join(call.output, `../${key}.output`);
  writeFileSync(id, 'by its id\n');
  for (const file of [call.output, id]) {
    const opened = spawnSync(BG_RUN, ['open', file], { env: call.env, cwd: call.cwd });
    assert.equal(opened.status, 0, opened.stderr.toString());
    await until('it is in front', async () => (await own.tabs()).some((tab) => tab.active && tab.name === (file === id ? `${key}.output` : call.name)));
    await until('it is read-only', () => own.page.evaluate(() => document.querySelector('.tabs-container .tab.active .monaco-icon-label').getAttribute('aria-label').includes('Read-only')));
    await own.page.keyboard.type('oops');
    assert.ok(!(await own.tabs()).some((tab) => tab.dirty));
  }
  await call.end();
});
