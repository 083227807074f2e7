import { chmodSync, lstatSync, readFileSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, Server, type Socket } from 'node:net'
import { join } from 'node:path'
import process from 'node:process'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { holdConnections } from '../../../../../../test/support/hold-connections.ts'
import { until } from '../../../../../../test/support/until.ts'
import { run } from '../../../../src/cli/run.ts'
import { type ApiListener, listenForApi } from '../../../../src/index.ts'
import { runCli } from '../../../cli/run-cli.ts'
import { type ApiHome, codeOf, makeApiHome } from '../../serve/api-home.ts'
import { exchangeBytes } from '../../serve/api-upstream.ts'

let api: ApiHome

beforeEach(async () => {
  api = await makeApiHome()
  await api.agent.give(api.home.owner, '/http/crm')
})

afterEach(() => api.remove())

const statusIn = (answer: string): string => /^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 'closed'

function ask({ place }: Pick<ApiListener, 'place'>, ...headers: readonly string[]): Promise<string> {
  return exchangeBytes(place, ['GET /v1/a HTTP/1.1', ...headers, 'Connection: close', '', ''].join('\r\n'))
}

describe('a listener on a loopback address', () => {
  it('needs its key in each request, wherever a client has its API key [CON-21] [attack 103]', async () => {
    await api.home.open()
    const listener = await api.listen()
    const file = listener.keyFile ?? ''
    expect([file, lstatSync(file).mode & 0o777]).toEqual([join(api.agent.folder, 'local.key'), 0o600])
    const key = readFileSync(file, 'utf8').trim()
    const host = `Host: ${listener.place}`
    const basic = (pair: string): string => `Authorization: Basic ${Buffer.from(pair).toString('base64')}`
    for (const header of [
      ...[`Authorization: Bearer ${key}`, `Authorization: ${key}`, `authorization: Token ${key}`, `X-Api-Key: ${key}`],
      ...[basic(`user:${key}`), basic(`${key}:`), `Private-Token: ${key}`],
    ])
      expect(statusIn(await ask(listener, host, header)), header.split(':')[0]).toBe('200')
    const before = api.upstream.seen.length
    for (const header of [
      ...[
        'X-A: 1',
        `X-Api-Key: ${key}x`,
        `X-Api-Key: ${key.slice(1)}`,
        'Authorization: Bearer',
        'Authorization: Bearer ',
      ],
      ...[basic(key), basic(`a:b${key}`), 'Authorization: Basic', `X-Api-Key: a,${key}`, `Cookie: k=${key}`],
    ]) {
      const answer = await ask(listener, host, header)
      expect([statusIn(answer), answer.includes('"key_missing"'), answer.includes(key)], header.split(':')[0]).toEqual([
        ...['401', true, false],
      ])
    }
    expect(api.upstream.seen.length).toBe(before)
    // The key stays, so that the settings of a client stay.
    const again = await api.listen()
    expect(readFileSync(again.keyFile ?? '', 'utf8').trim()).toBe(key)
  })

  it('is not for web pages, also under a name of their own [CON-20] [attack 103]', async () => {
    await api.home.open()
    const listener = await api.listen()
    const key = `X-Api-Key: ${readFileSync(listener.keyFile ?? '', 'utf8').trim()}`
    const port = listener.place.split(':')[1]
    for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, `LOCALHOST:${port}`, `[::1]:${port}`])
      expect(statusIn(await ask(listener, `Host: ${host}`, key)), host).toBe('200')
    for (const host of [
      'evil.example',
      `evil.example:${port}`,
      '127.0.0.1',
      'localhost',
      `127.0.0.1.evil.example:${port}`,
    ])
      expect(statusIn(await ask(listener, `Host: ${host}`, key)), host).toBe('421')
    expect(statusIn(await ask(listener, `Host: localhost:${port}`, `Host: localhost:${port}`, key))).not.toBe('200')
    expect(statusIn(await ask(listener, key))).not.toBe('200')
    const before = api.upstream.seen.length
    for (const header of [
      'Origin: https://evil.example',
      'Origin: null',
      'Sec-Fetch-Site: cross-site',
      'Sec-Fetch-Site: none',
    ]) {
      const answer = await ask(listener, `Host: localhost:${port}`, key, header)
      expect([statusIn(answer), answer.includes('access-control-allow')], header).toEqual(['403', false])
    }
    expect(api.upstream.seen.length).toBe(before)
  })

  it('outlives connections that the system cannot accept, and names an address that is in use [CON-20]', async () => {
    await api.home.open()
    const listening = vi.spyOn(Server.prototype, 'listen')
    const listener = await api.listen()
    const servers = listening.mock.contexts as Server[]
    listening.mockRestore()
    expect(servers.length).toBe(1)
    for (const server of [...servers, ...servers]) server.emit('error', new Error('accept ENOMEM'))
    expect(statusIn(await ask(listener, `Host: ${listener.place}`))).toBe('401')
    await expect(api.listen(listener.place)).rejects.toThrow(
      `cannot listen on \`${listener.place}\`: the address is already in use (EADDRINUSE); stop the process that uses it, or change \`listen\``,
    )
  })

  it('answers while other processes hold connections without the key [GTW-22] [attack 98]', async () => {
    await api.home.open()
    const listener = await api.listen()
    const key = readFileSync(listener.keyFile ?? '', 'utf8').trim()
    const headers = [`Host: ${listener.place}`, `X-Api-Key: ${key}`, 'Connection: close']
    const stream = exchangeBytes(listener.place, ['GET /v1/stream HTTP/1.1', ...headers, '', ''].join('\r\n'))
    await until(() => api.upstream.seen.length > 0)
    const sockets = await holdConnections(Number(listener.place.split(':')[1]), 520)
    expect(statusIn(await ask(listener, ...headers))).toBe('200')
    // The oldest connection is not closed: it has sent a request.
    api.upstream.finish()
    expect(await stream).toContain('data: 2')
    for (const socket of sockets) socket.destroy()
  })

  it('refuses a key file that others can read, or that has no key [CON-21]', async () => {
    const file = join(api.agent.folder, 'local.key')
    writeFileSync(file, 'short\n', { mode: 0o600 })
    await expect(api.listen()).rejects.toThrow('does not contain a key; remove it, and a new one is made')
    chmodSync(file, 0o644)
    await expect(api.listen()).rejects.toThrow('other users have access to it')
  })
})

describe('a listener on a Unix socket', () => {
  it('is for this user alone, and needs no key; web pages are refused [CON-20] [CON-21]', async () => {
    await api.home.open()
    const path = join(api.home.folder, 'crm.sock')
    const listener = await api.listen(path)
    expect([listener.keyFile, lstatSync(path).mode & 0o777]).toEqual([undefined, 0o600])
    expect(statusIn(await ask(listener, 'Host: api.example.com'))).toBe('200')
    expect(statusIn(await ask(listener, 'Host: api.example.com', 'Origin: https://evil.example'))).toBe('403')
    await expect(api.listen(path)).rejects.toThrow('is in use: `procura connect` is running already')
    await listener.close()
    expect(lstatSync(path, { throwIfNoEntry: false })).toBe(undefined)
  })

  it('is refused where others can write, or where it does not fit [CON-20]', async () => {
    const folder = join(api.home.folder, 'open')
    const { mkdirSync } = await import('node:fs')
    mkdirSync(folder)
    chmodSync(folder, 0o777)
    await expect(api.listen(join(folder, 'a.sock'))).rejects.toThrow('run chmod 700')
    await expect(api.listen(join(api.home.folder, 'a'.repeat(120)))).rejects.toThrow('choose a shorter path')
    for (const place of ['0.0.0.0:8080', 'localhost:8080', '8080', '127.0.0.1', '192.168.0.1:80', 'crm.sock'])
      await expect(api.listen(place), place).rejects.toThrow('`listen` must be a loopback address with a port')
    await expect(listenForApi({ api: 'CRM', agent: api.agent.folder, listen: '127.0.0.1:0' })).rejects.toThrow(
      'apiCommand',
    )
  })
})

describe('a listener with many requests at once', () => {
  it('passes all of them on, a bounded number at a time [CON-22]', async () => {
    const gateway = await api.home.open()
    const call = await api.client()
    const answers = await Promise.all(Array.from({ length: 150 }, (_, number) => call(`/v1/${number}`)))
    expect(answers.map(({ status }) => status)).toEqual(Array(150).fill(200))
    expect(new Set(api.upstream.seen.map(({ line }) => line)).size).toBe(150)
    expect(await gateway.health()).toMatchObject({ healthy: true })
  })

  it('refuses a request when 32 are passed on and 512 wait, and forgets those whose clients leave [CON-22]', async () => {
    await api.home.open()
    const listener = await api.listen()
    const key = readFileSync(listener.keyFile ?? '', 'utf8').trim()
    const headers = [`Host: ${listener.place}`, `X-Api-Key: ${key}`]
    const stream = ['GET /v1/stream HTTP/1.1', ...headers, '', ''].join('\r\n')
    const warned = vi.fn()
    process.on('warning', warned)
    const clients: Socket[] = []
    let refused = ''
    const send = (requests: number): void => {
      const socket = connect(Number(listener.place.split(':')[1]), '127.0.0.1')
      socket.on('data', (chunk) => {
        if (chunk.includes('HTTP/1.1 503')) refused = chunk.toString()
      })
      socket.on('error', () => undefined)
      socket.write(stream.repeat(requests))
      clients.push(socket)
    }
    for (let count = 0; count < 17; count++) send(32)
    // One at a time, as a response to one of several on a connection waits for those before it.
    await until(() => {
      send(1)
      return refused !== ''
    }, 20)
    expect(refused).toMatch(/\r\nretry-after: 1\r\n/i)
    expect(refused).toContain('more than 512 requests wait for the gateway; send fewer at a time')
    await until(() => api.upstream.seen.length === 32)
    for (const socket of clients) socket.destroy()
    await until(() => api.upstream.gone() === 32)
    expect(statusIn(await ask(listener, ...headers))).toBe('200')
    expect(api.upstream.seen.length).toBe(32 + 1)
    process.off('warning', warned)
    expect(warned).not.toHaveBeenCalled()
  })

  it('refuses a body of more than 4 MiB, before it is read where its length is named, and signs nothing [CON-22]', async () => {
    const listener = await api.listen()
    const key = readFileSync(listener.keyFile ?? '', 'utf8').trim()
    const head = `POST /v1/a HTTP/1.1\r\nHost: ${listener.place}\r\nX-Api-Key: ${key}\r\n`
    const named = await exchangeBytes(listener.place, `${head}Content-Length: 4194305\r\n\r\n`)
    expect([statusIn(named), named]).toEqual(['413', expect.stringContaining('the body is longer than 4194304 bytes')])
    const chunk = `10000\r\n${'x'.repeat(65_536)}\r\n`
    const chunked = `${head}Transfer-Encoding: chunked\r\n\r\n${chunk.repeat(64)}`
    // The body has no end: it is refused when it is too long.
    expect(statusIn(await exchangeBytes(listener.place, `${chunked}1\r\nx\r\n`))).toBe('413')
    // The gateway does not run, so a body that is passed on is answered with 503.
    expect(statusIn(await exchangeBytes(listener.place, `${chunked}0\r\n\r\n`))).toBe('503')
  })
})

describe('an API that does not answer', () => {
  it('is named by the events of the gateway, as an API and not as a server [GTW-22] [GTW-69]', async () => {
    const held = new Set<Socket>()
    const upstream = createServer((socket) => void held.add(socket.on('error', () => undefined)))
    await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve))
    const origin = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`
    api.configure({ origin })
    await api.storeKey({ origin })
    // Its requests have no share of an agent.
    const { place } = await api.home.open({ dryRun: true })
    const clients = [await api.client(), await api.client()]
    const calls = clients.flatMap((call) => Array.from({ length: 32 }, (_, number) => call(`/v1/${number}`)))
    await until(() => held.size === 64, 20)
    expect(await exchangeBytes(place, '{"procura":1,"api":"crm"}\n')).toContain('"too_many"')
    const busy = await (await api.client())('/v1/busy')
    expect([busy.status, busy.headers.get('retry-after')]).toEqual([503, '1'])
    for (const socket of held) socket.destroy()
    expect(new Set((await Promise.all(calls)).map(({ status }) => status))).toEqual(new Set([502]))
    await new Promise((resolve) => upstream.close(resolve))
    const about = api.home.events.filter(({ event }) => event === 'session_refused' || event === 'session_fault')
    expect(new Set(about.map(({ event, server, api: name }) => `${event} ${server} ${name}`))).toEqual(
      new Set(['session_refused undefined crm', 'session_fault undefined crm']),
    )
  }, 30_000)
})

describe('a listener for an API that the gateway does not have', () => {
  const listenFor = (name: string, onFault?: (message: string) => void): Promise<ApiListener> =>
    listenForApi({
      ...{ api: name, agent: api.agent.folder, listen: join(api.home.folder, `${name}.sock`) },
      ...(onFault !== undefined && { onFault }),
    })

  it('does not start, and names the APIs [CON-27]', async () => {
    await api.home.open()
    await expect(listenFor('crn')).rejects.toThrow(
      'listenForApi: `api`: the gateway refuses: the gateway has no API `crn`; it has `crm`; a changed configuration takes effect at `procura reload`, or when `procura serve` starts again',
    )
    expect(lstatSync(join(api.home.folder, 'crn.sock'), { throwIfNoEntry: false })).toBe(undefined)
    const words = ['connect', '--api', 'crn', '--listen', '127.0.0.1:0', '--agent', 'assistant']
    const { code, out, err } = await runCli([...words, '--home', api.home.folder])
    expect([code, out]).toEqual([2, ''])
    expect(err).toMatch(/the gateway has no API `crn`; it has `crm`/)
    // The name is a stranger's, so no event contains it.
    expect(api.home.events.filter(({ event }) => event === 'session_refused')).toEqual(
      Array(2).fill({ level: 'warning', event: 'session_refused', message: 'refused a connection (api_unknown)' }),
    )
  })

  it('starts while the gateway does not run, and reports it [CON-27]', async () => {
    const faults: string[] = []
    const listener = await listenFor('crn', (message) => void faults.push(message))
    expect(faults).toEqual([
      expect.stringMatching(
        /^the gateway is not running: .*`procura start`; until then, requests are answered with 503$/,
      ),
    ])
    await api.home.open()
    expect(statusIn(await ask(listener, 'Host: a'))).toBe('503')
    await listener.close()
  })
})

describe('a listener without its gateway', () => {
  it('answers with the fault and the remedy, and serves again later [CON-23]', async () => {
    const call = await api.client()
    const down = await call('/v1/a')
    expect([down.status, await down.json()]).toEqual([
      503,
      expect.objectContaining({
        code: 'gateway_unavailable',
        detail: expect.stringMatching(/^the gateway is not running: .*; start it with `procura start --home \S+`$/),
      }),
    ])
    await api.home.open()
    expect((await call('/v1/a')).status).toBe(200)
  })

  it('signs nothing for another gateway [CON-02] [CON-23]', async () => {
    const received: string[] = []
    const fake = createServer((socket) => {
      socket.on('data', (chunk) => received.push(chunk.toString()))
      socket.write(
        '{"procura":1,"audience":"did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp","origin":"https://a.example"}\n',
      )
    })
    await new Promise<void>((resolve) => fake.listen(join(api.home.folder, 'gateway.sock'), resolve))
    const call = await api.client()
    expect(await codeOf(await call('/v1/a'))).toEqual([503, 'gateway_unavailable'])
    // At the start, and for the request. Each time it is asked for the proof that it is a successor, and has none.
    const successor = api.home.service.did
    const asked = [{ api: 'crm' }, { successor }].map((wanted) => `${JSON.stringify({ procura: 1, ...wanted })}\n`)
    expect(received).toEqual([...asked, ...asked])
    await new Promise((resolve) => fake.close(resolve))
  })

  it('says that the outcome is unknown when the connection ends during a request [CON-23]', async () => {
    const fake = createServer((socket) => {
      let lines = 0
      socket.on('data', () => {
        lines += 1
        if (lines === 1)
          socket.write(`{"procura":1,"audience":"${api.home.service.did}","origin":"${api.upstream.origin}"}\n`)
        else socket.destroy()
      })
    })
    await new Promise<void>((resolve) => fake.listen(join(api.home.folder, 'gateway.sock'), resolve))
    const call = await api.client()
    expect(await codeOf(await call('/v1/a', { method: 'POST', body: 'x' }))).toEqual([502, 'outcome_unknown'])
    await new Promise((resolve) => fake.close(resolve))
  })

  it('leaves a client that breaks its body off, and goes on [CON-22]', async () => {
    await api.home.open()
    const listener = await api.listen()
    const key = readFileSync(listener.keyFile ?? '', 'utf8').trim()
    const [, port] = listener.place.split(':')
    await new Promise<void>((resolve) => {
      const head = `POST /v1/a HTTP/1.1\r\nHost: ${listener.place}\r\nX-Api-Key: ${key}\r\nContent-Length: 100\r\n\r\nhalf`
      const socket = connect(Number(port), '127.0.0.1', () => void socket.write(head, () => socket.destroy()))
      socket.once('close', () => resolve())
    })
    expect(statusIn(await ask(listener, `Host: ${listener.place}`, `X-Api-Key: ${key}`))).toBe('200')
    expect(api.upstream.seen.map(({ line }) => line)).toEqual(['GET /v1/a'])
  })
})

describe('a listener whose clients leave', () => {
  it('sends no call for a client that left while it was signed, and has its place free again [CON-22]', async () => {
    const sent: string[] = []
    // The gateway answers the first line of a connection when the client of its request is gone.
    let beforeAnswer = async (): Promise<void> => undefined
    const fake = createServer((socket) => {
      socket
        .on('error', () => undefined)
        .once('data', async () => {
          socket.on('data', (chunk) => sent.push(chunk.toString()))
          await beforeAnswer()
          socket.write(`{"procura":1,"audience":"${api.home.service.did}","origin":"${api.upstream.origin}"}\n`)
          socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'))
        })
    })
    await new Promise<void>((resolve) => fake.listen(join(api.home.folder, 'gateway.sock'), resolve))
    const listener = await api.listen()
    const key = `X-Api-Key: ${readFileSync(listener.keyFile ?? '', 'utf8').trim()}`
    const host = `Host: ${listener.place}`
    // More clients than the listener passes on at a time.
    for (let number = 0; number < 33; number++) {
      await new Promise<void>((resolve) => {
        const client = connect(Number(listener.place.split(':')[1]), '127.0.0.1')
        beforeAnswer = async () => {
          client.destroy()
          // The listener has seen the end of the first connection when it answers on the next one.
          expect(statusIn(await ask(listener, 'Host: other.example'))).toBe('421')
          resolve()
        }
        client.write(['GET /v1/a HTTP/1.1', host, key, '', ''].join('\r\n'))
      })
    }
    beforeAnswer = async () => undefined
    expect(statusIn(await ask(listener, host, key))).toBe('200')
    expect(sent.length).toBe(1)
    await new Promise((resolve) => fake.close(resolve))
  })
})

describe('procura connect --api', () => {
  it('serves until it is ended, and prints the place and the file of the key [CON-20]', async () => {
    await api.home.open()
    const out: string[] = []
    const ending = new AbortController()
    const words = [
      'connect',
      '--api',
      'crm',
      '--listen',
      '127.0.0.1:0',
      '--agent',
      'assistant',
      '--home',
      api.home.folder,
    ]
    const code = run(words, {
      ...{ env: {}, isTerminal: false, signal: ending.signal },
      print: (line) => void out.push(line),
      complain: (line) => void out.push(`!${line}`),
      readInput: async () => new Uint8Array(),
      askHidden: async () => undefined,
    })
    await until(() => out.length >= 2, 10)
    const file = join(api.agent.folder, 'local.key')
    const place = /^listening on (http:\S+)$/.exec(out[0] ?? '')?.[1]
    expect(out[1]).toBe(`the key for clients is in ${file}; set it as the API key of the client`)
    const key = readFileSync(file, 'utf8').trim()
    expect((await fetch(`${place}/v1/a`, { headers: { 'x-api-key': key } })).status).toBe(200)
    ending.abort()
    expect([await code, out.length]).toEqual([0, 2])
  })

  it('is not mixed with a server', async () => {
    const complaints: string[] = []
    const host = {
      ...{ env: {}, isTerminal: false, print: () => undefined },
      complain: (line: string) => void complaints.push(line),
      ...{ readInput: async () => new Uint8Array(), askHidden: async () => undefined },
    }
    expect(await run(['connect', 'mail', '--api', 'crm', '--listen', '127.0.0.1:0'], host)).toBe(2)
    expect(await run(['connect', 'mail', '--listen', '127.0.0.1:0'], host)).toBe(2)
    expect(await run(['connect', '--api', 'crm'], host)).toBe(2)
    expect(complaints).toEqual([
      expect.stringContaining('not both'),
      expect.stringContaining('--listen is for --api'),
      expect.stringContaining('--listen is missing'),
    ])
  })
})
