// Text from outside in the messages and the status bar of VS Code.

/** Characters by which VS Code finds links and icons, and those that look like them. */
const LOOKALIKES = { '[': '\uff3b', ']': '\uff3d', '(': '\uff08', ')': '\uff09', $: '\uff04' };

/**
 * `text` without links (`[text](command:id)`) and icons (`$(name)`).
 *
 * Messages have no way to escape them, so full-width characters stand for those that begin one.
 */
const plain = (text) => text.replace(/\]\(|\$\(/g, (found) => [...found].map((c) => LOOKALIKES[c]).join(''));

module.exports = { plain };
