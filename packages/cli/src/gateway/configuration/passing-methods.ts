/**
 * A way between a server and its client beside the tools, which the server can allow. `resources`, `prompts` and
 * `completions` are requests of the client, which pass unguarded with the credential of the server. `elicitation` and
 * `sampling` are requests of the server, and `instructions` a text of it for the model.
 */
export type AllowedRequests = 'resources' | 'prompts' | 'completions' | 'elicitation' | 'sampling' | 'instructions'

/** The groups of requests of a client, with the methods of each. */
const groups: ReadonlyMap<AllowedRequests, readonly string[]> = new Map([
  [
    'resources',
    [
      'resources/list',
      'resources/read',
      'resources/templates/list',
      'resources/subscribe',
      'resources/unsubscribe',
      'subscriptions/listen',
    ],
  ],
  ['prompts', ['prompts/list', 'prompts/get']],
  ['completions', ['completion/complete']],
])

/** The names of these groups: a server announces them as its capabilities. */
export const announcedRequests: readonly AllowedRequests[] = Object.freeze([...groups.keys()])

/** The requests of every session: its begin, its version and its log. */
const session: readonly string[] = ['initialize', 'server/discover', 'ping', 'logging/setLevel']

/**
 * Whether a request of a client, other than for tools, passes to a server. Others than those of a session need `allow`,
 * and unknown methods never pass. GTW-38
 */
export function passingMethods(allow: readonly AllowedRequests[]): (method: string) => boolean {
  const passing = new Set([...session, ...allow.flatMap((group) => groups.get(group) ?? [])])
  return (method) => passing.has(method)
}

/** The requests of a server, with the name in `allow` of each. */
const asked: ReadonlyMap<unknown, AllowedRequests> = new Map([
  ['elicitation/create', 'elicitation'],
  ['sampling/createMessage', 'sampling'],
])

/** Whether a request of a server passes to its client. */
export function askableMethods(allow: readonly AllowedRequests[]): (method: unknown) => boolean {
  return (method) => {
    const group = asked.get(method)
    return method === 'ping' || (group !== undefined && allow.includes(group))
  }
}
