import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import type { AuditEvent } from '../../src/audit/events/event.ts'
import { findOpenIntents } from '../../src/audit/recovery/find-open-intents.ts'
import type { AuditSink } from '../../src/audit/sink.ts'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { encodeContainer } from '../../src/core/container/container.ts'
import { memoryRevocationStore } from '../../src/core/revocation/memory-revocation-store.ts'
import { AuditError, VaultError } from '../../src/errors.ts'
import type { GuardedCall } from '../../src/guard/call.ts'
import { createGuard } from '../../src/guard/guard.ts'
import type { GuardOptions } from '../../src/guard/options.ts'
import type { GuardDenial } from '../../src/guard/result.ts'
import type { GuardEvent } from '../../src/guard/telemetry.ts'
import { never } from '../../src/time.ts'
import { createVault } from '../../src/vault/create-vault.ts'
import { bearer } from '../../src/vault/processors/bearer.ts'
import type { CredentialOptions } from '../../src/vault/rules/credential-rules.ts'
import { Secret } from '../../src/vault/secret.ts'
import type { SecretReading, SecretSource } from '../../src/vault/source.ts'
import type { Release, Vault } from '../../src/vault/vault.ts'
import { actor, clock, now } from '../support/actors.ts'
import { guardOptionsFor, mailOptions } from '../support/guard.ts'
import { call, chainOf, service } from '../support/service.ts'
import { serve, type TestServer } from '../vault/support.ts'

const secret = 'canary-c2d9e0417ab3'
const alice = await actor('alice')
const bob = await actor('bob')
const proofs = await chainOf(alice, bob)
const send = defineCommand({ command: '/mail/send', args: { to: z.string() } })
const release: Release = {
  reference: 'mail',
  adapter: 'test',
  kind: 'static',
  version: '1',
  downscoped: false,
  stale: false,
  ageSeconds: 0,
}
let upstream: TestServer

beforeAll(async () => {
  upstream = await serve(async ({ url }, response) => {
    if (url.startsWith('/moved')) {
      await wait(5)
      response.writeHead(302, { location: url === '/moved/3' ? '/effect' : '/moved/3' }).end()
    } else if (url === '/stream') {
      response.write('first')
      await wait(5)
      response.write('second')
    } else if (url !== '/hang') response.end('text')
  })
})
afterAll(() => upstream.close())

function setUp(change: Partial<GuardOptions> = {}) {
  const sink = memoryAuditSink()
  const guard = createGuard({
    ...guardOptionsFor(alice, send),
    ...mailOptions(send, upstream, secret),
    audit: { sink },
    ...change,
  })
  const kinds = (): string[] =>
    sink.records().map(({ event }) => ('status' in event ? `${event.kind} ${event.status}` : event.kind))
  return { guard, sink, kinds }
}

const container = async (): Promise<string> =>
  encodeContainer([await call({ issuer: bob, proofs, args: { to: 'ann@example.com' } }), ...proofs])

/** Works on each part of the response for longer than the call lasts. */
const streaming =
  (atFirst: () => void = () => undefined) =>
  async ({ fetch, signal }: GuardedCall): Promise<void> => {
    const { body } = await fetch(`${upstream.origin}/stream`)
    for await (const _part of body ?? []) {
      // The next part has arrived by then, and the stream waits for the one after it.
      await wait(10)
      atFirst()
      while (!signal.aborted) await wait(1)
      await wait(10)
    }
  }

describe('a call that ends while its handler works on a part of the response', () => {
  const left = new Error('the agent went away')

  it('GRD-10 leaves no unhandled rejection when the agent goes away', async () => {
    const { guard, kinds } = setUp()
    const agent = new AbortController()
    const handler = streaming(() => agent.abort(left))
    await expect(guard.use(await container(), handler, { signal: agent.signal })).rejects.toBe(left)
    await wait(30)
    expect(kinds()).toEqual(['intent', 'released', 'outcome unknown'])
  })

  it('GRD-10 leaves no unhandled rejection when the handler takes too long', async () => {
    const { guard, kinds } = setUp({ deadlines: { handlerMs: 100 } })
    await expect(guard.use(await container(), streaming())).rejects.toThrow(
      /^the handler timed out after \d+ ms; raise `deadlines.handlerMs`/,
    )
    await wait(30)
    expect(kinds().at(-1)).toBe('outcome unknown')
  })

  it('GRD-10 leaves no unhandled rejection when the guard closes', async () => {
    const { guard, kinds } = setUp({ deadlines: { closeMs: 1 } })
    let closed: Promise<void> | undefined
    const handler = streaming(() => {
      closed ??= guard.close()
    })
    await expect(guard.use(await container(), handler)).rejects.toThrow('the guard is closing')
    await closed
    await wait(30)
    expect(kinds()).toEqual(['intent', 'released', 'outcome unknown'])
  })
})

/** A vault whose secrets are made for one call, and can be revoked. */
function dynamicVault(revoke: SecretReading['revoke'], rules: CredentialOptions = {}) {
  const secrets: Secret[] = []
  const source: SecretSource = {
    name: 'test',
    perCall: () => true,
    read: async (reference) => {
      const made = new Secret(secret)
      secrets.push(made)
      const about = { version: '1', kind: 'dynamic', downscoped: true, readAt: now } as const
      return { reference, secret: made, ...about, ...(revoke && { revoke }) }
    },
  }
  const mail = { origins: [upstream.origin], processor: bearer(), leasable: true, ...rules }
  return { vault: createVault({ source, credentials: { mail }, clock }), secrets }
}

describe('a guard without calls', () => {
  it('GRD-10 leaves no unhandled rejection when its key cannot be imported', async () => {
    const importing = vi.spyOn(crypto.subtle, 'importKey').mockRejectedValue(new Error('no cryptography here'))
    try {
      const { guard } = setUp({ audit: { sink: memoryAuditSink(), argumentKey: new Uint8Array(32) } })
      await wait(1)
      await guard.close()
    } finally {
      importing.mockRestore()
    }
  })
})

async function untilAborted(signal: AbortSignal | undefined): Promise<void> {
  if (signal?.aborted) return
  await new Promise((resolve) => signal?.addEventListener('abort', resolve))
}

describe('a handler that ends before its own requests', () => {
  it('GRD-13 has no request sent after its outcome is recorded or the guard has closed [attack 74]', async () => {
    const { guard, kinds, sink } = setUp()
    const sent = (): number => upstream.received.length
    const before = sent()
    let began: Promise<unknown> | undefined
    const result = await guard.use(await container(), async ({ fetch }) => {
      began = fetch(`${upstream.origin}/moved/1`).catch((error: unknown) => error)
      while (sent() === before) await wait(1)
    })
    expect(result).toMatchObject({ allowed: true, recorded: true })
    const at = sent()
    await guard.close()
    expect(await began).toBeInstanceOf(VaultError)
    await wait(10)
    expect([sent(), upstream.received.at(-1)?.url]).toEqual([at, '/moved/1'])
    expect(kinds()).toEqual(['intent', 'released', 'outcome ok'])
    expect(sink.records()).toHaveLength(3)
  })

  it('GRD-13 has its pending requests rejected with the reason', async () => {
    const { guard } = setUp()
    let began: Promise<unknown> | undefined
    let kept: GuardedCall | undefined
    await guard.use(await container(), async (handled) => {
      kept = handled
      began = handled.fetch(`${upstream.origin}/hang`)
      await wait(10)
    })
    const ended = { code: 'ERR_VAULT_UNAVAILABLE', message: /^the call has ended/ }
    await expect(began).rejects.toMatchObject({ code: ended.code, message: expect.stringMatching(ended.message) })
    await expect(kept?.fetch(upstream.origin)).rejects.toMatchObject({ code: ended.code })
    await expect(kept?.lease()).rejects.toMatchObject({ code: ended.code })
  })

  it('GRD-13 has its outcome recorded after all of its requests have ended', async () => {
    const order: string[] = []
    const inner = memoryAuditSink()
    const sink: AuditSink = {
      ...inner,
      append: async (event, options) => {
        order.push(event.kind)
        return inner.append(event, options)
      },
    }
    const vault: Vault = {
      use: async (_request, options = {}) => {
        await options.onRelease?.(release)
        await new Promise((resolve) => options.signal?.addEventListener('abort', resolve))
        await wait(20)
        order.push('settled')
        throw options.signal?.reason
      },
      lease: () => Promise.reject(new Error('none')),
    }
    const { guard } = setUp({ vault, audit: { sink } })
    await guard.use(await container(), async ({ fetch }) => {
      void fetch('https://api.example/')
      await wait(5)
    })
    expect(order).toEqual(['intent', 'released', 'settled', 'outcome'])
  })

  for (const [what, announce, kindsAfter] of [
    ['that is announced after its end', untilAborted, ['intent', 'outcome']],
    ['whose record is confirmed after its end', async () => undefined, ['intent', 'released', 'outcome']],
  ] as const) {
    it(`GRD-03 gets no release ${what}, even if the vault and the sink ignore their signals`, async () => {
      let released = false
      const vault: Vault = {
        use: async (_request, options = {}) => {
          await announce(options.signal)
          await options.onRelease?.(release)
          released = true
          return new Response('text')
        },
        lease: () => Promise.reject(new Error('none')),
      }
      const inner = memoryAuditSink()
      const sink: AuditSink = {
        ...inner,
        append: async (event, { signal } = {}) => {
          if (event.kind === 'released') await untilAborted(signal)
          return inner.append(event, {})
        },
      }
      const { guard } = setUp({ vault, audit: { sink } })
      await guard.use(await container(), async ({ fetch }) => {
        void fetch('https://api.example/')
        await wait(5)
      })
      await guard.close()
      expect([released, inner.records().map(({ event }) => event.kind)]).toEqual([false, kindsAfter])
    })
  }

  it('GRD-13 has its outcome recorded after a release whose record is pending', async () => {
    const order: string[] = []
    const inner = memoryAuditSink()
    const sink: AuditSink = {
      ...inner,
      append: async (event) => {
        if (event.kind === 'released') await wait(30)
        order.push(event.kind)
        return inner.append(event, {})
      },
    }
    const vault: Vault = {
      // It gives up at once, and does not wait for the record.
      use: async (_request, options = {}) => {
        options.onRelease?.(release)?.catch(() => undefined)
        await untilAborted(options.signal)
        throw options.signal?.reason
      },
      lease: () => Promise.reject(new Error('none')),
    }
    const { guard } = setUp({ vault, audit: { sink } })
    await guard.use(await container(), ({ fetch }) => void fetch('https://api.example/'))
    expect(order).toEqual(['intent', 'released', 'outcome'])
  })

  it('GRD-13 has its request rejected even if a custom vault responds after the end', async () => {
    const vault: Vault = {
      use: async (_request, options = {}) => {
        await options.onRelease?.(release)
        await untilAborted(options.signal)
        return new Response('text')
      },
      lease: () => Promise.reject(new Error('none')),
    }
    const { guard } = setUp({ vault })
    let began: Promise<unknown> | undefined
    await guard.use(await container(), async ({ fetch }) => {
      began = fetch('https://api.example/')
      await wait(5)
    })
    await expect(began).rejects.toMatchObject({ code: 'ERR_VAULT_UNAVAILABLE' })
  })

  it('GRD-13 waits at most a second for a vault that ignores its signal', async () => {
    const vault: Vault = { use: () => new Promise(() => undefined), lease: () => new Promise(() => undefined) }
    const { guard, kinds } = setUp({ vault })
    const began = performance.now()
    await guard.use(await container(), ({ fetch }) => {
      void fetch('https://api.example/')
    })
    expect(performance.now() - began).toBeLessThan(4_000)
    expect(kinds()).toEqual(['intent', 'outcome ok'])
  })

  it('GRD-02 sends no request to the target of a redirect after the call was revoked [attack 74]', async () => {
    const revocations = memoryRevocationStore({ clock })
    const { guard, kinds } = setUp({ revocations })
    const before = upstream.received.length
    const used = guard.use(await container(), async ({ fetch }) => {
      const response = fetch(`${upstream.origin}/moved/1`)
      while (upstream.received.length === before) await wait(1)
      await revocations.add({ ids: [bob.did], expiration: never })
      return response
    })
    await expect(used).rejects.toMatchObject({ code: 'ERR_VAULT_REVOKED' })
    expect(upstream.received.slice(before).map(({ url }) => url)).toEqual(['/moved/1'])
    expect(kinds()).toEqual(['intent', 'released', 'outcome error'])
  })
})

describe('the body of a response', () => {
  const notRead: Readonly<Record<string, (handled: GuardedCall, url: string) => unknown>> = {
    'whose status alone is used': async ({ fetch }, url) => (await fetch(url)).status,
    'that is not awaited': async ({ fetch }, url) => {
      void fetch(url)
      await wait(30)
    },
    'of a handler that failed': async ({ fetch }, url) => {
      await fetch(url)
      throw new RangeError('later')
    },
    'of which a part was read': async ({ fetch }, url) => {
      const reader = (await fetch(url)).body?.getReader()
      await reader?.read()
      reader?.releaseLock()
    },
    'deep in the returned value': async ({ fetch }, url) => ({ a: { response: await fetch(url) } }),
  }
  for (const [what, handler] of Object.entries(notRead)) {
    it(`GRD-14 ${what} is aborted, and its dynamic secret is revoked`, async () => {
      for (const path of ['/text', '/stream']) {
        let revoked = 0
        const { vault, secrets } = dynamicVault(async () => {
          revoked += 1
        })
        const { guard } = setUp({ vault })
        await guard.use(await container(), (call) => handler(call, upstream.origin + path)).catch(() => undefined)
        await guard.close()
        expect([path, revoked, secrets.map(({ disposed }) => disposed)]).toEqual([path, 1, [true]])
      }
    })
  }

  const read: Readonly<Record<string, (response: Response) => unknown>> = {
    'that is the value': (response) => response,
    'that is the body of the value': ({ body, headers }) => new Response(body, { headers }),
    'whose stream is the value': ({ body }) => body,
    'in the value': (response) => ({ status: 200, response }),
    'whose stream is in a list': ({ body }) => [200, body],
    'that is piped through a transform': ({ body }) => body?.pipeThrough(new TransformStream()),
    'that is being read': (response) => ({ text: response.text() }),
  }
  for (const [what, give] of Object.entries(read)) {
    it(`GRD-14 ${what} is not aborted, and its secret is revoked at its end`, async () => {
      let revoked = 0
      const { vault } = dynamicVault(async () => {
        revoked += 1
      })
      const { guard } = setUp({ vault })
      const result = await guard.use(await container(), async ({ fetch }) =>
        give(await fetch(`${upstream.origin}/text`)),
      )
      await guard.close()
      if (!result.allowed) throw new Error('refused')
      const parts = [result.value, ...Object.values(result.value as object)]
      const text = await Promise.any(
        parts.map(async (part) => {
          if (part instanceof Response) return part.text()
          if (part instanceof ReadableStream) return new Response(part).text()
          if (part instanceof Promise) return part
          throw new Error('something else')
        }),
      )
      expect([text, revoked]).toEqual(['text', 1])
    })
  }

  it('GRD-14 is aborted when the handler returns another response than this one', async () => {
    const { guard } = setUp({
      ...mailOptions({ ...send, requests: 2 } as typeof send, upstream, secret),
    })
    let first: Response | undefined
    const result = await guard.use(await container(), async ({ fetch }) => {
      first = await fetch(`${upstream.origin}/text`)
      return fetch(`${upstream.origin}/text`)
    })
    if (!result.allowed) throw new Error('refused')
    expect(await result.value.text()).toBe('text')
    await expect(first?.text()).rejects.toMatchObject({ code: 'ERR_VAULT_UNAVAILABLE' })
  })

  it('GRD-14 fails with the reason when it is read too late', async () => {
    const { guard } = setUp()
    let kept: Response | undefined
    await guard.use(await container(), async ({ fetch }) => {
      kept = await fetch(`${upstream.origin}/text`)
    })
    await expect(kept?.text()).rejects.toMatchObject({
      code: 'ERR_VAULT_UNAVAILABLE',
      message: 'the call has ended; a handler must read the body of a response, or return the response',
    })
  })

  it('GRD-14 belongs to its reader once it is returned, even if the agent has gone away', async () => {
    const { guard } = setUp()
    const agent = new AbortController()
    const handler = async ({ fetch }: GuardedCall): Promise<Response> => fetch(`${upstream.origin}/text`)
    const result = await guard.use(await container(), handler, { signal: agent.signal })
    agent.abort(new Error('the agent went away'))
    if (!result.allowed) throw new Error('refused')
    expect(await result.value.text()).toBe('text')
  })

  for (const [what, answer] of Object.entries({
    'that has no body': { status: 200 },
    'that is undefined': undefined,
    'whose body cannot be read': Object.defineProperty({ status: 200 }, 'body', { get: () => JSON.parse('') }),
  })) {
    it(`GRD-06 can be unusable: the outcome is recorded after a custom vault returns a response ${what}`, async () => {
      const vault: Vault = {
        references: ['mail'],
        lease: () => new Promise(() => undefined),
        use: async (_request, options) => {
          await options?.onRelease?.(release)
          return answer as Response
        },
      }
      const { guard, kinds } = setUp({ vault })
      const handler = ({ fetch }: GuardedCall): Promise<unknown> => fetch('https://api.example/').catch(() => undefined)
      expect(await guard.use(await container(), handler)).toMatchObject({ allowed: true, recorded: true })
      expect(kinds()).toEqual(['intent', 'released', 'outcome ok'])
    })
  }

  it('GRD-14 is not searched for in an unreadable value', async () => {
    const trap = (): never => {
      throw new Error('do not look')
    }
    const { guard } = setUp()
    const value = new Proxy({}, { ownKeys: trap })
    const result = await guard.use(await container(), async ({ fetch }) => {
      await fetch(`${upstream.origin}/text`)
      return value
    })
    expect(result).toMatchObject({ allowed: true, recorded: true })
  })
})

describe('a closing guard', () => {
  it('GRD-06 records outcomes even if leases are not given back in time', async () => {
    const hang = (): Promise<never> => new Promise(() => undefined)
    const { vault, secrets } = dynamicVault(hang)
    const { guard, kinds } = setUp({ vault, deadlines: { closeMs: 20, handlerMs: 300 } })
    const used = guard.use(await container(), async ({ lease }) => (await lease()).kind)
    while (secrets[0]?.disposed !== true) await wait(1)
    await guard.close()
    expect(kinds()).toEqual(['intent', 'released', 'outcome ok'])
    // The revocation at the origin has as long as the handler had.
    expect(await used).toMatchObject({ allowed: true, recorded: true })
  })

  it('GRD-06 records an outcome before a lease is given back, and does not wait for that lease', async () => {
    let goOn: () => void = () => undefined
    const { vault } = dynamicVault(() => new Promise((resolve) => (goOn = resolve)))
    const { guard, kinds } = setUp({ vault, deadlines: { closeMs: 20, handlerMs: 3_000 } })
    const used = guard.use(await container(), async ({ lease }) => (await lease()).kind)
    await expect.poll(kinds).toEqual(['intent', 'released', 'outcome ok'])
    expect(await Promise.race([guard.close().then(() => 'closed'), used])).toBe('closed')
    goOn()
    expect(await used).toMatchObject({ allowed: true, recorded: true })
  })

  it('GRD-06 records outcomes even if the sink is slow', async () => {
    const inner = memoryAuditSink()
    const sink: AuditSink = {
      ...inner,
      append: async (event, options) => {
        await wait(120)
        return inner.append(event, options)
      },
    }
    const { guard } = setUp({ audit: { sink }, deadlines: { closeMs: 10 } })
    const errors: unknown[] = []
    const used = Array.from({ length: 5 }, async (_, index) => {
      const asked = await container()
      await wait(index * 30)
      return guard.use(asked, ({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', reject)))
    })
    const ended = Promise.all(used.map((one) => one.catch((error: Error) => errors.push(error.message))))
    await wait(80)
    await guard.close()
    expect(await findOpenIntents(inner.records())).toEqual([])
    await ended
    expect(inner.records().length).toBeGreaterThan(0)
  })

  it('GRD-06 records the outcome of a dry run even if the sink is slow', async () => {
    const inner = memoryAuditSink()
    let asked = 0
    const sink: AuditSink = {
      ...inner,
      append: async (event, options) => {
        asked += 1
        await wait(60)
        return inner.append(event, options)
      },
    }
    const { guard } = setUp({ audit: { sink }, deadlines: { closeMs: 10 } })
    const tried = guard.dryRun(await container())
    while (asked === 0) await wait(1)
    await guard.close()
    expect(inner.records().map(({ event }) => event.kind)).toEqual(['intent', 'outcome'])
    expect(await tried).toMatchObject({ allowed: true })
  })
})

describe('a failing sink', () => {
  /** Fails for one kind of event, in each possible way. */
  const failing = (kind: AuditEvent['kind'], how: 'rejects' | 'hangs'): { sink: AuditSink; cause: Error } => {
    const inner = memoryAuditSink()
    const cause = new AuditError('ERR_AUDIT_SHORT_WRITE', 'short write')
    const fail = (): Promise<never> => (how === 'hangs' ? new Promise(() => undefined) : Promise.reject(cause))
    const append: AuditSink['append'] = (event, given) => (event.kind === kind ? fail() : inner.append(event, given))
    return { sink: { ...inner, append }, cause }
  }

  for (const how of ['rejects', 'hangs'] as const) {
    const code = how === 'rejects' ? 'ERR_AUDIT_SHORT_WRITE' : 'ERR_AUDIT_DEADLINE'

    it(`GRD-12 for the intent (it ${how}): the handler does not run, and the denial has the cause`, async () => {
      const { guard } = setUp({ audit: { sink: failing('intent', how).sink, deadlineMs: 30 } })
      let ran = 0
      const result = await guard.use(await container(), () => (ran += 1))
      expect(result).toEqual({
        allowed: false,
        denial: {
          code: 'audit_unavailable',
          message: expect.stringMatching(/could not be recorded, so nothing was done.*`onError`/),
          requirement: 'GRD-01',
        },
      })
      expect(ran).toBe(0)
      const { denial } = result as { readonly denial: GuardDenial }
      expect(denial.cause).toMatchObject({ name: 'AuditError', code })
      expect([JSON.stringify(denial), Object.keys({ ...denial })]).toEqual([
        expect.not.stringContaining('cause'),
        ['code', 'message', 'requirement'],
      ])
    })

    it(`GRD-12 for the release (it ${how}): no request is sent, and a handler that rethrows the error is refused`, async () => {
      for (const verb of ['fetch', 'lease'] as const) {
        const { vault, secrets } = dynamicVault(undefined)
        const errors: unknown[] = []
        const events: GuardEvent[] = []
        const { guard } = setUp({
          vault,
          audit: { sink: failing('released', how).sink, deadlineMs: 30 },
          onError: (error) => void errors.push(error),
          onEvent: (event) => void events.push(event),
        })
        const before = upstream.received.length
        const result = await guard.use<unknown>(await container(), (call) => call[verb](`${upstream.origin}/text`))
        expect(result).toEqual({
          allowed: false,
          denial: {
            code: 'audit_unavailable',
            message: expect.stringMatching(/did not confirm the release.*so nothing was sent.*`onError`/),
            requirement: 'GRD-12',
          },
        })
        expect([upstream.received.length - before, secrets.map(({ disposed }) => disposed)]).toEqual([0, [true]])
        expect((result as { readonly denial: GuardDenial }).denial.cause).toMatchObject({ name: 'AuditError', code })
        expect(errors).toMatchObject([{ code }])
        expect(events.map(({ name }) => name)).toEqual(['decided', 'finished', 'refused'])
      }
    })

    it(`GRD-12 SVC-14 for a later release (it ${how}): the call is not refused, because an earlier request was sent`, async () => {
      const inner = memoryAuditSink()
      const { sink } = failing('released', how)
      for (const order of ['one after the other', 'at once'] as const) {
        let releases = 0
        const append: AuditSink['append'] = (event, given) =>
          (event.kind === 'released' && ++releases > 1 ? sink : inner).append(event, given)
        const { commands: mail } = mailOptions(send, upstream, secret)
        const commands = mail.map((one) => ({ ...one, requests: 2 }))
        const { guard } = setUp({ commands, audit: { sink: { ...inner, append }, deadlineMs: 100 } })
        const before = upstream.received.length
        const twice = async ({ fetch }: GuardedCall): Promise<void> => {
          const send = (): Promise<Response> => fetch(`${upstream.origin}/text`)
          if (order === 'at once') await Promise.all([send(), send()])
          else for (let at = 0; at < 2; at++) await (await send()).text()
        }
        await expect(guard.use(await container(), twice), order).rejects.toMatchObject({ name: 'AuditError', code })
        // In the second order, the handler may end before its first request is sent.
        if (order === 'one after the other') expect(upstream.received.length - before).toBe(1)
        expect(inner.records().at(-1)?.event).toMatchObject({ kind: 'outcome', status: 'error', code })
      }
    })

    it(`GRD-12 for the release (it ${how}): a handler can return another value, or throw its own error`, async () => {
      const { guard } = setUp({ audit: { sink: failing('released', how).sink, deadlineMs: 30 } })
      const told: unknown[] = []
      const instead = async ({ fetch }: GuardedCall): Promise<string> => {
        await fetch(`${upstream.origin}/text`).catch((error: unknown) => told.push(error))
        return 'a cached answer'
      }
      expect(await guard.use(await container(), instead)).toMatchObject({ allowed: true, value: 'a cached answer' })
      expect(told).toMatchObject([{ name: 'AuditError', code }])
      const own = async ({ fetch }: GuardedCall): Promise<void> => {
        await fetch(`${upstream.origin}/text`).catch((cause: unknown) => {
          throw new RangeError('no answer', { cause })
        })
      }
      await expect(guard.use(await container(), own)).rejects.toThrow(RangeError)
    })

    it(`GRD-12 for the outcome (it ${how}): the value is returned with \`recorded: false\` and the cause`, async () => {
      const { guard } = setUp({ audit: { sink: failing('outcome', how).sink, deadlineMs: 30 }, receipts: service })
      const result = await guard.use(await container(), async ({ fetch }) =>
        (await fetch(`${upstream.origin}/text`)).text(),
      )
      expect(result).toEqual({ allowed: true, value: 'text', recorded: false })
      if (!result.allowed) throw new Error('refused')
      expect(result.cause).toMatchObject({ name: 'AuditError', code })
      expect(JSON.stringify(result)).not.toContain('cause')
    })
  }
})
