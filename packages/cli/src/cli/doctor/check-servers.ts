// node only: connects to a socket
import { controlGateway } from '../gateway/control.ts'
import type { Finding } from './finding.ts'

/** Asks the gateway that runs for the servers that do not list their tools. */
export async function checkServers(configPath: string): Promise<readonly Finding[]> {
  const answer = await controlGateway(configPath, 'status')
  // Another check reports a gateway that does not run.
  if (answer.state !== 'done') return []
  return answer.data.servers.flatMap(({ name, fault }) =>
    fault === undefined
      ? []
      : [
          {
            check: 'servers',
            thing: `the server ${name}`,
            fault: `is not available: ${fault}`,
            remedy: 'correct that, and run `procura reload`, which asks it again',
          },
        ],
  )
}
