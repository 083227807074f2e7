import fs, { chmodSync, lstatSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { syncBuiltinESMExports } from 'node:module'
import { connect, createServer, Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { delegate, encodeContainer } from 'procura'
import { revoke } from 'procura/revocation'
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { buildPage } from '../../../../../test/setup/build.ts'
import { freePort } from '../../../../../test/support/free-port.ts'
import { endWith, readHello } from '../../../src/gateway/wire/hello.ts'
import { listen } from '../../../src/gateway/wire/listener.ts'
import { connectClient } from '../agent-side/connect/client.ts'
import { atPage } from './approvals/page-world.ts'
import { type GatewayHome, makeGatewayHome } from './gateway-home.ts'

let home: GatewayHome

beforeEach(async () => {
  home = await makeGatewayHome()
})

afterEach(() => home.remove())

/** Sends bytes, and returns what comes back until the connection ends. */
function exchange(path: string, bytes: string | Uint8Array): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = ''
    const socket: Socket = connect(path, () => void socket.write(bytes))
    socket.on('data', (chunk) => {
      received += chunk.toString()
      if (received.includes('"audience"')) socket.end()
    })
    socket.on('close', () => resolve(received))
    socket.on('error', reject)
  })
}

describe('the socket of a gateway', () => {
  beforeAll(buildPage, 600_000)

  it('has mode 0600, and is there for one gateway at a time [GTW-21]', async () => {
    const gateway = await home.open()
    expect(lstatSync(gateway.place).mode & 0o777).toBe(0o600)
    await expect(home.open()).rejects.toThrow('a gateway is running already; stop it first')
    await expect(listen({ socket: gateway.place }, () => undefined)).rejects.toThrow('a gateway is running already')
    expect(await gateway.health()).toMatchObject({ healthy: true })
  })

  it('loses a refused client that keeps its end open [GTW-22]', async () => {
    const path = join(home.folder, 'half.sock')
    const closed: Promise<unknown>[] = []
    const { close } = await listen({ socket: path }, (socket) => {
      closed.push(new Promise((settle) => socket.once('close', settle)))
      endWith(socket, { error: { code: 'closing', message: 'later' } })
    })
    const client = connect({ path, allowHalfOpen: true })
    await new Promise((settle) => client.resume().once('end', settle))
    expect([client.writable, closed.length]).toEqual([true, 1])
    await Promise.all(closed)
    client.destroy()
    await close()
  })

  it('has mode 0600 from its first moment, whatever the process permits [GTW-21]', async () => {
    const path = join(home.folder, 'first.sock')
    const umask = process.umask(0)
    vi.spyOn(fs, 'chmodSync').mockImplementation(() => undefined)
    syncBuiltinESMExports()
    try {
      const { close } = await listen({ socket: path }, (socket) => void socket.destroy())
      expect(lstatSync(path).mode & 0o777).toBe(0o600)
      expect(process.umask()).toBe(0)
      await close()
    } finally {
      vi.restoreAllMocks()
      syncBuiltinESMExports()
      process.umask(umask)
    }
  })

  it('replaces a socket that nobody listens at, and no other file [GTW-21]', async () => {
    const path = join(home.folder, 'dead.sock')
    // A killed process leaves its socket: here, a listener that does not remove it.
    const { execFileSync } = await import('node:child_process')
    const program = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`
    expect(() => execFileSync(process.execPath, ['-e', program], { stdio: 'ignore' })).toThrow()
    expect(lstatSync(path).isSocket()).toBe(true)
    const listener = await listen({ socket: path }, (socket) => void socket.destroy())
    await listener.close()
    const file = join(home.folder, 'file.sock')
    writeFileSync(file, 'x')
    await expect(listen({ socket: file }, () => undefined)).rejects.toThrow('exists and is not a socket')
  })

  it('outlives connections that the system cannot accept [GTW-22]', async () => {
    const address = `127.0.0.1:${await freePort()}`
    home.configure((given) => {
      Object.assign(given, { admin: { address: '127.0.0.1:0' }, approvals: { page: address } })
    })
    const original = Server.prototype.listen as (...given: unknown[]) => Server
    const servers: Server[] = []
    const spy = vi.spyOn(Server.prototype, 'listen').mockImplementation(function (this: Server, ...given: unknown[]) {
      servers.push(this)
      return original.apply(this, given)
    })
    const gateway = await home.open().finally(() => spy.mockRestore())
    // The socket, the admin address, and the page at one or two loopback addresses.
    expect(servers.filter(({ listening }) => listening).length).toBeGreaterThan(2)
    for (const server of [...servers, ...servers]) server.emit('error', new Error('accept ENOMEM'))
    expect(await gateway.health()).toMatchObject({ healthy: true })
    expect(await exchange(gateway.place, '{"procura":1,"server":"mail"}\n')).toContain('"audience"')
    expect((await atPage(gateway.approvalPage ?? '')).status).toBe(200)
  })

  it('is refused in a folder that others can write, or with a path that is too long [GTW-21]', async () => {
    const folder = join(home.folder, 'open')
    mkdirSync(folder)
    chmodSync(folder, 0o777)
    await expect(listen({ socket: join(folder, 'a.sock') }, () => undefined)).rejects.toThrow('run chmod 700')
    await expect(listen({ socket: join(folder, 'a'.repeat(100)) }, () => undefined)).rejects.toThrow('a shorter path')
    await expect(listen({ socket: join(folder, 'no', 'a.sock') }, () => undefined)).rejects.toThrow('does not exist')
  })

  it('is refused in a folder of another user, and behind a link [GTW-21]', async () => {
    const folder = join(home.folder, 'own')
    mkdirSync(folder, { mode: 0o700 })
    const place = { socket: join(folder, 'a.sock') }
    const other = vi.spyOn(process, 'getuid').mockReturnValue(lstatSync(folder).uid + 1)
    await expect(listen(place, () => undefined).finally(() => other.mockRestore())).rejects.toThrow(
      'belongs to another user',
    )
    const link = join(home.folder, 'link')
    symlinkSync(folder, link)
    await expect(listen({ socket: join(link, 'a.sock') }, () => undefined)).rejects.toThrow('must not be a link')
    const { close } = await listen(place, (socket) => void socket.destroy())
    await close()
  })

  it('may be a loopback address, which one process uses [GTW-21]', async () => {
    home.configure((given) => void Object.assign(given, { listen: { address: '127.0.0.1:0' } }))
    const gateway = await home.open()
    expect(gateway.place).toMatch(/^127\.0\.0\.1:\d+$/)
    const port = Number(gateway.place.split(':')[1])
    const place = { host: '127.0.0.1', port }
    await expect(listen(place, () => undefined)).rejects.toThrow(
      `cannot listen on \`127.0.0.1:${port}\`: the address is already in use (EADDRINUSE); stop the process that uses it`,
    )
  })
})

describe('the first line', () => {
  const cases: readonly (readonly [name: string, bytes: string | Uint8Array, answer: string])[] = [
    ['of a known server', '{"procura":1,"server":"mail"}\n', '"audience":"did:key:'],
    ['of an unknown server', '{"procura":1,"server":"__proto__"}\n', '"code":"server_unknown"'],
    ['of a web page', 'POST / HTTP/1.1\r\nHost: localhost\r\n\r\n', '"code":"hello_invalid"'],
    ['that is not JSON', '{"procura":1\n', '"code":"hello_invalid"'],
    ['of another version', '{"procura":2,"server":"mail"}\n', '"code":"hello_invalid"'],
    ['with an unknown field', '{"procura":1,"server":"mail","as":"root"}\n', '"code":"hello_invalid"'],
    ['with two wishes', '{"procura":1,"server":"mail","revoke":"x"}\n', '"code":"hello_invalid"'],
    ['that is a list', '[1]\n', '"code":"hello_invalid"'],
    ['that is null', 'null\n', '"code":"hello_invalid"'],
    ['that is not UTF-8', Uint8Array.of(0xff, 0xfe, 0x0a), '"code":"hello_invalid"'],
    ['that never ends', 'x'.repeat(600_000), '"code":"hello_invalid"'],
    ['with a revocation that is none', '{"procura":1,"revoke":"x"}\n', '"code":"revocation_refused"'],
  ]

  it('has an answer, whatever it is [GTW-20]', async () => {
    const gateway = await home.open()
    for (const [name, bytes, answer] of cases) expect(await exchange(gateway.place, bytes), name).toContain(answer)
    expect(await gateway.health()).toMatchObject({ healthy: true })
  })

  it('that does not come is waited for, but not for long, and leaves the rest in the stream [GTW-20]', async () => {
    const slow = new PassThrough()
    slow.write('{"procura"')
    expect(await readHello(slow, 20)).toMatchObject({ code: 'hello_timeout' })
    const ended = new PassThrough()
    ended.end('{"procura"')
    expect(await readHello(ended, 1_000)).toMatchObject({ code: 'hello_invalid' })
    const whole = new PassThrough()
    for (const byte of Buffer.from('{"procura":1,"server":"a"}\n{"next":1}\n')) whole.write(Buffer.of(byte))
    expect(await readHello(whole, 1_000)).toEqual({ server: 'a' })
    expect(String(whole.read())).toBe('{"next":1}\n')
  })

  it('is followed by calls, and one without a signature is refused and recorded [GTW-37]', async () => {
    const gateway = await home.open()
    const call = { jsonrpc: '2.0', id: 7, method: 'tools/call', params: { name: 'send', arguments: { to: 'bob' } } }
    const received = await new Promise<string>((resolve) => {
      let all = ''
      const socket = connect(gateway.place, () => {
        socket.write(
          `{"procura":1,"server":"mail"}\n${JSON.stringify(call)}\n${JSON.stringify([{ ...call, id: 8 }])}\n`,
        )
      })
      socket.on('data', (chunk) => {
        all += chunk.toString()
        if (all.includes('"id":7') && all.includes('"id":8')) socket.end()
      })
      socket.on('close', () => resolve(all))
    })
    expect(received).toContain('Denied (container_missing)')
    const denied = (await home.records()).filter(({ kind }) => kind === 'denied')
    const expected = { code: 'container_missing', command: '/mcp/mail/send', authenticated: false }
    expect(denied).toMatchObject([expected, expected])
    expect(await gateway.health()).toMatchObject({ healthy: true })
  })

  it('may bring a revocation of an owner, which counts for open sessions at once [GTW-20]', async () => {
    const gateway = await home.open()
    const agent = await home.agent('assistant')
    const grant = await agent.give(home.owner, '/mcp/mail')
    const mail = connectClient(agent.folder)
    await mail.initialize()
    expect((await mail.call('send', { to: 'bob' })).result?.isError).not.toBe(true)
    const stranger = await delegate({ issuer: agent.signer, audience: home.owner.did, command: '/mcp', expiresIn: 60 })
    const foreign = await revoke({ issuer: agent.signer, delegation: stranger })
    const wrong = { procura: 1, revoke: encodeContainer([foreign, stranger]) }
    expect(await exchange(gateway.place, `${JSON.stringify(wrong)}\n`)).toContain('revocation_refused')
    const right = {
      procura: 1,
      revoke: encodeContainer([await revoke({ issuer: home.owner, delegation: grant }), grant]),
    }
    const answer = await exchange(gateway.place, `${JSON.stringify(right)}\n`)
    expect(JSON.parse(answer)).toEqual({
      ...{ procura: 1, revoked: String(grant.cid), recorded: true },
      receipt: expect.any(String),
    })
    const { result } = await mail.call('send', { to: 'bob' })
    expect(result?.content?.[0].text).toContain('Denied (revoked)')
    mail.input.end()
    await mail.ended
  })
})

describe('the admin address', () => {
  async function get(place: string, path: string, more: object = {}): Promise<{ status: number; body: string }> {
    const [host = '', port] = place.split(':')
    return new Promise((resolve, reject) => {
      const asked = request({ host, port, path, ...more }, (response) => {
        let body = ''
        response.on('data', (chunk) => (body += chunk))
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body }))
      })
      asked.on('error', reject)
      asked.end()
    })
  }

  it('reports health and metrics, and changes nothing [GTW-50]', async () => {
    home.configure((given) => void Object.assign(given, { admin: { address: '127.0.0.1:0' } }))
    const gateway = await home.open()
    const place = gateway.adminPlace ?? ''
    expect(await get(place, '/health')).toMatchObject({ status: 200, body: expect.stringContaining('"healthy":true') })
    const metrics = await get(place, '/metrics')
    expect(metrics.body).toContain('# TYPE procura_store_duration_seconds histogram')
    expect(metrics.body).toMatch(/^procura_calls_active 0$/m)
    expect(metrics.body).toMatch(/^procura_audit_healthy 1$/m)
    for (const line of metrics.body.trim().split('\n'))
      expect(line).toMatch(
        /^(?:# (?:HELP|TYPE) [a-z_]+ .+|[a-z_]+(?:\{[a-z_]+="[^"]*"(?:,[a-z_]+="[^"]*")*\})? [\d.e+-]+)$/,
      )
    expect((await get(place, '/')).status).toBe(404)
    expect((await get(place, '/health', { method: 'POST' })).status).toBe(405)
    expect((await get(place, '/health', { headers: { host: 'rebound.example' } })).status).toBe(421)
  })

  it('reports a vault that is gone [GTW-50]', async () => {
    home.configure((given) => void Object.assign(given, { admin: { address: '127.0.0.1:0' } }))
    const gateway = await home.open()
    writeFileSync(join(home.folder, 'vault'), 'x')
    const { status, body } = await get(gateway.adminPlace ?? '', '/health')
    expect(status).toBe(503)
    expect(JSON.parse(body)).toMatchObject({ healthy: false, reasons: ['vault'] })
  })

  it('that is in use stops the start [GTW-50]', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen({ host: '127.0.0.1', port: 0 }, resolve))
    const { port } = other.address() as { port: number }
    home.configure((given) => void Object.assign(given, { admin: { address: `127.0.0.1:${port}` } }))
    await expect(home.open()).rejects.toThrow(/cannot listen on .*\(EADDRINUSE\); .*, or change `admin\.address`/)
    other.close()
  })
})
