import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { root } from '../../../../../test/setup/entries.ts'
import { until } from '../../../../../test/support/until.ts'
import type { Host } from '../../../src/cli/host.ts'
import { run } from '../../../src/cli/run.ts'
import { connectClient, type LineClient } from '../../gateway/agent-side/connect/client.ts'
import { type ApiUpstream, startApi } from '../../gateway/serve/api-upstream.ts'
import { canary, mailServer } from '../../gateway/serve/gateway-home.ts'
import { type Machine, newMachine } from './set-up.ts'

const origin = 'https://api.example.com'
const passphrase = 'correct horse battery'

let machine: Machine
let upstream: ApiUpstream
let original: string
const ending = new AbortController()
const signals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const
const handlers = signals.map((signal) => process.listenerCount(signal))
const running: Promise<unknown>[] = []
const clients: LineClient[] = []
/**
 * What differs between two runs: a DID, the request for an approval, the address of the listener; and what `serve`
 * printed.
 */
const last = { did: '', request: '', place: '', printed: [] as string[] }

beforeAll(async () => {
  machine = newMachine()
  upstream = await startApi()
  const mail = { command: process.execPath, args: [mailServer], env: { MAIL_KEY: canary } }
  original = JSON.stringify({ mcpServers: { mail } }, undefined, 2)
  machine.write('.claude.json', original)
})
afterAll(async () => {
  for (const { input, ended } of clients) {
    input.end()
    await ended.catch(() => undefined)
  }
  ending.abort()
  await Promise.all(running)
  // `serve` and `connect` handle none any more.
  expect(signals.map((signal) => process.listenerCount(signal))).toEqual(handlers)
  await upstream.close()
  machine.remove()
})

/** The words of a command line, as a shell splits them. */
function wordsOf(line: string): string[] {
  const text = line
    .replaceAll('~', machine.folder)
    .replaceAll(origin, upstream.origin)
    .replace('127.0.0.1:8080', last.place || '127.0.0.1:0')
    .replace('did:key:…', last.did)
    .replace(/^procura approve …/, `procura approve ${last.request}`)
  return [...text.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? '')
}

/** Runs a command of the program. One that goes on is waited for until it has printed its first lines. */
async function procura(words: readonly string[], input = ''): Promise<string[]> {
  const lines: string[] = []
  const keyboard = Object.assign(new PassThrough(), { isTTY: true })
  const screen = {
    ...{ isTTY: true, columns: 100 },
    write: (text: string) => void (text.includes('Type yes') && setTimeout(() => keyboard.write('yes\n'), 20)),
  }
  const host: Host = {
    env: { ...machine.env },
    program: ['/usr/bin/node', '/opt/procura/procura.js'],
    signal: ending.signal,
    terminal: { input: keyboard, output: screen, readingMs: 0 },
    isTerminal: input === '',
    print: (line) => void lines.push(line),
    complain: (line) => void lines.push(line.replace(/^info: /, '')),
    readInput: async () => Buffer.from(input),
    askHidden: async (question) => Buffer.from(question.startsWith('secret of') ? canary : passphrase),
  }
  const ended = run(words, host)
  if (words[0] !== 'serve' && !words.includes('--listen')) {
    await ended
    return lines
  }
  running.push(ended)
  const isReady = (): boolean => lines.some((line) => /^(?:server |the key for)/.test(line))
  await until(isReady, 20)
  if (words[0] === 'serve') last.printed = lines
  last.place = /^listening on http:\/\/(\S+)$/m.exec(lines.join('\n'))?.[1] ?? last.place
  return last.place === '' ? lines : lines.map((line) => line.replace(last.place, '127.0.0.1:8080'))
}

/** A call of an agent, as the model sees its answer. */
async function call(agent: string, tool: string, args: string): Promise<string[]> {
  const name = agent === 'agent' ? 'claude' : agent
  const client = connectClient(join(machine.home, 'agents', name))
  clients.push(client)
  await client.initialize()
  const text = (await client.call(tool, JSON.parse(args) as object)).result?.content?.[0].text ?? ''
  last.request = /procura approve ([a-z2-7]+)/.exec(text)?.[1] ?? last.request
  return [text]
}

async function curl(words: readonly string[]): Promise<string[]> {
  const key = readFileSync(join(machine.home, 'agents', 'claude', 'local.key'), 'utf8').trim()
  const headers: Record<string, string> = words.includes('-H') ? { 'x-api-key': key } : {}
  const response = await fetch(words.at(-1) ?? '', { method: words.includes('-X') ? 'DELETE' : 'GET', headers })
  return [await response.text()]
}

/** SIGHUP, which a test cannot send to itself. */
async function reload(): Promise<string[]> {
  process.emit('SIGHUP')
  const serve = last.printed
  await until(() => serve.some((line) => line.includes('new configuration')), 20)
  return serve
}

async function execute(line: string): Promise<string[]> {
  const [, agent, tool = '', args = ''] = /^(\w+)> (\w+) (.*)$/.exec(line) ?? []
  if (agent !== undefined) return call(agent, tool, args)
  const [first = '', second] = line.slice(2).split(' | ')
  const [program, ...words] = wordsOf(first)
  if (program === 'kill') return reload()
  if (program === 'curl') return curl(words)
  const lines = await procura(words)
  if (second !== undefined)
    return procura(
      wordsOf(second).slice(1),
      lines.find((one) => /^[A-Z][\w-]{40}/.test(one)),
    )
  if (words[0] === 'agent') last.did = lines.find((one) => one.startsWith('did:')) ?? ''
  return lines
}

/** Whether lines of a run have the documented ones, in their order. */
function missing(documented: readonly string[], lines: readonly string[]): string | undefined {
  let at = 0
  for (const line of documented) {
    const parts = line.replaceAll(origin, upstream.origin).split('…')
    const pattern = new RegExp(`^${parts.map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.*')}$`, 's')
    const found = lines.findIndex((one, index) => index >= at && pattern.test(one))
    if (found < 0) return line
    at = found + 1
  }
  return undefined
}

describe('the guide for people without code', () => {
  it('has the documented output for each command, and ends with the original file', { timeout: 180_000 }, async () => {
    const page = readFileSync(`${root}packages/cli/spec/guides/wrap.md`, 'utf8')
    const blocks = [...page.matchAll(/^```console\n([\s\S]*?)^```$/gm)].map(([, text = '']) => text.trimEnd())
    const steps = blocks.flatMap((block) => block.split(/\n(?=\$ |\w+> )/)).map((step) => step.split('\n'))
    expect(steps.length).toBeGreaterThan(20)
    for (const [command = '', ...documented] of steps) {
      const lines = await execute(command)
      expect([command, missing(documented, lines), lines]).toEqual([command, undefined, lines])
      expect(lines.join('\n'), command).not.toContain(canary)
    }
    expect(readFileSync(join(machine.folder, '.claude.json'), 'utf8')).toBe(original)
  })
})
