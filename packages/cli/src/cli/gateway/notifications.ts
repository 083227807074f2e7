// node only: reads files
import { dirname } from 'node:path'
import { agentNames, type PrincipalNames } from '../../gateway/configuration/principal-names.ts'
import type { GatewayConfig } from '../../gateway/configuration/read-gateway-config.ts'
import type { GatewayEvent, OnGatewayEvent } from '../../gateway/serve/events.ts'
import { inMessage } from '../home/host-at-home.ts'
import type { Host } from '../host.ts'
import type { Flags } from '../verb.ts'
import { createNotifier } from './desktop-notifier.ts'

/** The notifications of a gateway about requests for approvals. */
export interface Notifications {
  /** Shows a request. Other events are ignored. */
  take(event: GatewayEvent): void
  /** Takes another configuration, and returns it. */
  follow(config: GatewayConfig): GatewayConfig
  close(): void
}

/** Makes them, unless `approvals.notify` of the configuration is false. APR-35 */
export function notificationsOf(
  config: GatewayConfig,
  flags: Flags,
  { env }: Pick<Host, 'env'>,
  onEvent: OnGatewayEvent,
): Notifications {
  let present = config
  const notifier = createNotifier({
    env,
    command: inMessage('`procura approve`', flags, { env }),
    onFault(fault) {
      const message = `${fault}; this is said once, and \`"approvals": { "notify": false }\` in gateway.json ends it`
      onEvent({ level: 'info', event: 'notification_failed', message })
    },
  })
  const isOff = (): boolean => present.approvals?.notify === false
  return {
    take({ request }) {
      if (request === undefined || notifier === undefined || isOff()) return
      const { agent, command } = request
      void agentNames(dirname(present.path))
        .catch((): PrincipalNames => ({}))
        .then((names) => notifier.show({ agent: names[agent], command }))
    },
    follow(next) {
      present = next
      return next
    },
    close: () => notifier?.close(),
  }
}
