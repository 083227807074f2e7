import fc from 'fast-check'
import { ArgumentError } from 'procura/errors'
import { describe, expect, it } from 'vitest'
import { commandCovers, parseCommand } from '../../../../../src/core/capability/command.ts'
import { shortRuns } from '../../../../../test/property/runs.ts'
import { toolCommand } from '../../../src/gateway/wire/tool-command.ts'

/** Names of tools, many of them near others: letters in both cases, separators, digits that look like escapes. */
const name = fc.oneof(
  fc.string({
    unit: fc.constantFrom('a', 'A', 'f', 'F', '-', '_', '0', '2', 'e', '.', '/', 'é', '\ud800'),
    minLength: 1,
    maxLength: 8,
  }),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 12 }),
)

/** Reads a segment back, as the page describes it. */
function nameOf(segment: string): string {
  return segment.replace(
    /-(?:(-)|([a-z])|0([0-9a-f]+)-)/g,
    (_, hyphen, letter, hex) => hyphen ?? letter?.toUpperCase() ?? String.fromCodePoint(Number.parseInt(hex, 16)),
  )
}

describe('the command of a tool', () => {
  it('MCP-19 keeps simple names and writes other characters readably', () => {
    for (const [tool, segment] of [
      ['read_file', 'read_file'],
      ['createIssue', 'create-issue'],
      ['create-issue', 'create--issue'],
      ['a.b', 'a-02e-b'],
      ['Read', '-read'],
      ['__proto__', '__proto__'],
      ['É', '-0c9-'],
      ['📎', '-01f4ce-'],
      ['a/b', 'a-02f-b'],
    ] as const)
      expect(toolCommand('mail', tool)).toBe(`/mcp/mail/${segment}`)
  })

  it('MCP-19 is valid, differs for each server and tool, and is below the command of its server', () => {
    fc.assert(
      fc.property(name, fc.constantFrom('a', 'a-b', '0_'), (tool, server) => {
        const command = toolCommand(server, tool)
        expect(parseCommand(command)).toBe(command)
        const [, , at, segment, ...more] = command.split('/')
        expect([at, more]).toEqual([server, []])
        // A name can be read back, so no two names have the same command.
        expect(nameOf(segment as string)).toBe(tool)
        expect(commandCovers(toolCommand(server), command)).toBe(true)
        expect(commandCovers(toolCommand(`${server}x`), command)).toBe(false)
      }),
      shortRuns(2_000, 4),
    )
  })

  it('MCP-19 refuses names of servers in another form, and names of tools that are empty or too long', () => {
    for (const server of ['', '-a', '_a', 'A', 'a/b', 'a b', 'a\n', 'a'.repeat(33), undefined, 7])
      expect(() => toolCommand(server as string, 'a'), String(server)).toThrow(ArgumentError)
    for (const tool of ['', 7, null, 'a'.repeat(257), '.'.repeat(60)])
      expect(() => toolCommand('a', tool as string), String(tool)).toThrow(ArgumentError)
    expect(toolCommand('a'.repeat(32), 'b'.repeat(200))).toHaveLength(238)
  })
})
