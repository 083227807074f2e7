import { spawn } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AgentHome } from '../../packages/cli/test/gateway/agent-side/connect/agent-home.ts'
import { connectClient, type LineClient } from '../../packages/cli/test/gateway/agent-side/connect/client.ts'
import { callsIn, type GatewayHome, makeGatewayHome } from '../../packages/cli/test/gateway/serve/gateway-home.ts'
import { service } from './script.service.ts'

const program = [process.execPath, '--import', 'tsx', 'packages/cli/src/procura.ts']

describe('procura approve at a terminal', () => {
  let home: GatewayHome
  let agent: AgentHome
  let client: LineClient
  beforeAll(async () => {
    home = await makeGatewayHome()
    agent = await home.agent('assistant')
    await agent.give(home.owner, '/mcp/mail/send', [['like', '.to', '*@example.com']])
    await home.open()
    client = connectClient(agent.folder)
    await client.initialize()
  })
  afterAll(async () => {
    client.input.destroy()
    await client.ended
    await home.remove()
  })

  const call = async (to: string): Promise<string> =>
    (await client.call('send', { to })).result?.content?.[0].text ?? ''

  /** Types at the program after its question. A key that comes earlier is one that the person typed ahead. */
  function type(
    id: string,
    keys: string,
    ahead = '',
  ): Promise<{ readonly shown: string; readonly code: number | null }> {
    const words = ['approve', id, '--home', home.folder]
    const command = [...program, ...words].map((word) => JSON.stringify(word)).join(' ')
    const child = spawn(service.find() ?? 'script', ['-qec', `stty cols 100; ${command}`, '/dev/null'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    let shown = ''
    let typing: ReturnType<typeof setInterval> | undefined
    child.stdin.on('error', () => undefined)
    child.stdin.write(ahead)
    child.stdout.on('data', (chunk: Buffer) => {
      shown += String(chunk)
      if (typing !== undefined || !shown.includes('Type yes')) return
      // Input of the first half second is ignored, which is longer on a busy machine: the person types again.
      typing = setInterval(() => child.stdin.write(keys), 1_500)
    })
    return new Promise((resolve) => {
      // The program can end before its last words are read.
      child.once('close', (code) => {
        clearInterval(typing)
        child.stdin.destroy()
        resolve({ shown, code })
      })
    })
  }

  it('APR-42 APR-87 approves by the word yes, typed after the question', async () => {
    const [, id = ''] = /procura approve (\S{16})/.exec(await call('eve@evil.example')) ?? []
    const no = await type(id, '\r', 'yes\r')
    expect(no.shown).toMatch(/- to = "eve@evil\.example"/)
    expect(no.shown).toContain(`refused ${id}`)
    expect(no.code).toBe(1)
    expect(await call('eve@evil.example')).toMatch(/The approver has refused this call/)
    const [, next = ''] = /procura approve (\S{16})/.exec(await call('eve@evil.example')) ?? []
    const yes = await type(next, 'yes\r')
    expect(yes.shown).toContain(`approved ${next}`)
    expect(yes.code).toBe(0)
    expect(await call('eve@evil.example')).toBe('sent to eve@evil.example')
    expect(callsIn(home.folder)).toHaveLength(1)
  })

  it('APR-87 [attack 102] answers nothing to a program that writes into its input', async () => {
    const [, id = ''] = /procura approve (\S{16})/.exec(await call('pipe@evil.example')) ?? []
    const child = spawn(program[0] as string, [...program.slice(1), 'approve', id, '--home', home.folder], {
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    child.stdin.end('yes\nyes\n')
    let said = ''
    child.stderr.on('data', (chunk) => (said += String(chunk)))
    const code = await new Promise((resolve) => child.once('close', resolve))
    expect(code).toBe(2)
    expect(said).toContain('a person has to answer at a terminal')
    expect(await call('pipe@evil.example')).toMatch(/^Denied/)
  })
})
