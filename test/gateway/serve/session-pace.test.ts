import { connect, Socket } from 'node:net'
import { describe, expect, it, vi } from 'vitest'
import { admitSession } from '../../../src/gateway/admit-session.ts'
import { sessionPace } from '../../../src/gateway/session-pace.ts'
import type { HelloError } from '../../../src/gateway/wire/hello.ts'
import { until } from '../../support/until.ts'
import { newClients } from '../connect/client.ts'
import { makeGatewayHome } from './gateway-home.ts'

describe('the pace in which sessions begin', () => {
  it('is 100 at once and then one in each second, of each agent and of all clients without a proof [GTW-72] [attack 81]', () => {
    let time = 5_000
    const pace = sessionPace(() => time)
    for (const holder of [undefined, 'did:key:one', 'did:key:two']) {
      const waits = Array.from({ length: 107 }, () => pace.take(holder))
      const late = [1, 2, 3, 4, 5].map((seconds) => seconds * 1_000)
      expect(waits).toEqual([...Array<number>(100).fill(0), ...late, undefined, undefined])
    }
    expect(pace.hasAnonymous()).toBe(false)
    // A refused session does not delay the next one.
    time += 1_000
    expect([pace.take(undefined), pace.take(undefined)]).toEqual([5_000, undefined])
    time += 5_000
    expect(pace.hasAnonymous()).toBe(false)
    time += 1_000
    expect([pace.hasAnonymous(), pace.take(undefined), pace.hasAnonymous()]).toEqual([true, 0, false])
    // A holder that was silent has 100 again, and no more.
    time += 1e9
    expect(Array.from({ length: 101 }, () => pace.take(undefined))).toEqual([...Array<number>(100).fill(0), 1_000])
  })

  it('is the same at each fraction of a millisecond [GTW-72]', () => {
    for (let time = 4_000; time < 5_000; time += 1.234_567_89) {
      const pace = sessionPace(() => time)
      const turns = Array.from({ length: 101 }, () => [pace.hasAnonymous(), pace.take(undefined)])
      expect(
        turns.findIndex(([isFree, wait]) => !isFree || wait !== 0),
        String(time),
      ).toBe(100)
    }
  })

  it('is that of the present time where a clock goes back or forward [GTW-72]', () => {
    let time = 1e9
    const pace = sessionPace(() => time)
    for (let count = 0; count < 105; count++) pace.take(undefined)
    time -= 1e8
    expect(pace.take(undefined)).toBe(undefined)
    time += 1_000
    expect([pace.take(undefined), pace.take(undefined)]).toEqual([5_000, undefined])
    time += 6_000.5
    expect([pace.hasAnonymous(), pace.take(undefined), pace.hasAnonymous()]).toEqual([true, 0, false])
    time += 1e12
    expect(Array.from({ length: 101 }, () => pace.take(undefined))).toEqual([...Array<number>(100).fill(0), 1_000])
  })

  it('ends a wait at the instant of the turn, and not before it [GTW-72]', () => {
    for (const fraction of [0, 0.1, 0.999_9]) {
      let time = 7_000 + fraction
      const pace = sessionPace(() => time)
      for (let count = 0; count < 100; count++) expect(pace.take('did:key:one')).toBe(0)
      time = 7_999.999_9
      expect(pace.take('did:key:one')).toBe(1)
      time = 8_999
      expect(pace.take('did:key:one')).toBe(1)
      time = 10_000
      expect([pace.take('did:key:one'), pace.take('did:key:one')]).toEqual([0, 1_000])
      // The longest wait is exactly 5 s.
      for (const wait of [2_000, 3_000, 4_000, 5_000, undefined]) expect(pace.take('did:key:one')).toBe(wait)
      time = 10_000.999
      expect(pace.take('did:key:one')).toBe(undefined)
      time = 11_000
      expect(pace.take('did:key:one')).toBe(5_000)
    }
  })

  it('of an agent is remembered while others begin sessions [GTW-72]', () => {
    let time = 0
    const pace = sessionPace(() => time)
    for (let count = 0; count < 105; count++) pace.take('did:key:busy')
    for (let count = 0; count < 10_000; count++) pace.take(`did:key:${count}`)
    expect(pace.take('did:key:busy')).toBe(undefined)
    time += 1_000
    for (let count = 0; count < 10_000; count++) pace.take(`did:key:${count}`)
    expect([pace.take('did:key:busy'), pace.take('did:key:busy')]).toEqual([5_000, undefined])
  })
})

describe('a session that waits for its turn', () => {
  /** The places that are taken, and the answer to a client whose turn comes after a moment. */
  function wait(socket: Socket, waitMs: number | undefined, ending: () => HelloError | undefined = () => undefined) {
    const places = new Set<object>()
    const sessions = {
      hasAnonymous: () => true,
      take() {
        const place = {}
        places.add(place)
        return () => void places.delete(place)
      },
    }
    const pace = { hasAnonymous: () => true, take: () => waitMs }
    const options = { sessions, pace, ending, needsProof: false, current: () => ({}) as never }
    return { places, admitted: admitSession(socket, 'mail', options) }
  }

  it('begins then, with its place [GTW-72]', async () => {
    vi.useFakeTimers()
    try {
      const { places, admitted } = wait(new Socket(), 20)
      const begun = vi.fn()
      void admitted.then(begun)
      await vi.advanceTimersByTimeAsync(19)
      expect(begun).not.toHaveBeenCalled()
      await vi.advanceTimersByTimeAsync(1)
      expect(begun).toHaveBeenCalledTimes(1)
      expect([await admitted, places.size]).toEqual([{ leave: expect.any(Function) }, 1])
    } finally {
      vi.useRealTimers()
    }
  })

  it.each([
    ['when too many wait', undefined, 'too_many'],
    ['when its client leaves', 600_000, 'closing'],
    ['when the gateway ends', 20, 'closing'],
  ])('does not begin %s, and gives its place back [GTW-72]', async (way, waitMs, code) => {
    const socket = new Socket()
    let isEnding = false
    const { places, admitted } = wait(socket, waitMs, () => (isEnding ? { code: 'closing', message: 'x' } : undefined))
    await new Promise((resolve) => setImmediate(resolve))
    if (way.includes('leaves')) socket.destroy()
    isEnding = way.includes('ends')
    expect([await admitted, places.size]).toEqual([{ fault: { code, message: expect.any(String) } }, 0])
  })
})

describe('a process of the user that begins sessions without end', () => {
  it('is asked for a proof, and holds up no agent [GTW-72] [GTW-26] [attack 81]', async () => {
    const home = await makeGatewayHome()
    const gateway = await home.open()
    const first = async (): Promise<string> => {
      let answer = ''
      const socket = connect(gateway.place, () => void socket.write('{"procura":1,"server":"mail"}\n'))
      socket.on('error', () => undefined).on('data', (chunk: Buffer) => (answer += chunk.toString()))
      await until(() => answer.includes('\n') || socket.destroyed)
      socket.destroy()
      await until(async () => (await gateway.health()).sessions < 16)
      return answer
    }
    // The time stands still, so the pace does not depend on this machine.
    const time = vi.spyOn(performance, 'now').mockReturnValue(performance.now())
    try {
      const answers: string[] = []
      for (let count = 0; count < 120; count++) answers.push(await first())
      expect(answers.map((answer) => answer.includes('"audience"') && !answer.includes('"challenge"'))).toEqual([
        ...[...Array<boolean>(100).fill(true), ...Array<boolean>(20).fill(false)],
      ])
      const started = (await home.records()).filter(
        ({ kind, command }) => kind === 'intent' && command === '/gateway/start/mail/0',
      )
      expect(started.length).toBeLessThanOrEqual(101)
    } finally {
      time.mockRestore()
    }
    const agent = await home.agent('assistant')
    await agent.give(home.owner, '/mcp/mail')
    const clients = newClients()
    const mail = await clients.open(agent.folder)
    expect((await mail.call('send', { to: 'bob@example.com' })).result?.isError).not.toBe(true)
    await clients.end()
    await home.remove()
  }, 60_000)
})
