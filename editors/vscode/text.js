// Text from outside in the messages and the status bar of VS Code.

/** Characters that VS Code uses for links and icons, and similar-looking ones. */
const LOOKALIKES = { '[': '\uff3b', ']': '\uff3d', '(': '\uff08', ')': '\uff09', $: '\uff04' };

/**
 * Removes links (`[text](command:id)`) and icons (`$(name)`) from `text`.
 *
 * Messages have no escape for them, so full-width characters replace those with which they begin.
 */
const plain = (text) => text.replace(/\]\(|\$\(/g, (found) => [...found].map((c) => LOOKALIKES[c]).join(''));

module.exports = { plain };
