import { PassThrough } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { AskInTerminalOptions } from '../../src/approval/terminal/ask-for-line.ts'
import { askInTerminal } from '../../src/approval/terminal/ask-in-terminal.ts'
import {
  type ApprovalChoice,
  type ChooseInTerminalOptions,
  chooseInTerminal,
} from '../../src/approval/terminal/choose-in-terminal.ts'
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

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** A terminal that collects characters until Enter, unless it is switched to single ones. */
function collectingTerminal() {
  const { input, output } = terminal()
  let line = ''
  const modes: boolean[] = []
  const deliver = (): void => {
    input.write(line)
    line = ''
  }
  Object.assign(input, {
    isRaw: false,
    setRawMode(on: boolean) {
      modes.push(on)
      Object.assign(input, { isRaw: on })
      if (on && line !== '') deliver()
    },
  })
  const type = (text: string): void => {
    line += text
    if ((input as { isRaw?: boolean }).isRaw === true || text.endsWith('\n')) deliver()
  }
  return { input, output, modes, type }
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
    expect(shown()).toContain('requests: /mail/send and the commands below it\n')
    expect(shown()).toContain('\n\nApprove this one call of /mail/send?\nType yes and press Enter; ')
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
    await turn()
    input.write('no\n')
    await expect(answer).resolves.toBe(false)
  })

  it('APR-42 ignores an answer that was typed before, also when the program read it late', async () => {
    vi.useRealTimers()
    const { input, output } = terminal()
    input.write('yes\n')
    const answer = askInTerminal(request, { input, output, clock, readingMs: 20, timeoutMs: 150 })
    for (const started = performance.now(); performance.now() - started < 60; );
    await expect(answer).resolves.toBe(false)
  })

  it('APR-42 ignores the beginning of a line that was typed before, whose end comes later', async () => {
    for (const before of [true, false]) {
      const { input, output, modes, type } = collectingTerminal()
      if (before) type('yes')
      const answer = askInTerminal(request, { input, output, clock })
      if (!before) type('yes')
      await vi.advanceTimersByTimeAsync(501)
      await turn()
      type('\n')
      await expect(answer).resolves.toBe(false)
      expect(modes).toEqual([true, false])
    }
    const { input, output, modes, type } = collectingTerminal()
    const answer = askInTerminal(request, { input, output, clock })
    await vi.advanceTimersByTimeAsync(501)
    await turn()
    type('yes\n')
    await expect(answer).resolves.toBe(true)
    expect(modes).toEqual([true, false])
  })

  it('APR-42 takes Ctrl-C, the signal and the end of the time for a no, and leaves the terminal as it was', async () => {
    for (const end of ['\u0003', 'abort', 'time']) {
      const { input, output, modes, type } = collectingTerminal()
      const stop = new AbortController()
      const answer = askInTerminal(request, { input, output, clock, signal: stop.signal, timeoutMs: 300 })
      if (end === 'abort') stop.abort()
      else if (end === 'time') await vi.advanceTimersByTimeAsync(301)
      else type(end)
      await expect(answer).resolves.toBe(false)
      expect(modes).toEqual([true, false])
    }
  })

  it('APR-11 is a no in a terminal that would break its lines', async () => {
    const { input, output, shown } = terminal()
    output.columns = 39
    input.write('yes\n')
    await expect(askInTerminal(request, { input, output, clock, readingMs: 0 })).resolves.toBe(false)
    expect(shown()).toBe('\na request needs a terminal of 40 columns: refused\n')
  })

  it('APR-42 takes an answer after that', async () => {
    const { input, output } = terminal()
    const answer = askInTerminal(request, { input, output, clock })
    await vi.advanceTimersByTimeAsync(501)
    await turn()
    input.write('yes\r')
    await expect(answer).resolves.toBe(true)
  })
})

describe('chooseInTerminal', () => {
  const choices: readonly ApprovalChoice[] = [
    { words: 'the same call, until 2026-12-03T14:00:00Z' },
    { words: '10 calls with this value', values: { to: 'bob@example.com\n2: everything \u202e', 'a b': 1 } },
  ]
  async function choose(typed: string, options: ChooseInTerminalOptions = {}, all = choices) {
    const { input, output, shown } = terminal()
    const answer = chooseInTerminal(request, all, { input, output, clock, readingMs: 0, ...options })
    input.write(typed)
    return { chosen: await answer, shown: shown() }
  }

  it('APR-43 takes yes for this call once, and a number for its choice', async () => {
    expect((await choose('yes\n')).chosen).toBe('once')
    expect((await choose('1\n')).chosen).toBe(0)
    expect((await choose('2\n')).chosen).toBe(1)
  })

  it.each(['no\n', '\n', '0\n', '3\n', '01\n', '1 2\n', '-1\n', '1.0\n', '١\n', 'yes 1\n', 'once\n'])(
    'APR-43 takes %j for a no',
    async (typed) => expect((await choose(typed)).chosen).toBeUndefined(),
  )

  it('APR-43 shows each choice with its number, and a value of the agent cannot look like one', async () => {
    const { shown } = await choose('\n')
    expect(shown).toContain(
      '\nOr type a number for more than this call:\n1: the same call, until 2026-12-03T14:00:00Z\n2: 10 calls',
    )
    expect(shown).toContain('  - to = "bob@example.com\\n2: everything \\u{202e}"\n')
    expect(shown).toContain('  - "a b" = 1\n')
    expect(shown).toContain('Type yes for this call, or 1 or 2, and press Enter; anything else is a no: ')
    for (const line of shown.split('\n').slice(0, -1)) expect.soft(line.length, line).toBeLessThanOrEqual(60)
  })

  it('APR-43 without choices takes yes alone, and refuses too many', async () => {
    expect((await choose('1\n', {}, [])).chosen).toBeUndefined()
    expect((await choose('yes\n', {}, [])).chosen).toBe('once')
    await expect(choose('yes\n', {}, Array(10).fill({ words: 'x' }))).rejects.toThrow('at most 9 choices')
  })

  it('APR-43 shows the only choice, for which yes is the answer', async () => {
    const { chosen, shown } = await choose('yes\n', { only: 1 })
    expect(chosen).toBe(1)
    expect(shown).toContain('Approve more than this call of /mail/send?\n2: 10 calls')
    expect(shown).not.toContain('1: the same call')
    expect((await choose('2\n', { only: 1 })).chosen).toBeUndefined()
    await expect(choose('yes\n', { only: 2 })).rejects.toThrow('`only` must be the place')
  })

  it('APR-43 without a terminal, and without an answer, is a no', async () => {
    const { input, output } = terminal({ isTTY: false })
    const answer = chooseInTerminal(request, choices, { input, output, clock, readingMs: 0 })
    input.write('1\n')
    await expect(answer).resolves.toBeUndefined()
  })
})
