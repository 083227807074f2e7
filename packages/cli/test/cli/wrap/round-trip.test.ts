import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { parse as parseToml } from 'smol-toml'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { mutateText } from '../../../../../test/fuzz/mutate.ts'
import { randomOf } from '../../../../../test/fuzz/random.ts'
import { shortRuns } from '../../../../../test/property/runs.ts'
import type { ClientName } from '../../../src/cli/clients/client.ts'
import { ConfigFault } from '../../../src/cli/clients/config-document.ts'
import { jsonConfig, tomlConfig } from './config-arbitrary.ts'
import { unwrapText, wrapText } from './round-trip.ts'
import { type Machine, newMachine } from './set-up.ts'

const folder = new URL('../../fixtures/wrap/', import.meta.url).pathname
const fixtures = readdirSync(folder, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name !== 'README.md')
  .map((entry) => join(entry.parentPath, entry.name).slice(folder.length))

const clientsOfFixtures: Readonly<Record<string, ClientName>> = {
  claude: 'claude',
  desktop: 'claude-desktop',
  cursor: 'cursor',
  vscode: 'vscode',
  workspace: 'vscode',
  codex: 'codex',
}
const clientOfFixture = (name: string): ClientName => clientsOfFixtures[/^[a-z]+/.exec(name)?.[0] ?? ''] ?? 'claude'

describe('a configuration', () => {
  let machine: Machine
  beforeEach(() => {
    machine = newMachine()
  })
  afterEach(() => machine.remove())

  for (const name of fixtures) {
    it(`of the form ${name} has its bytes again after wrap and unwrap [WRP-09]`, async () => {
      const bytes = readFileSync(join(folder, name))
      const path = machine.write(name, bytes.toString('utf8'))
      const words = [path, '--key-file', join(machine.folder, 'vault.key')]
      const { code, err } = await machine.procura(['wrap', ...words])
      expect([code, err]).toEqual([0, expect.stringContaining('goes behind the gateway as')])
      const wrapped = readFileSync(path, 'utf8')
      expect(wrapped).not.toContain('canary')
      expect(wrapped.startsWith('\ufeff')).toBe(bytes.toString('utf8').startsWith('\ufeff'))
      expect((await machine.procura(['unwrap', ...words])).out).toContain('has its original bytes')
      expect(readFileSync(path)).toEqual(bytes)
    })
  }

  const json = shortRuns(2_000, 10)
  it(`in JSON of any form has its text again, and its other parts stay ${json.title} [WRP-09]`, () => {
    fc.assert(
      fc.property(jsonConfig, ({ text, secrets, value }) => {
        const wrapped = wrapText('claude', text)
        expect(wrapped.counts.refused).toBe(0)
        expect(unwrapText(wrapped, wrapped.next)).toMatchObject({ text, exact: true })
        for (const secret of secrets) expect(wrapped.next).not.toContain(secret)
        // A client that reads the file and writes it again loses comments, and nothing else.
        const stored = JSON.parse(JSON.stringify(wrapped.client.read(wrapped.next).servers.map((entry) => entry.value)))
        const rewritten = JSON.stringify(
          {
            a: 1,
            mcpServers: Object.fromEntries(
              wrapped.record.layers[0]?.entries.map((entry, at) => [entry.place[1], stored[at]]) ?? [],
            ),
            b: [2],
          },
          null,
          3,
        )
        const back = unwrapText(wrapped, rewritten)
        expect(back.kept).toEqual([])
        expect(wrapped.client.read(back.text).servers.map((entry) => JSON.parse(JSON.stringify(entry.value)))).toEqual(
          Object.values(value),
        )
        expect(back.text).toMatch(/^\{\n {3}"a": 1,[\s\S]*"b": \[\n {6}2\n {3}\]\n\}$/)
      }),
      json,
    )
  })

  const toml = shortRuns(2_000, 10)
  it(`in TOML of any form has its text again, and its other parts stay ${toml.title} [WRP-09]`, () => {
    fc.assert(
      fc.property(tomlConfig, ({ text, secrets }) => {
        const before = parseToml(text) as Record<string, unknown>
        const wrapped = wrapText('codex', text)
        expect(wrapped.counts.refused).toBe(0)
        // Another parser reads the result, with the same other parts.
        const after = parseToml(wrapped.next) as Record<string, unknown>
        expect(Object.keys(after['mcp_servers'] as object)).toEqual(Object.keys(before['mcp_servers'] as object))
        expect({ ...after, mcp_servers: 0 }).toEqual({ ...before, mcp_servers: 0 })
        for (const secret of secrets) expect(wrapped.next).not.toContain(secret)
        expect(unwrapText(wrapped, wrapped.next)).toMatchObject({ text, exact: true })
        const added = `${wrapped.next}\n[added]\nx = 1\n`
        expect(unwrapText(wrapped, added)).toMatchObject({ text: `${text}\n[added]\nx = 1\n`, exact: false, kept: [] })
      }),
      toml,
    )
  })

  it('that is damaged is refused, or has its text again', () => {
    const random = randomOf(20_261_127)
    for (let turn = 0; turn < 600; turn++) {
      const name = fixtures[turn % fixtures.length] as string
      const text = mutateText(readFileSync(join(folder, name), 'utf8'), random)
      try {
        const wrapped = wrapText(clientOfFixture(name), text)
        expect(unwrapText(wrapped, wrapped.next)).toMatchObject({ text, exact: true })
      } catch (error) {
        if (!(error instanceof ConfigFault)) throw error
        expect(error.message).not.toContain('canary')
      }
    }
  })
})
