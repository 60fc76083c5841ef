/** A task in the output of `bg-run watch --json`. */
export type BgRunTask = {
  id: string
  name: string
  /** `running`, or the kind of end. */
  state: string
  /** Whole seconds so far or in total. */
  seconds: number
  /** "40 s of about 2 min" while it runs, "✓ 4 min" or "✗ exit 3, 4 min" afterwards. */
  summary: string
  /** Whether it takes far longer than usual. */
  over: boolean
  /** The last lines of its output, at most five. */
  lines: readonly string[]
  /** Bytes of its output, from 100 MB on. */
  size?: number | null
  /** `auto` or `line`: the place that shows it. */
  view: string
}

declare module 'claude-code' {
  interface PluginState {
    'bg-run': {
      /** One task, by its id. */
      task: StateFamily<BgRunTask>
      /** The running tasks, oldest first. */
      running: readonly BgRunTask[]
    }
  }
}
