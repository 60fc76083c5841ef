/** A task as `bg-run watch --json` tells it. */
export type BgRunTask = {
  id: string
  name: string
  /** `running`, or how it ended. */
  state: string
  /** Whole seconds so far, or in all. */
  seconds: number
  /** "40 s of about 2 min" while it runs, "✓ 4 min" or "✗ exit 3, 4 min" afterwards. */
  summary: string
  /** It takes far longer than usual. */
  over: boolean
  /** The last lines of its output, at most five. */
  lines: readonly string[]
  /** Bytes of its output, from 100 MB on. */
  size?: number | null
  /** `auto` or `line`: where to show it. */
  view: string
}

declare module 'claude-code' {
  interface PluginState {
    'bg-run': {
      /** One task, by its id. */
      task: StateFamily<BgRunTask>
      /** What runs, the oldest first. */
      running: readonly BgRunTask[]
    }
  }
}
