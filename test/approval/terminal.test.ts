import { PassThrough } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type AskInTerminalOptions, askInTerminal } from '../../src/approval/terminal/ask-in-terminal.ts'
import { clock } from '../support/actors.ts'
import { receivedRequest, sentRequest } from './cast.ts'

const request = await receivedRequest(await sentRequest())

/** Two ends of a terminal, and all that it has shown. */
function terminal(change: object = {}): {
  readonly input: PassThrough & { isTTY?: boolean }
  readonly output: PassThrough & { isTTY?: boolean; columns?: number }
  readonly shown: () => string
} {
  let text = ''
  const input = Object.assign(new PassThrough(), { isTTY: true }, change)
  const output = Object.assign(new PassThrough(), { isTTY: true, columns: 60 }, change)
  output.on('data', (chunk) => (text += String(chunk)))
  return { input, output, shown: () => text }
}

/** Asks, and types when the question is there. */
async function ask(typed: string, options: AskInTerminalOptions = {}): Promise<boolean> {
  const { input, output } = terminal()
  const answer = askInTerminal(request, { input, output, clock, readingMs: 0, ...options })
  input.write(typed)
  return answer
}

describe('askInTerminal', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it('shows the words in lines of the terminal, and takes yes for a yes', async () => {
    const { input, output, shown } = terminal()
    const answer = askInTerminal(request, { input, output, clock, readingMs: 0 })
    input.write('yes\n')
    await expect(answer).resolves.toBe(true)
    expect(shown()).toContain('requests: /mail/send\n')
    expect(shown()).toContain('  - to = "bob@example.com"\n')
    for (const line of shown().split('\n').slice(0, -1)) expect.soft(line.length, line).toBeLessThanOrEqual(60)
    expect(input.listenerCount('data')).toBe(0)
    expect(vi.getTimerCount()).toBe(0)
  })

  it.each(['no\n', '\n', 'y\n', 'YES\n', 'yes please\n', 'yess\n', 'no\nyes\n', `${'x'.repeat(101)}`])(
    'takes %j for a no',
    async (typed) => {
      await expect(ask(typed)).resolves.toBe(false)
    },
  )

  it('takes the end of the input for a no, also after a yes without Enter', async () => {
    const { input, output } = terminal()
    const answer = askInTerminal(request, { input, output, clock, readingMs: 0 })
    input.end('yes')
    await expect(answer).resolves.toBe(false)
  })

  it('APR-40 shows and asks nothing without a terminal', async () => {
    for (const change of [{ isTTY: false }, { isTTY: undefined }]) {
      const { input, output, shown } = terminal(change)
      input.write('yes\n')
      await expect(askInTerminal(request, { input, output, clock, readingMs: 0 })).resolves.toBe(false)
      expect(shown()).toBe('')
    }
    const half = terminal()
    half.input.isTTY = false
    half.input.write('yes\n')
    await expect(askInTerminal(request, { ...half, shown: undefined, clock } as never)).rejects.toThrow('no option')
    await expect(askInTerminal(request, { input: half.input, output: half.output, clock })).resolves.toBe(false)
  })

  it('APR-41 takes the end of the time and the signal for a no', async () => {
    const { input, output, shown } = terminal()
    const answer = askInTerminal(request, { input, output, clock, timeoutMs: 1_000 })
    await vi.advanceTimersByTimeAsync(999)
    expect(shown()).not.toContain('refused')
    await vi.advanceTimersByTimeAsync(1)
    await expect(answer).resolves.toBe(false)
    expect(shown()).toContain('no answer: refused')
    input.write('yes\n')
    await expect(askInTerminal(request, { input, output, clock, signal: AbortSignal.abort() })).resolves.toBe(false)
  })

  it('APR-42 ignores an answer that was typed before the question could be read', async () => {
    const { input, output } = terminal()
    input.write('yes\n')
    const answer = askInTerminal(request, { input, output, clock, readingMs: 500, timeoutMs: 2_000 })
    await vi.advanceTimersByTimeAsync(400)
    input.write('yes\n')
    await vi.advanceTimersByTimeAsync(200)
    input.write('no\n')
    await expect(answer).resolves.toBe(false)
  })

  it('APR-42 takes an answer after that', async () => {
    const { input, output } = terminal()
    const answer = askInTerminal(request, { input, output, clock })
    await vi.advanceTimersByTimeAsync(501)
    input.write('yes\r')
    await expect(answer).resolves.toBe(true)
  })
})
