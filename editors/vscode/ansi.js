// ANSI escape sequences (ECMA-48, SGR) in a line: their positions, and the colours of the text between them.

const SEQUENCE = /\u001b(?:\[([0-9;]*)([A-Za-z])|\][^\u0007\u001b]*(?:\u0007|\u001b\\))/g;
const NAMES = ['Black', 'Red', 'Green', 'Yellow', 'Blue', 'Magenta', 'Cyan', 'White'];

/** Returns the theme colour of an SGR parameter, or null. */
function colour(parameter) {
  if (parameter >= 30 && parameter <= 37) return `terminal.ansi${NAMES[parameter - 30]}`;
  if (parameter >= 90 && parameter <= 97) return `terminal.ansiBright${NAMES[parameter - 90]}`;
  return null;
}

/**
 * @param {string} text one line
 * @returns {{hidden: [number, number][], coloured: {start: number, end: number, colour: string | null, bold: boolean}[]}}
 */
function parse(text) {
  const hidden = [];
  const coloured = [];
  let style = { colour: null, bold: false };
  let start = 0;
  // The last coloured part, as long as only sequences follow it. So the dots of a test run are one part, not thousands.
  let open = null;
  const close = (end) => {
    if (end <= start) return;
    const isPlain = !style.colour && !style.bold;
    if (!isPlain && open?.colour === style.colour && open.bold === style.bold) open.end = end;
    else if (isPlain) open = null;
    else coloured.push((open = { start, end, ...style }));
  };
  for (const match of text.matchAll(SEQUENCE)) {
    close(match.index);
    hidden.push([match.index, match.index + match[0].length]);
    start = match.index + match[0].length;
    if (match[2] !== 'm') continue;
    const parameters = (match[1] || '0').split(';').map(Number);
    for (let at = 0; at < parameters.length; at++) {
      const parameter = parameters[at];
      if (parameter === 0) style = { colour: null, bold: false };
      else if (parameter === 1) style = { ...style, bold: true };
      else if (parameter === 22) style = { ...style, bold: false };
      else if (parameter === 39) style = { ...style, colour: null };
      // The parameters of a colour from a larger palette aren't colours themselves.
      else if (parameter === 38 || parameter === 48) at += parameters[at + 1] === 5 ? 2 : 4;
      else if (colour(parameter)) style = { ...style, colour: colour(parameter) };
    }
  }
  close(text.length);
  return { hidden, coloured };
}

module.exports = { parse };
