// Reads files safely: a path may lead to a FIFO, a device or an endless file by now, and nothing here waits for one.

const fs = require('node:fs');

/** Maximum size in bytes of a file in bg-run's state folder. */
const MOST = 64 * 1024;

/** Returns the text of a small regular file of this user. */
function readSmall(file) {
  const fd = fs.openSync(file, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK | fs.constants.O_NOFOLLOW);
  try {
    const status = fs.fstatSync(fd);
    if (!status.isFile() || status.size > MOST || status.uid !== process.getuid()) throw new Error(`${file} isn't a small file of this user's`);
    return fs.readFileSync(fd, 'utf8');
  } finally {
    fs.closeSync(fd);
  }
}

/** Refuses anything but a regular file, or a link to one, before VS Code opens it. */
function requireRegular(file) {
  if (!fs.statSync(file).isFile()) throw new Error(`${file} isn't a regular file`);
}

module.exports = { readSmall, requireRegular };
