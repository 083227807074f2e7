import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { ArgumentError } from 'procura/errors'
import { describe, expect, it } from 'vitest'
import { until } from '../../../../../../test/support/until.ts'
import { lineTransport } from '../../../../src/gateway/wire/transport/line-transport.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

function open(options = {}, highWaterMark = 1_024) {
  const [input, output] = [new PassThrough(), new PassThrough({ highWaterMark })]
  const transport = lineTransport(input, output, options)
  const [messages, errors]: [unknown[], Error[]] = [[], []]
  let closed = 0
  transport.onmessage = (message) => void messages.push(message)
  transport.onerror = (error) => void errors.push(error as Error)
  transport.onclose = () => {
    closed += 1
  }
  return { input, output, transport, messages, errors, closed: () => closed }
}

describe('lineTransport', () => {
  it('MCP-27 puts messages together from any parts, and skips empty lines', async () => {
    const { input, transport, messages, errors, closed } = open()
    await transport.start()
    await transport.start()
    const bytes = Buffer.from('{"a":"é"}\r\n\n  \n[1]\n{"b":"\u2028"}')
    for (const byte of bytes) {
      input.write(Uint8Array.of(byte))
      await turn()
    }
    input.end()
    await once(input, 'close')
    await turn()
    expect(messages).toEqual([{ a: 'é' }, [1], { b: '\u2028' }])
    expect([errors, closed()]).toEqual([[], 1])
  })

  it('MCP-27 reports and skips a line that is too long, not UTF-8 or not JSON, and answers it where it should', async () => {
    for (const answersFaults of [false, true]) {
      const { input, output, transport, messages, errors } = open({ answersFaults }, 65_536)
      await transport.start()
      input.write('{"a":1\n')
      input.write(Uint8Array.of(0x22, 0xff, 0x22, 10))
      input.write(`"${'x'.repeat(4_194_304)}"\n`)
      input.write('{"a":2}\n')
      input.end()
      await until(() => messages.length === 1)
      expect(messages).toEqual([{ a: 2 }])
      expect(errors.map(({ message }) => message)).toEqual([
        'a line is not JSON',
        'a line is not valid UTF-8',
        'a line has more than 4194304 bytes',
      ])
      const answers = String(output.read() ?? '')
        .split('\n')
        .filter(Boolean)
      expect(answers.map((line) => JSON.parse(line).error.code)).toEqual(
        answersFaults ? [-32_700, -32_700, -32_700] : [],
      )
    }
  })

  it('MCP-27 reads nothing while a message is taken, and survives a receiver that throws', async () => {
    const { input, transport, errors } = open()
    const taken: unknown[] = []
    let release = (): void => undefined
    transport.onmessage = (message) => {
      taken.push(message)
      if (message === 1) return new Promise<void>((resolve) => (release = resolve))
      throw new Error('broken')
    }
    await transport.start()
    input.write('1\n2\n3\n')
    await turn()
    await turn()
    expect(taken).toEqual([1])
    release()
    input.end()
    await once(input, 'close')
    await turn()
    expect(taken).toEqual([1, 2, 3])
    expect(errors).toHaveLength(2)
  })

  it('MCP-27 waits for a slow reader, up to a limit, and rejects when it is gone', async () => {
    const { input, output, transport } = open({ maxWaitingBytes: 7_000 })
    await transport.start()
    let isSent = false
    const first = transport.send('x'.repeat(2_000)).then(() => (isSent = true))
    await turn()
    expect(isSent).toBe(false)
    await expect(transport.send('x'.repeat(2_000))).rejects.toThrow('wait for a slow reader')
    output.resume()
    await first
    await expect(transport.send('x'.repeat(4_194_304))).rejects.toThrow('more than 4194304 bytes')
    await expect(transport.send({ toJSON: () => ({ a: 1n }) })).rejects.toThrow()
    output.pause()
    const last = transport.send('x'.repeat(2_000))
    await turn()
    output.destroy()
    await expect(last).rejects.toThrow('ended')
    await expect(transport.send(1)).rejects.toThrow('ended')
    await transport.close()
    expect(input.destroyed).toBe(true)
  })

  it('MCP-27 waits with many messages as with one, and leaves no listener', async () => {
    const { output, transport } = open()
    await transport.start()
    const before = output.eventNames().map((name) => [name, output.listenerCount(name)])
    const sent = Array.from({ length: 100 }, () => transport.send('x'.repeat(2_000)))
    await turn()
    for (const name of ['drain', 'close', 'error']) expect(output.listenerCount(name)).toBeLessThan(5)
    let lines = 0
    output.on('data', (chunk) => (lines += String(chunk).split('\n').length - 1))
    await Promise.all(sent)
    output.removeAllListeners('data')
    expect(lines).toBe(100)
    expect(output.eventNames().map((name) => [name, output.listenerCount(name)])).toEqual(before)
  })

  it('MCP-27 writes its last messages before it closes, and is closed once', async () => {
    const { output, transport, closed, errors } = open()
    await transport.start()
    await transport.send({ last: 1 })
    const read = (async () => {
      let text = ''
      for await (const chunk of output) text += String(chunk)
      return text
    })()
    await Promise.all([transport.close(), transport.close()])
    expect(await read).toBe('{"last":1}\n')
    await turn()
    expect([closed(), errors]).toEqual([1, []])
  })

  it('MCP-27 ends with a child process that dies, also in the middle of a line', async () => {
    const program =
      'process.stdin.once("data", (line) => process.stdout.write(line + "{\\"half", () => process.exit(3)))'
    const child = spawn(process.execPath, ['-e', program], { stdio: ['pipe', 'pipe', 'inherit'] })
    const transport = lineTransport(child.stdout, child.stdin)
    const errors: Error[] = []
    transport.onerror = (error) => void errors.push(error as Error)
    const messages: unknown[] = []
    transport.onmessage = (message) => void messages.push(message)
    const closed = new Promise<void>((resolve) => (transport.onclose = resolve))
    await transport.start()
    await transport.send({ hello: 1 })
    await closed
    expect(messages).toEqual([{ hello: 1 }])
    expect(errors.map(({ message }) => message)).toEqual(['a line is not JSON'])
    await expect(transport.send('x'.repeat(1_000_000))).rejects.toThrow()
    await transport.close()
  })

  it('refuses wrong arguments', () => {
    const [input, output] = [new PassThrough(), new PassThrough()]
    expect(() => lineTransport({} as never, output)).toThrow(ArgumentError)
    expect(() => lineTransport(input, {} as never)).toThrow(ArgumentError)
    expect(() => lineTransport(input, output, { maxWaitingByte: 1 } as never)).toThrow(/did you mean/)
  })

  it('MCP-27 answers a request whose answer is too large, wherever the line has the id', async () => {
    const large = 'x'.repeat(4_194_304)
    const many = `[${'1,'.repeat(262_144)}1]`
    const answered = [
      [`{"jsonrpc":"2.0","id":"a\\"b","result":{"text":"${large}"}}`, 'a"b'],
      [`{ "id" : 7 , "result":{"id":1,"text":"${large}"}}`, 7],
      [`{"result":{"text":"${large}"},"jsonrpc":"2.0","id":8}`, 8],
      [`{"result":{"text":"${large}","id":3},"id":9,"jsonrpc":"2.0"} `, 9],
      [`{"jsonrpc":"2.0","id":10,"result":${many}}`, 10],
    ] as const
    for (const [line, id] of answered) {
      const { input, transport, messages, closed } = open({ endsFaults: true })
      await transport.start()
      input.write(`${line}\n{"a":1}\n`)
      input.end()
      await until(() => closed() === 1)
      expect(messages).toMatchObject([{ jsonrpc: '2.0', id, error: { code: -32_603 } }, { a: 1 }])
      expect(closed()).toBe(1)
    }
    // Where no id can be read, the end of the session answers; other lines are skipped.
    for (const [line, ends] of [
      [`{"jsonrpc":"2.0","result":"${large}","id":3,"other":4}`, true],
      [`{"method":"notifications/message","params":"${large}"}`, false],
      [`{"jsonrpc":"2.0","method":"notifications/message","params":{"id":1,"text":"${large}"}}`, false],
      ['{ ready }', false],
      [large, false],
    ] as const) {
      const { input, transport, messages, closed } = open({ endsFaults: true })
      await transport.start()
      input.write(`${line}\n{"a":1}\n`)
      await until(() => messages.length + closed() > 0)
      expect([messages, closed()], line.slice(0, 60)).toEqual(ends ? [[], 1] : [[{ a: 1 }], 0])
      await transport.close()
    }
  })

  it('GTW-44 counts what a waiting message takes beside its text', async () => {
    const { output, transport } = open({ maxWaitingBytes: 1_048_576 }, 1)
    await transport.start()
    const sent = Array.from({ length: 300 }, () =>
      transport.send({ a: 1 }).then(
        () => true,
        () => false,
      ),
    )
    await turn()
    output.resume()
    const taken = (await Promise.all(sent)).filter(Boolean).length
    expect(taken).toBeGreaterThan(200)
    expect(taken).toBeLessThan(256)
    // What was taken counts no longer.
    expect(await transport.send({ a: 2 })).toBe(undefined)
  })
})
