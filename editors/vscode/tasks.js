// The background tasks from `bg-run tasks --json`, and the files that show them. All states come from bg-run.

const { execFile } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { readSmall } = require('./files');

/** A link's name: the task's name and its id. */
const LINK = /(?:^| · )([\w-]+)\.output$/;
/** Interval between queries while a task runs, in milliseconds. */
const EVERY = 2000;
/** Limits of a query: its time in milliseconds, and its output in bytes. */
const TIMEOUT = 20_000;
const MOST = 64 * 1024 * 1024;

/** bg-run's state folder. */
function stateDir() {
  if (process.env.BG_RUN_STATE_DIR) return process.env.BG_RUN_STATE_DIR;
  if (process.platform === 'darwin') return path.join(os.homedir(), 'Library/Application Support/bg-run');
  return path.join(process.env.XDG_STATE_HOME || path.join(os.homedir(), '.local/state'), 'bg-run');
}

/** Returns the program's path as the hook recorded it; null before the first task. */
function program() {
  try {
    const found = readSmall(path.join(stateDir(), 'program')).trim();
    return path.isAbsolute(found) ? found : null;
  } catch {
    return null;
  }
}

/** Returns all tasks; null if bg-run can't be run. */
function ask() {
  const asked = program();
  if (!asked) return Promise.resolve(null);
  return new Promise((resolve) => {
    const options = { timeout: TIMEOUT, maxBuffer: MOST, cwd: os.homedir(), windowsHide: true };
    execFile(asked, ['tasks', '--json', '--all'], options, (error, stdout) => {
      try {
        resolve(error ? null : JSON.parse(stdout));
      } catch {
        resolve(null);
      }
    });
  });
}

const isInside = (inner, outer) => inner === outer || inner.startsWith(outer.endsWith(path.sep) ? outer : outer + path.sep);

/** Creates a task from a row. */
function taskOf(row) {
  // Without a record, the task's start is unknown.
  const started = typeof row.seconds === 'number' ? Date.parse(row.started) : NaN;
  const ended = row.ended ? Date.parse(row.ended) : null;
  return {
    id: row.id,
    name: row.name || row.id,
    // Skips the edits that can surround every command.
    command: (row.command ?? '').replace(/^PYTHONUNBUFFERED=1 /, '').replace(/ 2>&1$/, ''),
    project: row.project ?? '',
    output: row.output ?? null,
    log: row.log ?? null,
    state: row.state,
    words: row.words,
    usual: typeof row.usual_seconds === 'number' ? row.usual_seconds * 1000 : null,
    started,
    ended: ended !== null && Number.isFinite(started) ? started + row.seconds * 1000 : ended,
  };
}

const isSame = (task, other) => JSON.stringify({ ...task, ended: null }) === JSON.stringify({ ...other, ended: null });

class Tasks {
  /** `changed` gets the tasks that changed, and those that have just ended. */
  constructor(folders, changed) {
    this.dir = path.join(stateDir(), 'tasks');
    this.folders = folders;
    this.changed = changed;
    this.tasks = new Map();
    this.links = new Map();
    this.stale = true;
    this.timer = setInterval(() => this.look(), EVERY);
    this.look();
  }

  dispose() {
    clearInterval(this.timer);
    this.watcher?.close();
  }

  watch() {
    if (this.watcher) return;
    try {
      this.watcher = fs.watch(this.dir, () => {
        this.stale = true;
        this.look();
      });
      this.watcher.on('error', () => this.unwatch());
      this.stale = true;
    } catch {
      // There is no task yet.
    }
  }

  unwatch() {
    this.watcher?.close();
    this.watcher = undefined;
  }

  /** Reads the existing links. Returns the tasks whose link changed. */
  readLinks() {
    const before = this.links;
    this.links = new Map();
    try {
      for (const name of fs.readdirSync(this.dir)) {
        const id = LINK.exec(name)?.[1];
        if (id) this.links.set(id, path.join(this.dir, name));
      }
    } catch {
      this.unwatch();
    }
    return [...this.tasks.values()].filter((task) => this.links.get(task.id) !== before.get(task.id));
  }

  /** Queries the tasks if their states may have changed. */
  async look() {
    if (this.looking) return;
    this.watch();
    const runs = [...this.tasks.values()].some((task) => task.state === 'running');
    if (!this.stale && !runs && !this.unknown) return;
    this.looking = true;
    this.stale = this.unknown = false;
    try {
      const rows = await ask();
      if (!rows) return;
      const changed = new Map(this.readLinks().map((task) => [task.id, task]));
      const ended = [];
      const before = this.tasks;
      this.tasks = new Map();
      // Two sessions' tasks can have the same id; the newer one is shown.
      for (const row of [...rows].reverse()) this.tasks.set(row.id, taskOf(row));
      for (const task of this.tasks.values()) {
        const known = before.get(task.id);
        if (!known || !isSame(known, task)) changed.set(task.id, task);
        if (known?.state === 'running' && task.state !== 'running') ended.push(task);
      }
      for (const task of before.values()) if (!this.tasks.has(task.id)) changed.set(task.id, task);
      if (changed.size) this.changed([...changed.values()], ended);
    } finally {
      this.looking = false;
    }
  }

  isOurs(task) {
    return task.project !== '' && this.folders().some((folder) => isInside(task.project, folder) || isInside(folder, task.project));
  }

  /** Returns this project's tasks, newest first. */
  list() {
    return [...this.tasks.values()].filter((task) => this.isOurs(task)).sort((a, b) => b.started - a.started);
  }

  /** Returns the file that shows a task: its own log, its named link, or its output. */
  tab(task) {
    const file = task.log && fs.existsSync(task.log) ? task.log : task.output;
    const link = this.links.get(task.id);
    try {
      if (link && fs.realpathSync(link) === fs.realpathSync(file)) return link;
    } catch {
      // The file was removed.
    }
    return file;
  }

  /** Returns the files under which a task can be open. */
  files(task) {
    return [task.log, this.links.get(task.id), task.output].filter(Boolean);
  }

  /** Returns the task that a file shows. An unknown one causes a query. */
  of(file) {
    const id = LINK.exec(path.basename(file))?.[1];
    const task = id && this.tasks.get(id);
    if (task && (path.dirname(file) === this.dir || this.files(task).includes(file))) return task;
    if (id && !task) this.unknown = true;
    const logged = [...this.tasks.values()].filter((task) => task.log === file);
    return logged.sort((a, b) => b.started - a.started)[0];
  }
}

/** The units of time in milliseconds. A larger unit is used from two of it on. */
const UNITS = [['s', 1000], ['min', 60_000], ['h', 3_600_000], ['d', 86_400_000]];

/** Formats a duration, rounded: `12 s`, `3 min`, `5 h`, `2 d` */
function span(ms) {
  const rounded = (unit) => Math.floor((Math.max(0, ms) + unit / 2) / unit);
  const fits = ([, unit], at) => !UNITS[at + 1] || rounded(unit) * unit < 2 * UNITS[at + 1][1];
  const [name, unit] = UNITS.find(fits);
  return `${rounded(unit)} ${name}`;
}

/** Describes a task's state in bg-run's words, with its duration and its usual one. */
function words(task) {
  const ran = (task.ended ?? Date.now()) - task.started;
  if (task.state === 'lost' || !Number.isFinite(ran)) return task.words;
  if (task.state !== 'running') return `${task.words} after ${span(ran)}`;
  const usual = task.usual === null ? '' : ` of about ${span(task.usual)}`;
  return `${task.words} for ${span(ran)}${usual}`;
}

module.exports = { Tasks, span, stateDir, words };
