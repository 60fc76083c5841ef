// Draws the output of `bg-run watch --json`: the last lines of a background task under its call, and a line above the
// prompt from 30 seconds on. Claude Code silently draws nothing if a text contains a control character.
import { atom, read } from 'claude-code'
import type { EngineInterface, Register, RenderElement, ResolveInput } from 'claude-code'
import type { BgRunTask } from './state'
import { PROGRAM } from './program'

const COMMAND = 'bg-run-view'
const [LONG, TOAST] = [30, 60]
const HUGE = 1e9
const [ROWS, LINES, LINES_OF_SEVERAL] = [3, 5, 3]

const RUNNING = atom({ plugin: 'bg-run', key: 'running' } as const, [] as readonly BgRunTask[])
const tasks = new Map<string, BgRunTask>()
const sessions = new Set<string>()
let isWatching = false
let isAskedAgain = false

function clean(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, '')
}

/** Returns the background task of a call, from the call's answer. */
function taskOf(output: unknown): string | undefined {
  const id = (output as { backgroundTaskId?: unknown } | null | undefined)?.backgroundTaskId
  return typeof id === 'string' ? id : undefined
}

async function take($: EngineInterface, line: string) {
  const told = JSON.parse(line) as BgRunTask
  const task = { ...told, name: clean(told.name), summary: clean(told.summary), lines: told.lines.map(clean) }
  const before = tasks.get(task.id)
  tasks.set(task.id, task)
  await $.state.set({ plugin: 'bg-run', key: 'task', id: task.id } as const, task)
  if (before?.state === 'running' && task.state !== 'running' && task.seconds >= TOAST) {
    $.ui.toast(`${task.name}: ${task.summary}`)
  }
  const [size, sizeBefore] = [task.size ?? 0, before?.size ?? 0]
  if (task.state === 'running' && size >= HUGE && sizeBefore < HUGE) {
    $.ui.toast(`${task.name}: ${task.summary}. Stop it? bg-run stop ${clean(task.id)}`)
  }
}

async function showRunning($: EngineInterface) {
  const running = [...tasks.values()].filter(task => task.state === 'running')
  await $.state.set({ plugin: 'bg-run', key: 'running' } as const, running)
}

/** Reads the stream, which ends with the last task. */
async function follow($: EngineInterface) {
  const names = [...sessions].flatMap(session => ['--session', session])
  const argv = [PROGRAM || `${$.plugin.root}/bin/bg-run`, 'watch', '--json', '--until-idle', ...names]
  let rest = ''
  for await (const { stream, text } of $.process.spawn({ argv })) {
    if (stream !== 'stdout') continue
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) await take($, line)
    await showRunning($)
  }
}

async function watch($: EngineInterface, session: string) {
  sessions.add(session)
  isAskedAgain = true
  if (isWatching || (await $.session.surfaces()).length === 0) return
  isWatching = true
  try {
    while (isAskedAgain) {
      isAskedAgain = false
      await follow($)
    }
  } catch (error) {
    $.ui.log(`bg-run: ${error}`, { to: 'debug' })
  }
  isWatching = false
}

/** Dim, or another colour if it takes far longer than usual. */
function shade(task: BgRunTask): { color?: string; dimColor?: boolean } {
  return task.over ? { color: 'warning' } : { dimColor: true }
}

/** The lines under the call that started these tasks. */
async function under($: EngineInterface, e: ResolveInput, own: RenderElement, ids: readonly string[]) {
  const { Box, Text } = $.ui.resolve(e)
  const known = await Promise.all(ids.map(id => read($, { plugin: 'bg-run', key: 'task', id } as const)))
  const shown = known.filter(task => task !== undefined && task.view === 'auto') as BgRunTask[]
  if (shown.length === 0) return own
  const isAlone = shown.length === 1
  const rows = shown.flatMap(task => {
    if (task.state !== 'running') return [isAlone ? task.summary : `${task.name}: ${task.summary}`]
    const lines = task.lines.slice(-(isAlone ? LINES : LINES_OF_SEVERAL))
    return isAlone ? lines : [task.name, ...lines.map(line => `  ${line}`)]
  })
  return (
    <Box flexDirection="column">
      {own}
      <Box flexDirection="column" paddingLeft={5}>
        {rows.map(row => (
          <Text dimColor wrap="truncate-end">
            {row}
          </Text>
        ))}
      </Box>
    </Box>
  )
}

export const register: Register = on => {
  on('session.start', async ($, e, next) => {
    const started = await next(e)
    if (e.isInteractive) {
      const description = 'Show the output of background tasks in a pane, or close it'
      await $.command.register({ name: COMMAND, description, immediate: true })
    }
    return started
  })
  on('classic.SessionStart', async ($, e, next) => {
    const result = await next(e)
    sessions.add(e.session_id)
    if (e.source === 'resume' || e.source === 'fork') void watch($, e.session_id)
    return result
  })
  on('classic.PostToolUse', async ($, e, next) => {
    const result = await next(e)
    if (taskOf(e.tool_response) !== undefined) void watch($, e.session_id)
    return result
  })
  on('ui.render', { component: 'ToolGroup' }, async ($, e, next) => {
    const own = await next(e)
    const ids = e.props.isExpanded ? [] : e.props.calls.map(call => taskOf(call.output)).filter(id => id !== undefined)
    return ids.length === 0 ? own : under($, e, own, ids)
  })
  on('ui.render', { component: 'ToolResult' }, async ($, e, next) => {
    const [own, id] = [await next(e), taskOf(e.props.output)]
    return id === undefined ? own : under($, e, own, [id])
  })
  on('ui.render', { component: 'AbovePrompt' }, async ($, e, next) => {
    const own = await next(e)
    const long = (await read($, RUNNING)).filter(task => task.seconds >= LONG)
    // The pane shows the same tasks.
    if (long.length === 0 || e.props.hasSurvey || (await $.ui.panes()).length > 0) return own
    const { Box, Text } = $.ui.resolve(e)
    return (
      <Box flexDirection="column">
        {own}
        {long.slice(0, ROWS).map(task => (
          <Text wrap="truncate-end">
            {task.name}
            <Text {...shade(task)}>{`  ${task.summary}`}</Text>
            <Text dimColor>{`  ${(task.lines.at(-1) ?? '').trim()}`}</Text>
          </Text>
        ))}
        {long.length > ROWS ? <Text dimColor>{`and ${long.length - ROWS} more`}</Text> : ''}
      </Box>
    )
  })
  on('command.run', { command: COMMAND }, async $ => {
    const isOpen = (await $.ui.panes()).length > 0
    if (isOpen) await $.ui.close({ id: COMMAND })
    else await $.ui.open({ id: COMMAND, title: 'bg-run' })
    return {}
  })
  on('ui.render', { component: 'Pane', requestId: COMMAND }, async ($, e) => {
    const { Box, Text } = $.ui.resolve(e)
    const running = await read($, RUNNING)
    return (
      <Box flexDirection="column">
        {running.length === 0 ? <Text dimColor>No background task is running.</Text> : ''}
        {running.flatMap(task => [
          <Text wrap="truncate-end">
            {task.name}
            <Text {...shade(task)}>{`  ${task.summary}`}</Text>
          </Text>,
          ...task.lines.map(line => <Text dimColor wrap="truncate-end">{`  ${line}`}</Text>),
        ])}
      </Box>
    )
  })
}
