import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import * as errors from '../src/entries/errors.ts'
import { denialResponse } from '../src/http/denial-response.ts'
import { root } from './setup/entries.ts'
import { listFiles } from './setup/source.ts'

const page = readFileSync(`${root}spec/errors.md`, 'utf8')
const read = (path: string): string => readFileSync(root + path, 'utf8')

/** The rows of all tables of the page, by their code. */
const rows = new Map(
  [...page.matchAll(/^\| `(\w+)` \| (.*) \|$/gm)].map(([, code = '', rest = '']) => [code, rest.split(' | ')]),
)

/** The codes of a union in the source. */
function unionIn(path: string, name: string): readonly string[] {
  const [, body = ''] = new RegExp(`export type ${name} =\\n((?:\\s+\\| .*\\n)+)`).exec(read(path)) ?? []
  return membersOf(body)
}

/** The members of a union, one a line. */
function membersOf(text: string): readonly string[] {
  return [...text.matchAll(/^\s+\| '(\w+)'$/gm)].map(([, code = '']) => code)
}

describe('the page of errors and denials', () => {
  it('has every code of an error, with its class, and no other', () => {
    const file = 'src/errors.ts'
    const unions = ['ProcuraErrorCode', 'VaultErrorCode', 'AuditErrorCode'].flatMap((name) => unionIn(file, name))
    expect(unions.length).toBeGreaterThan(20)
    const listed = [...rows.keys()].filter((code) => code.startsWith('ERR_'))
    expect(listed.toSorted()).toEqual(unions.toSorted())
    for (const code of listed) {
      const name = rows.get(code)?.[0]?.replaceAll('`', '') ?? ''
      expect(typeof (errors as Readonly<Record<string, unknown>>)[name], `${code} ${name}`).toBe('function')
      if (/VAULT|AUDIT/.test(code)) expect(name).toBe(code.includes('VAULT') ? 'VaultError' : 'AuditError')
      else expect(read(file), name).toMatch(new RegExp(`class ${name} extends[\\s\\S]{0,200}?'${code}'`))
    }
  })

  it('has every code that the source throws', () => {
    const thrown = new Set(
      [...listFiles('src', '.ts'), ...listFiles('packages/cli/src', '.ts')].flatMap((path) =>
        [...read(path).matchAll(/'(ERR_(?:VAULT|AUDIT)_\w+)'/g)].map(([, code]) => code),
      ),
    )
    expect(thrown.size).toBeGreaterThan(10)
    expect([...thrown].filter((code) => !rows.has(code as string))).toEqual([])
  })

  it('has every code of a denial, with the status of its response, and no other', () => {
    const denials = unionIn('src/core/authorization/denial.ts', 'DenialCode')
    const ofGuard = unionIn('src/guard/result.ts', 'GuardDenialCode')
    expect([denials.length, ofGuard.length].every((count) => count > 9)).toBe(true)
    const listed = [...rows.keys()].filter((code) => /^[a-z]/.test(code))
    // An answer of the adapters, which the listener for HTTP clients gives as well.
    const ofListener = membersOf(read('packages/cli/src/gateway/agent-side/connect/api/problem.ts')).filter(
      (code) => code !== 'request_unbound',
    )
    const ofGateway = [...unionIn('packages/cli/src/gateway/wire/hello.ts', 'HelloErrorCode'), ...ofListener]
    expect(ofListener.length).toBeGreaterThan(5)
    const ofAdapters = ['container_missing', 'container_unreadable', 'request_unbound', 'handler_failed']
    const others = ['tool_unknown', 'task_unsupported', 'tool_failed', ...ofGateway]
    expect(listed.toSorted()).toEqual([...denials, ...ofGuard, ...ofAdapters, ...others].toSorted())
    for (const code of others.slice(0, 3))
      expect(
        listFiles('src/mcp', '.ts').some((path) => read(path).includes(`'${code}'`)),
        code,
      ).toBe(true)
    for (const code of [...denials, ...ofGuard]) {
      const { status } = denialResponse({ code, message: 'no', requirement: 'AUT-01' } as never)
      expect(`${code} ${rows.get(code)?.[0]}`).toBe(`${code} ${status}`)
    }
    for (const code of ofAdapters)
      expect(
        listFiles('src/http', '.ts').some((path) => read(path).includes(`'${code}'`)),
        code,
      ).toBe(true)
  })
})
