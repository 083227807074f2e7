// node only: connects to a socket
import type { FileKey } from 'procura/vault/file'
import { quote } from '#support/quote.ts'
import { controlGateway } from '../gateway/control.ts'
import type { GatewayFile } from '../home/gateway-file.ts'
import { revealAll } from '../home/wrap-home.ts'
import type { Finding } from './finding.ts'

/** Finds servers whose login is missing, or has ended as the running gateway has seen. LGN-22 */
export async function checkLogins(
  { path, servers, vault }: GatewayFile,
  key: FileKey | undefined,
): Promise<readonly Finding[]> {
  const wanted = [...servers].flatMap(([name, server]) =>
    server.type === 'http' && server.login !== undefined ? [{ name, credential: server.login }] : [],
  )
  if (wanted.length === 0) return []
  const stored = key === undefined ? undefined : await revealAll(vault.file, key)
  const answer = await controlGateway(path, 'status')
  const running = answer.state === 'done' ? answer.data.servers : []
  return wanted.flatMap(({ name, credential }) => {
    const thing = `the server ${quote(name)}`
    const remedy = `run \`procura login ${name}\``
    if (stored !== undefined && !stored.has(credential))
      return [{ check: 'logins', thing, fault: 'needs a login', remedy }]
    // The end of the fault is the remedy, which the gateway prints as well.
    const [, fault] =
      /^the server `[^`]+` (.+); run `procura login /.exec(running.find((one) => one.name === name)?.fault ?? '') ?? []
    return fault === undefined ? [] : [{ check: 'logins', thing, fault, remedy }]
  })
}
