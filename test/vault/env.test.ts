import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { bearer } from '../../src/vault/processors/bearer.ts'
import { envVault } from '../../src/vault/stores/env/env-vault.ts'
import { permission, vaultError } from './support.ts'

describe('envVault', () => {
  it('SEC-08 reads the variables once, and deletes them from the environment', async () => {
    const environment: Record<string, string | undefined> = {
      TOKEN: 'canary-1',
      USER_NAME: 'u',
      PASSWORD: 'p',
      OTHER: 'x',
    }
    const vault = envVault({
      environment,
      credentials: {
        api: { variable: 'TOKEN', leasable: true },
        db: { variable: { username: 'USER_NAME', password: 'PASSWORD' }, leasable: true },
      },
    })
    expect(environment).toEqual({ OTHER: 'x' })
    expect((await vault.lease('api', { authorization: permission() })).secret.reveal()).toBe('canary-1')
    expect((await vault.lease('db', { authorization: permission() })).secret.revealField('password')).toBe('p')
  })

  it('keeps the variables with `clear: false`', () => {
    const environment = { TOKEN: 'canary-1' }
    envVault({ environment, credentials: { api: { variable: 'TOKEN', leasable: true } }, clear: false })
    expect(environment).toEqual({ TOKEN: 'canary-1' })
  })

  it('reads process.env by default', async () => {
    process.env['PROCURA_TEST_SECRET'] = 'canary-2'
    const vault = envVault({ credentials: { api: { variable: 'PROCURA_TEST_SECRET', leasable: true } } })
    expect(process.env['PROCURA_TEST_SECRET']).toBeUndefined()
    expect((await vault.lease('api', { authorization: permission() })).secret.reveal()).toBe('canary-2')
  })

  it('SEC-08 leaves no secret to later child processes, nor to reports of the runtime', () => {
    process.env['PROCURA_TEST_SECRET'] = 'canary-3'
    const child = (): string =>
      execFileSync(process.execPath, ['-p', 'process.env.PROCURA_TEST_SECRET'], { encoding: 'utf8' })
    expect([child(), JSON.stringify(process.report?.getReport())]).toEqual([
      'canary-3\n',
      expect.stringContaining('canary-3'),
    ])
    envVault({ credentials: { api: { variable: 'PROCURA_TEST_SECRET', leasable: true } } })
    expect([child(), JSON.stringify(process.report?.getReport())]).toEqual([
      'undefined\n',
      expect.not.stringContaining('canary-3'),
    ])
  })

  it('SEC-08 deletes from the object that it read, not from the environment of which it is a copy', () => {
    process.env['PROCURA_TEST_SECRET'] = 'canary-4'
    const environment = { ...process.env }
    envVault({ environment, credentials: { api: { variable: 'PROCURA_TEST_SECRET', leasable: true } } })
    expect(environment['PROCURA_TEST_SECRET']).toBeUndefined()
    expect(process.env['PROCURA_TEST_SECRET']).toBe('canary-4')
    delete process.env['PROCURA_TEST_SECRET']
  })

  it('SEC-08 refuses a variable that cannot be deleted, and then deletes no other', () => {
    const credentials = { a: { variable: 'A', leasable: true }, b: { variable: 'B', leasable: true } }
    const environment: Record<string, string> = { A: 'canary-5' }
    Object.defineProperty(environment, 'B', { value: 'canary-6', enumerable: true })
    expect(() => envVault({ environment, credentials })).toThrow(
      expect.objectContaining({
        ...vaultError('ERR_VAULT_CONFIGURATION'),
        message: expect.stringMatching(/`b`: `environment` is frozen.*pass `clear: false`/),
      }),
    )
    expect(environment).toEqual({ A: 'canary-5', B: 'canary-6' })
    expect(envVault({ environment: Object.freeze(environment), credentials, clear: false }).references).toEqual([
      'a',
      'b',
    ])
  })

  it('names the missing variable, and then deletes no other', () => {
    const environment = { TOKEN: 'canary-1', EMPTY: '' }
    for (const [missing, told] of [
      ['MISSING', '`MISSING`'],
      ['EMPTY', '`EMPTY`'],
      ['A_LONG_NAME_2', '`A_LONG_NAME_2`'],
      ['toString', 'that `variable` names (its name is not shown, because it is not written like API_KEY)'],
      ['__proto__', 'that `variable` names (its name is not shown, because it is not written like API_KEY)'],
    ] as const) {
      const make = (): unknown =>
        envVault({
          environment,
          credentials: { api: { variable: 'TOKEN', leasable: true }, other: { variable: missing, leasable: true } },
        })
      expect(make).toThrow(expect.objectContaining(vaultError('ERR_VAULT_CONFIGURATION')))
      expect(make).toThrow(`credential \`other\`: set the environment variable ${told}`)
    }
    expect(environment['TOKEN']).toBe('canary-1')
  })

  it('deletes no variable when the rules of a credential are invalid', () => {
    const environment = { TOKEN: 'canary-1' }
    const credentials = { api: { variable: 'TOKEN', origins: ['http://api.example'], processor: bearer() } }
    expect(() => envVault({ environment, credentials })).toThrow(expect.objectContaining({ name: 'ArgumentError' }))
    expect(environment).toEqual({ TOKEN: 'canary-1' })
  })
})
