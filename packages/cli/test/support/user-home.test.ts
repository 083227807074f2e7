import os from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, it, vi } from 'vitest'
import { gatewayHome } from '../../src/gateway/configuration/home.ts'
import { userHome } from '../../src/support/user-home.ts'

afterEach(() => vi.unstubAllEnvs())

it('is the folder of HOME, and that of the user where HOME is empty, relative or missing', () => {
  const { homedir } = os.userInfo()
  vi.stubEnv('HOME', '/srv/ann')
  expect(userHome()).toBe('/srv/ann')
  for (const home of ['', '.', 'ann', undefined]) {
    vi.stubEnv('HOME', home)
    expect(userHome()).toBe(homedir)
    // The working directory may belong to somebody else, and its `.config` to them as well.
    expect(gatewayHome(undefined, {})).toBe(join(homedir, '.config', 'procura'))
  }
})
