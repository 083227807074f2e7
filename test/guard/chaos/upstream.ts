import type { Ledger } from './ledger.ts'
import type { Random } from './random.ts'
import { wait } from './virtual-time.ts'

/** The upstream of a world: `/call/hop`. */
export const origin = 'https://api.example'

/** Derived tokens for {@link origin} are requested here. */
export const tokenEndpoint = 'https://as.example/token'

/** How an upstream responds. */
const behaviours = [
  'a text',
  'a text',
  'a text',
  'nothing',
  'slow parts',
  'many parts',
  'a body that breaks',
  'a body that minds no signal',
  'a redirect',
  'a redirect',
  'a slow redirect',
  'a slow redirect',
  'an error',
  'hangs',
  'hangs and ignores the signal',
  'answers late and ignores the signal',
] as const

/** A `fetch` that responds in every way, and records each request with a credential. */
export function chaoticFetch(ledger: Ledger, random: Random): typeof fetch {
  return async (input, init) => {
    const url = new URL(String(input))
    const signal = init?.signal ?? new AbortController().signal
    if (url.origin !== origin) return token(random, signal)
    const [call = 0, hop = 0] = url.pathname.slice(1).split('/').map(Number)
    if (new Headers(init?.headers).has('authorization')) ledger.requests.push({ call, hop, at: ledger.tick() })
    signal.throwIfAborted()
    await wait(random.below(4))
    const behaviour = random.pick(behaviours)
    if (behaviour === 'a redirect' || behaviour === 'a slow redirect') {
      if (behaviour === 'a slow redirect') await wait(random.below(30))
      const location = random.percent(5) ? 'https://evil.example/' : `/${call}/${hop + 1}`
      return new Response('moved', { status: random.pick([302, 307]), headers: { location } })
    }
    if (behaviour === 'an error') throw new TypeError('fetch failed')
    if (behaviour === 'hangs') return untilAborted(signal)
    if (behaviour === 'hangs and ignores the signal') return new Promise(() => undefined)
    if (behaviour === 'answers late and ignores the signal') await wait(30 + random.below(30))
    else signal.throwIfAborted()
    if (behaviour === 'nothing') return new Response(null, { status: random.pick([200, 204]) })
    const minds = behaviour !== 'a body that minds no signal'
    const parts = behaviour === 'many parts' ? 40 : 1 + random.below(4)
    const pauseMs = behaviour === 'a text' ? 0 : 1 + random.below(8)
    return new Response(body(parts, pauseMs, behaviour === 'a body that breaks', minds ? signal : undefined))
  }
}

/** Parts, one after a pause, until the signal fires, like the streams of the platform. */
function body(
  parts: number,
  pauseMs: number,
  breaks: boolean,
  signal: AbortSignal | undefined,
): ReadableStream<Uint8Array> {
  let sent = 0
  return new ReadableStream(
    {
      start(controller) {
        signal?.addEventListener('abort', () => controller.error(signal.reason), { once: true })
      },
      async pull(controller) {
        if (pauseMs > 0) await wait(pauseMs)
        if (signal?.aborted) return
        if (sent === parts) return breaks ? controller.error(new TypeError('terminated')) : controller.close()
        sent += 1
        controller.enqueue(new TextEncoder().encode('part '))
      },
    },
    { highWaterMark: 2 },
  )
}

async function token(random: Random, signal: AbortSignal): Promise<Response> {
  await wait(random.below(10))
  if (random.percent(20)) return untilAborted(signal)
  if (random.percent(10)) return new Promise(() => undefined)
  if (random.percent(20)) throw new TypeError('fetch failed')
  return Response.json({ access_token: 'a-token-of-chaos', token_type: 'Bearer', expires_in: 600 })
}

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const give = (): void => reject(signal.reason)
    if (signal.aborted) give()
    else signal.addEventListener('abort', give, { once: true })
  })
}
