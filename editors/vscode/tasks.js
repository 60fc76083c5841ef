// The background tasks that bg-run has noted: what they are called, how they are, and which file shows them.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

/** Where a client's line says how a task ended. */
const FOOTER = /\[(?:exited with code (\d+)|(killed)|process exited while detached; exit code unknown)\]\n?$/;
const FOOTER_WITHIN = 200;
/** The name of a link: what runs, and the id. */
const LINK = /(?:^| · )([\w-]+)\.output$/;
/** How often running tasks are looked at, and how often it is asked whether anybody still writes, in milliseconds. */
const EVERY = 1000;
const ASKED_EVERY = 15_000;

/** bg-run's state folder. */
function stateDir() {
  if (process.env.BG_RUN_STATE_DIR) return process.env.BG_RUN_STATE_DIR;
  if (process.platform === 'darwin') return path.join(os.homedir(), 'Library/Application Support/bg-run');
  return path.join(process.env.XDG_STATE_HOME || path.join(os.homedir(), '.local/state'), 'bg-run');
}

/** The note's own word on the end, as a state. */
function stateOf(status) {
  if (status === 'stopped' || (status && 'killed' in Object(status))) return { state: 'killed' };
  if (status === 'done') return { state: 'ok', exit: 0 };
  if (status && typeof status.exit === 'number') return status.exit === 0 ? stateOf('done') : { state: 'failed', exit: status.exit };
  return { state: 'ended' };
}

/** What the last line of an output says; null where it doesn't tell the end. */
function footerOf(text) {
  const footer = FOOTER.exec(text);
  if (!footer) return null;
  if (footer[1] !== undefined) return stateOf({ exit: Number(footer[1]) });
  return stateOf(footer[2] ? { killed: null } : 'lost');
}

function endOf(file) {
  const fd = fs.openSync(file, 'r');
  try {
    const { size, mtimeMs } = fs.fstatSync(fd);
    const end = Buffer.alloc(Math.min(size, FOOTER_WITHIN));
    fs.readSync(fd, end, 0, end.length, size - end.length);
    return { footer: footerOf(end.toString()), written: mtimeMs };
  } finally {
    fs.closeSync(fd);
  }
}

/** Those of `files` that a process writes to; null where the system doesn't tell. */
async function written(files) {
  const { readdir, readFile, readlink } = fs.promises;
  if (process.platform !== 'linux') return null;
  const found = new Set();
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    for (const fd of await readdir(`/proc/${pid}/fd`).catch(() => [])) {
      const file = await readlink(`/proc/${pid}/fd/${fd}`).catch(() => '');
      if (!files.includes(file)) continue;
      const info = await readFile(`/proc/${pid}/fdinfo/${fd}`, 'utf8').catch(() => '');
      // Octal; its last two bits are 0 for who only reads.
      if (parseInt(/^flags:\s*(\d+)/m.exec(info)?.[1] ?? '1', 8) & 3) found.add(file);
    }
  }
  return found;
}

const isInside = (inner, outer) => inner === outer || inner.startsWith(outer.endsWith(path.sep) ? outer : outer + path.sep);

class Tasks {
  /** `changed` is told which tasks changed, and which of them have just ended. */
  constructor(folders, changed) {
    this.dir = path.join(stateDir(), 'tasks');
    this.folders = folders;
    this.changed = changed;
    this.tasks = new Map();
    this.links = new Map();
    this.asked = 0;
    this.read();
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
      this.watcher = fs.watch(this.dir, () => (this.stale = true));
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

  /** Reads the notes that are new or have changed. */
  read() {
    this.stale = false;
    let names = [];
    try {
      names = fs.readdirSync(this.dir);
    } catch {
      this.unwatch();
    }
    const before = this.links;
    this.links = new Map();
    for (const name of names) {
      const id = LINK.exec(name)?.[1];
      if (id) this.links.set(id, path.join(this.dir, name));
    }
    // A link is made after the note.
    const changed = [...this.tasks.values()].filter((task) => this.links.get(task.id) !== before.get(task.id));
    const there = new Set();
    for (const name of names.filter((name) => name.endsWith('.json'))) {
      const id = name.slice(0, -'.json'.length);
      there.add(id);
      const task = this.note(id, path.join(this.dir, name));
      if (task) changed.push(task);
    }
    for (const id of this.tasks.keys()) {
      if (!there.has(id)) {
        changed.push(this.tasks.get(id));
        this.tasks.delete(id);
      }
    }
    return changed;
  }

  /** The task of a note, where that has changed. */
  note(id, file) {
    try {
      const { mtimeMs } = fs.statSync(file);
      const known = this.tasks.get(id);
      if (known?.noted === mtimeMs) return null;
      const note = JSON.parse(fs.readFileSync(file, 'utf8'));
      const command = String(note.command ?? '').replace(/^PYTHONUNBUFFERED=1 /, '').replace(/ 2>&1$/, '');
      const task = {
        id,
        noted: mtimeMs,
        name: oneLine(note.description || command || id),
        command,
        project: note.project ?? '',
        output: note.output ?? null,
        log: note.log ?? null,
        started: Date.parse(note.started) - (note.ran_before ?? 0),
        ended: null,
        state: known?.state ?? 'new',
      };
      this.tasks.set(id, task);
      if (note.ended) {
        Object.assign(task, stateOf(note.ended.status), { ended: Date.parse(note.ended.at) });
        if (note.ended.ran !== undefined && note.ended.ran !== null) task.ended = task.started + note.ended.ran;
        task.before = known?.state;
      }
      return task;
    } catch {
      // It is being replaced, or gone.
      return null;
    }
  }

  /** Looks at everything that can have changed. */
  async look() {
    if (this.looking) return;
    this.looking = true;
    try {
      this.watch();
      const changed = new Set(this.stale ? this.read() : []);
      const open = [...this.tasks.values()].filter((task) => task.state === 'running' || task.state === 'new');
      for (const task of open) if (this.update(task)) changed.add(task);
      for (const task of await this.lost(open)) changed.add(task);
      const ended = [...changed].filter((task) => task.before === 'running' && task.state !== 'running');
      for (const task of changed) task.before = undefined;
      if (changed.size) this.changed([...changed], ended);
    } finally {
      this.looking = false;
    }
  }

  /** Whether the state of a task that ran has changed, by its output. */
  update(task) {
    const before = task.state;
    try {
      const { footer, written } = endOf(task.output ?? '');
      if (footer) Object.assign(task, footer, { ended: written });
      else task.state = 'running';
    } catch {
      task.state = 'lost';
    }
    if (task.state !== before) task.before = before;
    return task.state !== before;
  }

  /** Those to whose output nobody writes any more. */
  async lost(tasks) {
    const running = tasks.filter((task) => task.state === 'running');
    if (!running.length || Date.now() - this.asked < ASKED_EVERY) return [];
    this.asked = Date.now();
    const still = await written(running.map((task) => task.output));
    // One that ended meanwhile has its last line by now.
    const lost = running.filter((task) => still && !still.has(task.output) && !this.update(task));
    for (const task of lost) Object.assign(task, { state: 'lost', before: 'running' });
    return lost;
  }

  isOurs(task) {
    return task.project !== '' && this.folders().some((folder) => isInside(task.project, folder) || isInside(folder, task.project));
  }

  /** This project's, the newest first. */
  list() {
    return [...this.tasks.values()].filter((task) => this.isOurs(task)).sort((a, b) => b.started - a.started);
  }

  /** The file that shows a task: its own log, the link that is called by it, its output. */
  tab(task) {
    if (task.log && fs.existsSync(task.log)) return task.log;
    const link = this.links.get(task.id);
    try {
      if (link && fs.readlinkSync(link) === task.output) return link;
    } catch {
      // It is gone.
    }
    return task.output;
  }

  /** The files by which a task can be open. */
  files(task) {
    return [task.log, this.links.get(task.id), task.output].filter(Boolean);
  }

  /** The task that a file shows. */
  of(file) {
    const id = LINK.exec(path.basename(file))?.[1];
    const task = id && this.tasks.get(id);
    if (task && (path.dirname(file) === this.dir || this.files(task).includes(file))) return task;
    const logged = [...this.tasks.values()].filter((task) => task.log === file);
    return logged.sort((a, b) => b.started - a.started)[0];
  }
}

const oneLine = (text) => text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ').trim();

/** `12 s`, `3 min`, `5 h`, `2 d` */
function span(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86_400)} d`;
}

/** How a task is, in words. */
function words(task) {
  const ran = Number.isFinite(task.started) && (task.ended ?? Date.now()) - task.started;
  const after = ran === false ? '' : ` after ${span(ran)}`;
  switch (task.state) {
    case 'running':
      return ran === false ? 'running' : `running for ${span(ran)}`;
    case 'ok':
      return `done${after}`;
    case 'failed':
      return `exit ${task.exit}${after}`;
    case 'killed':
      return `killed${after}`;
    case 'lost':
      return 'lost';
    default:
      return `ended${after}`;
  }
}

module.exports = { Tasks, footerOf, span, stateDir, words };
