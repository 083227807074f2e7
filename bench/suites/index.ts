import type { Suite } from '../harness/suite.ts'

/** The name of a suite, and the requirements of its process. */
export interface SuiteEntry {
  readonly load: () => Promise<{ readonly suite: Suite }>
  /** Flags of Node. */
  readonly flags?: readonly string[]
}

/** All suites by name, in the order in which they run. */
export const suites: Readonly<Record<string, SuiteEntry>> = {
  issue: { load: () => import('./issue.ts'), flags: ['--experimental-wasm-modules'] },
  chain: { load: () => import('./chain.ts') },
  serialize: { load: () => import('./serialize.ts') },
  verify: { load: () => import('./verify.ts'), flags: ['--experimental-wasm-modules'] },
  patched: { load: () => import('./patched.ts') },
  stages: { load: () => import('./stages.ts') },
  profile: { load: () => import('./profile.ts') },
  load: { load: () => import('./load.ts') },
  refuse: { load: () => import('./refuse.ts') },
  policy: { load: () => import('./policy.ts') },
  portable: { load: () => import('./portable.ts') },
  guard: { load: () => import('./guard.ts') },
  sinks: { load: () => import('./sinks.ts') },
  http: { load: () => import('./http.ts') },
  adapters: { load: () => import('./adapters.ts') },
  mcp: { load: () => import('./mcp.ts') },
  growth: { load: () => import('./growth.ts') },
  state: { load: () => import('./state.ts') },
  memory: { load: () => import('./memory.ts') },
  hostile: { load: () => import('./hostile.ts') },
  wire: { load: () => import('./wire.ts'), flags: ['--experimental-wasm-modules'] },
  import: { load: () => import('./import.ts') },
  bundle: { load: () => import('./bundle.ts') },
}
