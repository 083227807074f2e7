// node only: starts programs
/** `procura serve` in a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { until } from '../../../../../test/support/until.ts'

/** A gateway in a process of its own. */
export interface ServedGateway {
  readonly child: ChildProcess
  readonly exit: Promise<number | null>
  /** Its output of both kinds. */
  out(): string
}

/** The gateways of a test. */
export interface ServedGateways {
  start(home: string, words?: readonly string[], env?: Readonly<Record<string, string>>): ServedGateway
  /** Starts one, and waits until it listens. */
  serve(home: string, words?: readonly string[], env?: Readonly<Record<string, string>>): Promise<ServedGateway>
  /** Kills all of them. */
  end(): Promise<void>
}

/** Makes the gateways of a test, of a bundled program. */
export function servedGateways(program: () => string): ServedGateways {
  const running: ServedGateway[] = []
  const start: ServedGateways['start'] = (home, words = [], env = {}) => {
    const child = spawn(process.execPath, [program(), 'serve', '--home', home, ...words], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let all = ''
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (all += chunk.toString()))
    const exit = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)))
    const served = { child, exit, out: () => all }
    running.push(served)
    return served
  }
  return {
    start,
    async serve(...given) {
      const served = start(...given)
      await Promise.race([until(() => /^listening on|"listening"/m.test(served.out())), served.exit])
      if (served.child.exitCode !== null) throw new Error(`it ended: ${served.out()}`)
      return served
    },
    async end() {
      for (const { child, exit } of running.splice(0)) {
        child.kill('SIGKILL')
        await exit
      }
    },
  }
}
