// node only: looks for a program

import { findProgram, type Service } from './service.ts'

/** Compiles the client of the guide in Go. */
export const service: Service = {
  name: 'go',
  download: 'Go 1.24 or later from https://go.dev/dl',
  tests: ['other-languages.test.ts'],
  find: () => findProgram('go', '/usr/local/go/bin/go'),
}
