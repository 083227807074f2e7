import cluster from 'node:cluster'
import { createServer } from 'node:net'
import process from 'node:process'
import { startAtAddress } from '../../src/support/start-server.ts'

/**
 * Two workers of one cluster start a server at the port that the process is given, the second when the first listens.
 * The process prints the outcomes as a list in JSON. A cluster shares a port between servers that do not exclude
 * others.
 */
if (cluster.isPrimary) {
  const outcomes: string[] = []
  const start = (): void => {
    cluster.fork().once('message', (outcome: string) => {
      outcomes.push(outcome)
      if (outcomes.length === 1) return start()
      process.stdout.write(JSON.stringify(outcomes))
      for (const worker of Object.values(cluster.workers ?? {})) worker?.kill()
    })
  }
  start()
} else {
  const address = { host: '127.0.0.1', port: Number(process.argv[2]) }
  startAtAddress(createServer(), address, '`listen`').then(
    () => process.send?.('listens'),
    (error: Error) => process.send?.(error.message),
  )
}
