// node only: starts a server

import { freePort } from '../support/free-port.ts'
import { findProgram, launch, type Running, type Service } from './service.ts'

/** moto, which answers as AWS does. Tests find it by the address in `PROCURA_AWS`. */
export const service: Service = {
  name: 'aws (moto)',
  pypi: 'moto[server]==5.2.5',
  tests: ['aws.test.ts', 'aws-kms.test.ts'],
  find: () => findProgram('moto_server'),
  async start(found: string): Promise<Running> {
    const port = await freePort()
    const endpoint = `http://127.0.0.1:${port}/`
    const server = await launch(found, {
      arguments: ['-H', '127.0.0.1', '-p', String(port)],
      isReady: async () => (await fetch(`${endpoint}moto-api/data.json`)).ok,
    })
    return { environment: { PROCURA_AWS: endpoint }, stop: server.stop }
  },
}
