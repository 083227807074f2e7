import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { verbs } from '../../src/cli/verbs.ts'
import { runCli } from './run-cli.ts'

async function bash(...line: string[]): Promise<string[]> {
  const { out } = await runCli(['completion', 'bash'])
  const ask = `COMP_WORDS=(procura ${line.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${line.length}; _procura; printf '%s\\n' "\${COMPREPLY[@]}"`
  return execFileSync('bash', ['--noprofile', '--norc', '-c', `${out}\n${ask}`], { encoding: 'utf8' })
    .trim()
    .split('\n')
}

describe('completions', () => {
  it('CLI-11 complete verbs, options and values in bash', async () => {
    expect(await bash('')).toEqual(
      expect.arrayContaining(['help', 'key', 'delegate', 'inspect', 'why', 'log', 'vault']),
    )
    expect(await bash('de')).toEqual(['delegate'])
    expect(await bash('key', '')).toEqual(expect.arrayContaining(['new', 'show', 'rotate']))
    expect(await bash('key', 'new', '--a')).toEqual(['--algorithm'])
    expect(await bash('delegate', '--pol')).toEqual(['--policy', '--policy-file'])
    expect(await bash('key', 'new', 'x', '--algorithm', 'ES')).toEqual(['ES256', 'ES256K'])
    expect(await bash('log', 'co')).toEqual(['could'])
    expect(await bash('inspect', 'package.j')).toEqual(['package.json'])
    expect(await bash('delegate', '--from', 'package.j')).toEqual(['package.json'])
  })

  it('CLI-11 name every verb and option in each shell, and run no program', async () => {
    for (const shell of ['bash', 'zsh', 'fish']) {
      const { code, out } = await runCli(['completion', shell])
      expect(code).toBe(0)
      for (const verb of verbs) {
        for (const { name } of verb.options) expect(out, shell).toContain(shell === 'fish' ? `-l ${name}` : `--${name}`)
        for (const word of verb.name.split(' ')) expect(out, shell).toContain(word)
      }
      // Comments, and the descriptions of fish in single quotes, are not run.
      const commands = out.replace(/^#.*$/gm, '').replace(/ -d '[^']*'$/gm, '')
      expect(commands, shell).not.toMatch(/\$\(procura|^\s*procura|`|eval/m)
    }
    expect((await runCli(['completion', 'zsh'])).out).toMatch(/^#compdef procura\n/)
    expect((await runCli(['completion', 'sh'])).err).toMatch(/name one shell: bash, zsh, fish/)
    expect((await runCli(['completion'])).code).toBe(2)
  })
})
