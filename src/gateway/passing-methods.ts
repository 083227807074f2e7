/**
 * A group of requests that a server of the gateway can allow. They pass unguarded, with the credential of the server.
 */
export type AllowedRequests = 'resources' | 'prompts' | 'completions'

/** The groups, with the methods of each. */
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

/** The names of the groups. */
export const allowedRequests: readonly AllowedRequests[] = Object.freeze([...groups.keys()])

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
