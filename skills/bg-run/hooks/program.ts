/** The program's absolute path; empty in the plugin, which brings one. `bg-run install` writes this file anew. */
export const PROGRAM = ''
