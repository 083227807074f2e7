import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { describe, expect, it, vi } from 'vitest'
import { redactMessages, redactStream } from '../../../../src/gateway/serve/upstream/redact-secrets.ts'
import { lineTransport } from '../../../../src/gateway/wire/transport/line-transport.ts'

const key = 'sk-live-"7f3a/9c5e'

function outputOf(...parts: readonly string[]): PassThrough {
  const stream = new PassThrough()
  for (const part of parts) stream.write(part)
  stream.end()
  return stream
}

/** The variables of a program. */
const keys = (...values: readonly string[]): Record<string, string> =>
  Object.fromEntries(values.map((value, at) => [`VARIABLE_${at}`, value]))

/** The messages of a program with these secrets that has written these lines. */
async function messagesOf(lines: string, secrets: Record<string, string>): Promise<readonly unknown[]> {
  const transport = redactMessages(lineTransport(outputOf(lines), new PassThrough()), secrets)
  const messages: unknown[] = []
  transport.onmessage = (message) => messages.push(message)
  await new Promise<void>((resolve) => {
    transport.onclose = resolve
    void transport.start()
  })
  return messages
}

/** The text of a message of a program with these secrets. */
async function shownOf(given: string, secrets: Record<string, string>): Promise<string> {
  return ((await messagesOf(JSON.stringify([given]), secrets)) as string[][])[0]?.[0] ?? ''
}

/** Every character as its escape, which no encoder needs, and a parser takes. */
const escaped = (value: string): string =>
  Array.from(value, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')

describe('the messages of a program with secrets', () => {
  it('show none of them, as it is or encoded [GTW-73] [attack 77]', async () => {
    const said = [key, JSON.stringify({ error: key }), Buffer.from(key).toString('base64'), encodeURI(key)]
    const shown = '[redacted] {"error":"[redacted]"} [redacted] [redacted]'
    expect(await shownOf(said.join(' '), keys('other-secret', `${key}\n`))).toBe(shown)
    expect(await shownOf('token abcdefgh', keys('Bearer abcdefgh'))).toBe('token [redacted]')
    expect(await shownOf('the key user-1234', keys('{"user":"user-1234","b":"c"}'))).toBe('the key [redacted]')
  })

  it('are searched after they were parsed: escapes hide nothing [GTW-73] [attack 77]', async () => {
    const line = `{"id":1,"result":{"text":"the key ${escaped(key)}","${escaped(key)}":["${escaped(key)}"]}}\n{"id":2}\n`
    expect(await messagesOf(line, keys(key))).toEqual([
      { id: 1, result: { text: 'the key [redacted]', '[redacted]': ['[redacted]'] } },
      { id: 2 },
    ])
  })

  it('show none in a name, a number or a field of any name, at any depth [GTW-73]', async () => {
    const secrets = keys('12345678', key)
    expect(await messagesOf('[12345678,123456789,{"a":12345678.5}]', secrets)).toEqual([
      ['[redacted]', '[redacted]9', { a: '[redacted].5' }],
    ])
    const [message] = await messagesOf(`{"__proto__":${JSON.stringify(key)},"a":null,"b":true}`, secrets)
    expect(JSON.stringify(message)).toBe('{"__proto__":"[redacted]","a":null,"b":true}')
    const deep = `${'{"a":['.repeat(20_000)}${JSON.stringify(key)}${']}'.repeat(20_000)}`
    let inner = (await messagesOf(deep, secrets))[0]
    while (typeof inner === 'object') inner = (inner as { a: unknown[] }).a[0]
    expect(inner).toBe('[redacted]')
  })

  it('are the same beside the secrets, and beside values of fewer than eight bytes [GTW-73]', async () => {
    const secrets = keys('postgres', '7-bytes', '{"type":"text","b":"short"}')
    const given = {
      jsonrpc: '2.0',
      id: 1,
      result: { type: 'text', text: '7-bytes postgre short \ud800 \0', n: 1.5e300 },
    }
    expect(await messagesOf(JSON.stringify(given), secrets)).toEqual([given])
    expect(await shownOf('8 bytes: postgres', secrets)).toBe('8 bytes: [redacted]')
    const transport = lineTransport(outputOf(), new PassThrough())
    expect(redactMessages(transport, keys('7-bytes', 'true', ''))).toBe(transport)
  })

  it('have no password of a URL, as it is or decoded, and every other part of a value [GTW-73]', async () => {
    const url = 'postgres://account:p%40ssword-1@database.example.com:5432/name'
    expect(await shownOf(`${url} and p%40ssword-1 and p@ssword-1 of account`, keys(url))).toBe(
      '[redacted] and [redacted] and [redacted] of account',
    )
    // A parser of URLs encodes some of these characters, and keeps others.
    for (const password of ['p^ss%40word|1', 'p^ss%zzword', 'p@ss:word^1'])
      expect(await shownOf(`of ${password}.`, keys(`postgres://a:${password}@db:5432/name?x=@`))).toBe('of [redacted].')
    expect(await shownOf('hunter2', keys('postgres://account:hunter2@database.example.com'))).toBe('hunter2')
    for (const value of ['host=db password=password-1', 'X-Api-Key: password-1', 'a,password-1'])
      expect(await shownOf(`password-1 of ${value}`, keys(value))).toBe('password-1 of [redacted]')
  })

  it('arrive one by one, and none after the end', async () => {
    const [stream, input] = [new PassThrough(), new PassThrough()]
    const inner = lineTransport(stream, input)
    const transport = redactMessages(inner, keys(key))
    const messages: unknown[] = []
    transport.onmessage = (message) => messages.push(message)
    await transport.start()
    stream.write('{"id":1}\n')
    await vi.waitFor(() => expect(messages).toEqual([{ id: 1 }]))
    await transport.send({ key })
    expect(String(input.read())).toBe(`${JSON.stringify({ key })}\n`)
    await transport.close()
    // The redactor finds nothing any more.
    inner.onmessage?.({ key })
    expect(messages).toEqual([{ id: 1 }])
  })
})

describe('the standard error of a program with secrets', () => {
  it('shows none of them, in whatever parts it arrives [GTW-73] [attack 77]', async () => {
    const line = `invalid key ${key}, ${Buffer.from(key).toString('base64')}`
    expect(await text(redactStream(outputOf(...line), keys(key)))).toBe('invalid key [redacted], [redacted]')
    const stream = outputOf('postgres')
    expect(redactStream(stream, keys('postgre'))).toBe(stream)
  })

  it('ends with the program, however that ends, and the program learns of the end of its reader', async () => {
    const closed = (stream: PassThrough): Promise<void> => new Promise((resolve) => stream.once('close', resolve))
    for (const error of [undefined, new Error('reset')]) {
      const stream = new PassThrough()
      const redacted = redactStream(stream, keys(key)) as PassThrough
      const failed = vi.fn()
      redacted.on('error', failed)
      stream.destroy(error)
      await closed(redacted)
      expect(failed).toHaveBeenCalledTimes(1)
    }
    // Nobody else listens for errors here.
    const [read, unread] = [new PassThrough(), new PassThrough()]
    redactStream(read, keys(key)).destroy()
    await closed(read)
    const redacted = redactStream(unread, keys(key)) as PassThrough
    unread.destroy(new Error('reset'))
    await closed(redacted)
  })

  it('SEC-02 overwrites what it searches for at the end', async () => {
    const fill = vi.spyOn(Object.getPrototypeOf(Uint8Array.prototype) as Uint8Array, 'fill')
    const plain = 'sk-live-7f3a-9c5e'
    for (const run of [
      () => text(redactStream(outputOf('x'), keys(plain))),
      () => messagesOf('{"id":1}\n', keys(plain)),
    ]) {
      fill.mockClear()
      await run()
      await vi.waitFor(() => {
        const filled = fill.mock.contexts as (Uint8Array | Int32Array)[]
        // The value, and the form that it is searched for as.
        expect(filled.filter((one) => one instanceof Uint8Array && one.length === plain.length).length).toBeGreaterThan(
          1,
        )
        expect(filled.some((one) => one instanceof Int32Array)).toBe(true)
      })
      for (const one of fill.mock.contexts as Uint8Array[]) expect(one.every((byte) => byte === 0)).toBe(true)
    }
    fill.mockRestore()
  })
})
