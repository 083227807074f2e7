// node only: works with parts that use files
import type { Guard, GuardResult } from 'procura/guard'
import { passingMethods } from '../configuration/passing-methods.ts'
import type { GuardedServer, Snapshot } from './snapshot.ts'

/** A server as a session sees it, through reloads. */
export interface ServerView {
  readonly server: string
  readonly guard: Pick<Guard, 'open' | 'use' | 'dryRun'>
  readonly commandOf: (tool: string) => ReturnType<GuardedServer['commands']['get']>
  readonly pinOf: (tool: string) => string | undefined
  readonly listing: { readonly subjects: readonly string[]; readonly revocations: Snapshot['revocations'] }
  /** Whether requests of a method pass unguarded. */
  readonly passes: (method: string) => boolean
  /** Refuses further calls. */
  end(): void
}

/** Makes the view of a session that begins with a server. */
export function viewOf(server: string, current: () => Snapshot, { config }: GuardedServer): ServerView {
  let isEnded = false
  const now = (): GuardedServer | undefined => {
    const present = current().servers.get(server)
    // The program runs with its old configuration: the next one is for the next session.
    return isEnded || present?.config !== config ? undefined : present
  }
  const guard: ServerView['guard'] = {
    open: (container) => current().guard.open(container),
    dryRun: (container, options) => current().guard.dryRun(container, options),
    use: async <T>(...[container, handler, given]: Parameters<Guard['use']>): Promise<GuardResult<T>> => {
      // GTW-31: between the look at the tool and the decision, a reload may have removed the command.
      if (now() === undefined) return ended
      return current().guard.use(container, handler, given) as Promise<GuardResult<T>>
    },
  }
  const { revocations, config: whole } = current()
  return {
    server,
    guard,
    commandOf: (tool) => now()?.commands.get(tool),
    pinOf: (tool) => now()?.pins.get(tool),
    listing: { subjects: whole.subjects, revocations },
    passes: passingMethods(config.allow ?? []),
    end() {
      isEnded = true
    },
  }
}

/** The answer to a call of a server or API whose configuration has changed. */
export const ended: GuardResult<never> = Object.freeze({
  allowed: false,
  denial: Object.freeze({
    code: 'closed',
    message: 'the configuration of this server or API has changed, or the gateway is ending; connect again',
  }),
}) as GuardResult<never>
