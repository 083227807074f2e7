import type { GuardedCall } from '../../../src/guard/call.ts'
import type { Random } from './random.ts'
import { origin } from './upstream.ts'
import { wait } from './virtual-time.ts'

type Call = GuardedCall<{ readonly number: number }>

const urlOf = (call: Call): string => `${origin}/${call.args.number}/0`
const ignore = (): void => undefined

/** Handlers, good and bad. They handle all their own promises, but may ignore promises of the guard. */
const handlers: readonly ((call: Call, random: Random) => unknown)[] = [
  async (call) => (await call.fetch(urlOf(call))).text(),
  async (call) => (await call.fetch(urlOf(call))).status,
  (call) => call.fetch(urlOf(call)),
  async (call) => (await call.fetch(urlOf(call))).body,
  async (call) => ({ response: await call.fetch(urlOf(call)) }),
  async (call) => (await call.fetch(urlOf(call))).clone(),
  // Works on a part of the response for longer than the call may last.
  async (call, random) => {
    for await (const _part of (await call.fetch(urlOf(call))).body ?? []) await wait(random.below(15))
  },
  async (call) => {
    for await (const _part of (await call.fetch(urlOf(call))).body ?? []) break
  },
  async (call) => {
    const reader = (await call.fetch(urlOf(call))).body?.getReader()
    await reader?.read()
    reader?.releaseLock()
  },
  // Does not wait.
  async (call, random) => {
    void call.fetch(urlOf(call))
    await wait(random.below(25))
  },
  async (call, random) => {
    void call.fetch(urlOf(call))
    await wait(random.below(25))
    throw new RangeError('did not wait')
  },
  (call) => void call.fetch(urlOf(call)),
  (call) => void call.lease(),
  (call, random) => {
    const late = async (): Promise<void> => {
      await wait(random.below(80))
      await call.fetch(urlOf(call))
    }
    late().catch(ignore)
  },
  async (call) => {
    const response = await call.fetch(urlOf(call))
    response.text().catch(ignore)
  },
  // Sends twice.
  (call) => Promise.allSettled([call.fetch(urlOf(call)), call.fetch(urlOf(call)), call.lease()]),
  async (call) => {
    await call.fetch(urlOf(call)).catch(ignore)
    return call.fetch(urlOf(call))
  },
  // Leases.
  async (call) => (await call.lease()).kind,
  async (call) => {
    const lease = await call.lease()
    await lease.revoke()
  },
  async (call) => {
    await using lease = await call.lease()
    await wait(2)
    return lease.version
  },
  // Fails.
  async (call) => {
    await call.fetch(urlOf(call))
    throw new RangeError('later')
  },
  () => {
    throw new RangeError('at once')
  },
  // Uses up the time.
  () => new Promise(ignore),
  ({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
  async (call) => {
    await wait(60)
    return call.fetch(urlOf(call))
  },
]

/** Picks a handler. */
export function chaoticHandler(random: Random): (call: GuardedCall) => unknown {
  const handler = random.pick(handlers)
  const own = random.fork()
  return (call) => handler(call as Call, own)
}

/** Consumes the bodies in a value: reads, reads a part, cancels or leaves them. */
export async function consume(value: unknown, random: Random): Promise<void> {
  const parts = typeof value === 'object' && value !== null ? [value, ...Object.values(value)] : []
  for (const part of parts) {
    const body = part instanceof Response ? part.body : part instanceof ReadableStream ? part : null
    if (body === null || body.locked) continue
    const how = random.pick(['read', 'read', 'cancel', 'leave', 'a part'])
    if (how === 'read') await new Response(body).text().catch(ignore)
    if (how === 'cancel') await body.cancel().catch(ignore)
    if (how === 'a part') await body.getReader().read().catch(ignore)
  }
}
