// Tests the drawings that the module makes of `bg-run watch --json`. The client's own rows are a text "own".
import { describe, expect, test } from 'claude-code/testing'

const SURFACES = ['terminal', 'vscode'] as const

function line(more: object = {}): string {
  const task = { id: 'b1', name: 'Train', state: 'running', seconds: 12, summary: '12 s of about 2 min', over: false }
  return `${JSON.stringify({ ...task, lines: ['epoch 1', 'epoch 2'], view: 'auto', ...more })}\n`
}

/** The engine beneath the module: a stream of these pieces, and no settings hooks. Returns what the module does. */
function engine(on: any, pieces: readonly string[], surfaces: readonly string[] = ['terminal']) {
  let end = () => {}
  const ended = new Promise<void>(resolve => (end = resolve))
  const seen = { started: [] as string[][], toasts: [] as string[], ended }
  on('process.spawn', async function* (_: unknown, e: { argv: readonly string[] }) {
    seen.started.push([...e.argv])
    for (const text of pieces) yield { stream: 'stdout', text }
    // The module requests the end only after it has taken the last piece.
    end()
    return { value: { code: 0, signal: null } }
  })
  on('session.surfaces', () => ({ value: surfaces }))
  on('classic.PostToolUse', () => ({}))
  on('classic.SessionStart', () => ({}))
  on('ui.toast', (_: unknown, e: { text: string }) => {
    seen.toasts.push(e.text)
    return { value: undefined }
  })
  on('ui.panes', () => ({ value: [] }))
  on('ui.render', () => ({ type: 'Text', props: {}, children: ['own'] }))
  return seen
}

async function moved($: any, seen: { ended: Promise<void> }, id = 'b1') {
  const call = { tool_name: 'Bash', tool_input: {}, tool_use_id: 't1', tool_response: { backgroundTaskId: id } }
  await $.classic.PostToolUse({ ...call, session_id: '5e55' })
  await seen.ended
}

async function result($: any, surface: string, id = 'b1') {
  const props = { tool_use_id: 't1', tool: 'Bash', output: { backgroundTaskId: id }, isErrored: false }
  return $.ui.mount({ plugin: 'bg-run', surface, component: 'ToolResult', requestId: 't1', props })
}

async function group($: any, surface: string, ids: readonly string[], isExpanded = false) {
  const call = { tool: 'Bash', input: {}, isRunning: false, isErrored: false, isInterrupted: false }
  const calls = ids.map(id => ({ ...call, output: { backgroundTaskId: id } }))
  const props = { calls, isActive: false, isExpanded }
  return $.ui.mount({ plugin: 'bg-run', surface, component: 'ToolGroup', requestId: 'g1', props })
}

async function band($: any, more: object = {}) {
  const scroll = { offset: 0, bodyRows: 8 }
  const props = { hasSurvey: false, isWorking: false, maxRows: 8, bodyColumns: 95, scroll, view: {}, ...more }
  return $.ui.mount({ plugin: 'bg-run', surface: 'terminal', component: 'AbovePrompt', requestId: 'band', props })
}

const ROUNDS = 200

/**
 * The drawing's texts, as soon as they are these: a state that was set reaches it a moment later. Not in order, because
 * clients put the rows of the band together in different ways.
 */
async function draws(ui: any, texts: readonly string[], isWhole = (_: string) => true) {
  const expected = [...texts].sort()
  let found: string[] = []
  for (let round = 0; round < ROUNDS; round++) {
    found = (await ui.findAll({ type: 'Text' })).map((text: { text: string }) => text.text)
    found = found.filter(isWhole).sort()
    if (JSON.stringify(found) === JSON.stringify(expected)) break
  }
  await ui.unmount()
  expect(found).toEqual(expected)
}

/** The same for the band, whose rows have parts in other shades. */
async function shows($: any, texts: readonly string[]) {
  await draws(await band($), texts, text => !text.startsWith('  '))
}

describe('under the call', () => {
  test('the last lines stand there on every surface', async ($: any, on: any) => {
    const seen = engine(on, [line()])
    await moved($, seen)
    for (const surface of SURFACES) await draws(await result($, surface), ['own', 'epoch 1', 'epoch 2'])
  })

  test('at its end one line is left', async ($: any, on: any) => {
    const seen = engine(on, [line(), line({ state: 'exit', exit: 3, seconds: 240, summary: '✗ exit 3, 4 min' })])
    await moved($, seen)
    for (const surface of SURFACES) await draws(await result($, surface), ['own', '✗ exit 3, 4 min'])
  })

  test('two calls of a group are told apart, and an expanded group is left to its rows', async ($: any, on: any) => {
    const seen = engine(on, [line() + line({ id: 'b2', name: 'Test', lines: ['ok'] })])
    await moved($, seen)
    for (const surface of SURFACES) {
      const all = ['own', 'Train', '  epoch 1', '  epoch 2', 'Test', '  ok']
      await draws(await group($, surface, ['b1', 'b2']), all)
      await draws(await group($, surface, ['b1', 'b2'], true), ['own'])
    }
  })

  test('no control character reaches the client, which would draw nothing', async ($: any, on: any) => {
    const seen = engine(on, [line({ name: 'T\u0007', lines: ['\u001b[31mred\u001b[0m\u009b\u0000\b'] })])
    await moved($, seen)
    await draws(await result($, 'terminal'), ['own', '[31mred[0m'])
  })

  test('a line of the stream may come in pieces', async ($: any, on: any) => {
    const whole = line() + line({ id: 'b2', lines: ['second'] })
    const seen = engine(on, [whole.slice(0, 40), whole.slice(40, 200), whole.slice(200)])
    await moved($, seen)
    await draws(await result($, 'terminal', 'b2'), ['own', 'second'])
  })

  test('`view = "line"` draws nothing there', async ($: any, on: any) => {
    const seen = engine(on, [line({ view: 'line', seconds: 40 })])
    await moved($, seen)
    await draws(await result($, 'terminal'), ['own'])
    await shows($, ['own', 'Train  12 s of about 2 min  epoch 2'])
  })
})

describe('above the prompt', () => {
  test('nothing stands there in the first 30 seconds', async ($: any, on: any) => {
    const seen = engine(on, [line()])
    await moved($, seen)
    await shows($, ['own'])
  })

  test('three tasks have a line, the others are counted', async ($: any, on: any) => {
    const ids = ['b1', 'b2', 'b3', 'b4', 'b5', 'b6', 'b7', 'b8']
    const seen = engine(on, [ids.map(id => line({ id, name: id, seconds: 40, summary: '40 s' })).join('')])
    await moved($, seen)
    await shows($, ['own', 'b1  40 s  epoch 2', 'b2  40 s  epoch 2', 'b3  40 s  epoch 2', 'and 5 more'])
  })

  test('what ended is gone', async ($: any, on: any) => {
    const seen = engine(on, [line({ seconds: 40 }), line({ state: 'done', seconds: 50, summary: '✓ 50 s' })])
    await moved($, seen)
    await shows($, ['own'])
  })
})

describe('the stream', () => {
  test('it starts with a background task only, for the sessions seen', async ($: any, on: any) => {
    const seen = engine(on, [])
    await $.classic.SessionStart({ source: 'startup', session_id: '01d' })
    await $.classic.PostToolUse({ tool_name: 'Bash', tool_input: {}, tool_use_id: 't', tool_response: { stdout: '' } })
    expect(seen.started).toEqual([])
    await moved($, seen)
    const of = ['--session', '01d', '--session', '5e55']
    expect(seen.started[0]?.slice(1)).toEqual(['watch', '--json', '--until-idle', ...of])
  })

  test('an end is told once, from a minute on', async ($: any, on: any) => {
    const ends = [
      line(), line({ state: 'done', seconds: 59, summary: '✓ 59 s' }),
      line({ id: 'b2' }), line({ id: 'b2', state: 'done', seconds: 60, summary: '✓ 1 min' }),
      line({ id: 'b2', state: 'done', seconds: 60, summary: '✓ 1 min' }),
      line({ id: 'b3', state: 'done', seconds: 600, summary: '✓ 10 min' }),
    ]
    const seen = engine(on, ends)
    await moved($, seen)
    expect(seen.toasts).toEqual(['Train: ✓ 1 min'])
  })

  test('an output that passes 1 GB pops up once', async ($: any, on: any) => {
    const sizes = [null, 999_999_999, 1_000_000_000, 2_000_000_000]
    const seen = engine(on, [sizes.map(size => line({ size, summary: '40 s, 1.0 GB' })).join('')])
    await moved($, seen)
    expect(seen.toasts).toEqual(['Train: 40 s, 1.0 GB. Stop it? bg-run stop b1'])
  })

  test('nothing is started where nothing is drawn', async ($: any, on: any) => {
    const seen = engine(on, [line()], [])
    await moved($, { ended: Promise.resolve() })
    expect(seen.started).toEqual([])
  })
})
