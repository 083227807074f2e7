// node only: looks for a package

import { createRequire } from 'node:module'
import type { Service } from './service.ts'

/** An authorization server; its test starts it in the same process. */
export const service: Service = {
  name: 'oidc-provider',
  tests: ['oauth.test.ts'],
  find: () => {
    try {
      return createRequire(import.meta.url).resolve('oidc-provider/package.json')
    } catch {
      return undefined
    }
  },
}
