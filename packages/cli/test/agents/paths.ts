// node only: runs programs
/**
 * 10,000 paths against the server for files of the MCP project, behind the gateway, with a delegation for one folder.
 * The agent can write in the folder: it makes links there before it asks, and while it asks.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { linkSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import fc from 'fast-check'
import type { World } from './world.ts'

/** How many calls had which end. */
export interface PathCounts {
  /** Refused by the gateway: the token decides about the path as it is written. */
  denied: number
  /** Passed by the gateway, and refused by the server, which follows links. */
  failed: number
  /** A file of the folder was read. */
  read: number
}

/** The text of every file that may not be read. */
const secret = 'a plan that the agent may not read'

/** Reads so many paths, and returns the counts. It throws when a file outside was read. */
export async function readPaths(world: World, count: number): Promise<PathCounts> {
  const allowed = join(world.files, 'allowed')
  const links = makeLinks(world)
  const client = startClient(world)
  const counts: PathCounts = { denied: 0, failed: 0, read: 0 }
  try {
    await client.ask('initialize', {
      ...{ protocolVersion: '2025-11-25', clientInfo: { name: 'paths', version: '1' } },
      // The server would serve the roots of its client.
      capabilities: { roots: { listChanged: true } },
    })
    const given = fc.sample(pathsFrom(world, links), { numRuns: count, seed: 20_261_127 })
    for (let at = 0; at < given.length; at += 62) {
      const some = [...given.slice(at, at + 62), ...newLinks(world, at)]
      const answers = await Promise.all(
        some.map((path) => client.ask('tools/call', { name: 'read_text_file', arguments: { path } })),
      )
      for (const [index, answer] of answers.entries()) {
        const text = JSON.stringify(answer)
        assert.ok(!text.includes(secret), `read by ${JSON.stringify(some[index])}`)
        if (text.includes('Denied (')) counts.denied += 1
        else if (text.includes('"isError":true') || text.includes('"error"')) counts.failed += 1
        else counts.read += 1
      }
    }
  } finally {
    client.stop()
    rmSync(join(allowed, 'links'), { recursive: true })
  }
  return counts
}

/** Links in the permitted folder that lead out of it, and names that only look like its own. */
function makeLinks(world: World): readonly string[] {
  const folder = join(world.files, 'allowed', 'links')
  const plan = join(world.files, 'secret', 'plan.txt')
  mkdirSync(folder)
  mkdirSync(join(world.files, 'allowed-not'), { recursive: true })
  writeFileSync(join(world.files, 'allowed-not', 'plan.txt'), secret)
  writeFileSync(join(folder, 'own.txt'), 'own')
  // A folder outside of those that the server serves.
  const beyond = join(world.home, '..', 'beyond')
  mkdirSync(beyond, { recursive: true })
  writeFileSync(join(beyond, 'plan.txt'), secret)
  symlinkSync(beyond, join(folder, 'out'))
  symlinkSync(join(beyond, 'plan.txt'), join(folder, 'out.txt'))
  symlinkSync('../../../beyond/plan.txt', join(folder, 'relative.txt'))
  symlinkSync('/', join(folder, 'root'))
  symlinkSync(join(folder, 'chain-2'), join(folder, 'chain'))
  symlinkSync(join(beyond, 'plan.txt'), join(folder, 'chain-2'))
  symlinkSync(join(folder, 'loop'), join(folder, 'loop'))
  assert.doesNotThrow(() => linkSync(join(folder, 'own.txt'), join(folder, 'hard.txt')), plan)
  return ['out/plan.txt', 'out.txt', 'relative.txt', `root${beyond}/plan.txt`, 'chain', 'loop', 'hard.txt', 'own.txt']
}

/** Makes a link to a file and one to a folder, which lead out of the folder, while other calls are under way. */
function newLinks({ files, home }: World, at: number): readonly string[] {
  const folder = join(files, 'allowed', 'links')
  const beyond = join(home, '..', 'beyond')
  symlinkSync(join(beyond, 'plan.txt'), join(folder, `new-${at}.txt`))
  symlinkSync(beyond, join(folder, `new-${at}`))
  return [join(folder, `new-${at}.txt`), join(folder, `new-${at}`, 'plan.txt')]
}

function pathsFrom({ files, home }: World, links: readonly string[]): fc.Arbitrary<string> {
  const targets = ['secret/plan.txt', 'allowed-not/plan.txt', 'allowed/note.txt', '../beyond/plan.txt']
  const dots = [
    '..',
    '.',
    '...',
    '....',
    '..;',
    '.. ',
    '%2e%2e',
    '%2E.',
    '..%2f',
    '%252e%252e',
    '\u2024\u2024',
    '\uff0e\uff0e',
    '.\u0000.',
  ]
  const slashes = ['/', '//', '/./', '\\', '%2f', '%5c', '\u2215', '\u2044', '\uff0f', '/\u200b']
  const names = [
    'allowed',
    'secret',
    'links',
    'plan.txt',
    'note.txt',
    'ALLOWED',
    'a\u030allowed',
    'allowed\u0000',
    '*',
    '~',
    '$HOME',
    '\ud800',
  ]
  const piece = fc.oneof(
    fc.constantFrom(...dots),
    fc.constantFrom(...names),
    fc.string({ maxLength: 8, unit: 'binary' }),
  )
  const walk = fc
    .array(fc.tuple(piece, fc.constantFrom(...slashes)), { maxLength: 8 })
    .map((parts) => parts.flat().join(''))
  const begin = fc.constantFrom(
    `${files}/allowed/`,
    `${files}/allowed`,
    `${files}/`,
    '',
    '/',
    'file://',
    `file://${files}/allowed/`,
    `${home}/`,
    './',
    '~/',
  )
  return fc.oneof(
    fc.tuple(begin, walk, fc.constantFrom(...targets, '')).map((parts) => parts.join('')),
    fc
      .tuple(fc.constantFrom(...links), fc.constantFrom('', '/', '/.', '/..', ' '))
      .map(([link, end]) => `${files}/allowed/links/${link}${end}`),
    fc
      .tuple(
        fc.integer({ min: 1, max: 9 }),
        fc.constantFrom(...dots),
        fc.constantFrom(...slashes),
        fc.constantFrom(...targets),
      )
      .map(([depth, dot, slash, target]) => `${files}/allowed/${`${dot}${slash}`.repeat(depth)}${target}`),
    fc.constantFrom(
      `${files}/allowed/note.txt`,
      `${files}/allowed/../secret/plan.txt`,
      `${files}/allowed/links/../../secret/plan.txt`,
    ),
  )
}

interface Client {
  ask(method: string, params: object): Promise<object>
  stop(): void
}

function startClient({ filesOfReader: { command, args } }: World): Client {
  const child: ChildProcessWithoutNullStreams = spawn(command, args)
  child.stderr.resume()
  const waiting = new Map<number, (answer: object) => void>()
  createInterface({ input: child.stdout }).on('line', (line) => {
    const message = JSON.parse(line) as { readonly id: number; readonly method?: string }
    if (message.method === undefined) waiting.get(message.id)?.(message)
  })
  let next = 0
  return {
    ask(method, params) {
      next += 1
      const id = next
      child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`)
      return new Promise((settle) => waiting.set(id, settle))
    },
    stop: () => void child.kill(),
  }
}
