import { describe, expect, it } from 'vitest'
import { sortValue } from '../../../src/cli/wrap/sort-value.ts'

const none = { secret: new Set<string>(), plain: new Set<string>() }

describe('sortValue', () => {
  it('takes every value for a secret that is not plainly harmless [WRP-03]', () => {
    const secret: readonly (readonly [string, string])[] = [
      ['MAIL_KEY', 'x'],
      ['API_KEY', '/a/path'],
      ['API_KEY2', '/a/path'],
      ['githubToken', 'https://example.com'],
      ['PIN', '1234'],
      ['WHATEVER', 'hunter2'],
      ['NAME', 'Ada'],
      ['LONG_NUMBER', '12345678'],
      ['DATABASE_URL', 'postgres://ada:pw@db/x'],
      ['HOOK', 'https://hooks.example.com/services/T0123ABCD/B0123ABCD/aB3dE6gH9jK2mN5pQ8sT1vW4'],
      ['URL', 'https://example.com/?token=x'],
      ['URL', 'https://ada@example.com/'],
      ['KEY64', '/Ab3dE6gH9jK2mN5pQ8sT1vW4aB3dE6gH9jK2mN5pQ8s='],
      ['HOOK', 'https://hooks.example.com/services/TABCDEFGH/BABCDEFGH/aBdEgHjKmNpQsTvWyZbDfGhJ'],
      ['MCP', 'https://mcp.example.com/s/550e8400-e29b-41d4-a716-446655440000/mcp'],
      ['HOST_URL', 'https://0a1b2c3d4e5f60718293a4b5c6d7e8f9.example.com/'],
      ['STATE', '/run/aB3-dE6_gH9-jK2mN5pQ8sT1vW4-xY7'],
      ['CACHE', '/AbCdEfGhIjKlMnOpQrStUvWxYz'],
      ['Authorization', 'Bearer x'],
      ['LOG_LEVEL', `sk-${'a1B2'.repeat(8)}`],
    ]
    expect(secret.filter(([name, value]) => !sortValue(name, value, none).secret)).toEqual([])
  })

  it('leaves settings in the clear, and does what the user says [WRP-03]', () => {
    const plain: readonly (readonly [string, string])[] = [
      ['PATH', '/usr/local/bin:/usr/bin:/bin'],
      ['PYTHONPATH', './src'],
      ['ROOT', 'C:\\Users\\ada\\files'],
      ['AUTH_ENABLED', 'true'],
      ['EMPTY', ''],
      ['TIMEOUT', '30000'],
      ['MAX_TOKENS', '25000'],
      ['BASE_URL', 'https://api.example.com/v1'],
      ['HOME_URL', 'https://static.my-long-company-name.example.com/build-2-of-a-project/index'],
      ['PROFILE', '/home/ada/Library/ApplicationSupportFilesFolder/release-2024-build-12'],
      ['LOG_LEVEL', 'debug'],
      ['NODE_ENV', 'production'],
      ['AWS_REGION', 'eu-west-1'],
      ['PORT', '8080'],
    ].map(([name = '', value = '']) => [name, value] as const)
    expect(plain.filter(([name, value]) => sortValue(name, value, none).secret)).toEqual([])
    expect(sortValue('A', 'true', { ...none, secret: new Set(['A']) }).secret).toBe(true)
    expect(sortValue('API_KEY', 'x', { ...none, plain: new Set(['API_KEY']) }).secret).toBe(false)
  })
})
