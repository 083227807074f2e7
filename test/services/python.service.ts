// node only: looks for a program

import { spawnSync } from 'node:child_process'
import { delimiter, join } from 'node:path'
import type { Service } from './service.ts'

/** Runs the client of the guide in Python. */
export const service: Service = {
  name: 'python with cryptography and dag-cbor',
  pypi: 'cryptography==48.0.0 dag-cbor==0.3.3',
  tests: ['other-languages.test.ts'],
  find: () =>
    (process.env['PATH'] ?? '')
      .split(delimiter)
      .map((folder) => join(folder, 'python3'))
      .find((python) => spawnSync(python, ['-c', 'import cryptography, dag_cbor']).status === 0),
}
