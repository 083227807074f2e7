// node only: loads verbs that read files
import { gatewayHome, json } from '../common-options.ts'
import type { Verb } from '../verb.ts'

/** The verbs by which agents of other users get authority. */
export const teamVerbs: readonly Verb[] = [
  {
    name: 'invite',
    operands: 'NAME',
    about: 'delegate to the agent of another user of this machine, who runs `join` with the printed text',
    options: [
      { name: 'server', value: 'NAME', many: true, about: 'a server that the agent may use; default the only one' },
      {
        name: 'policy',
        value: 'TEXT',
        many: true,
        about: 'a condition on the arguments of a tool, such as "send: .to like *@example.com"; * is every tool',
      },
      {
        name: 'tools',
        value: 'TOOL',
        many: true,
        about: 'a tool that the agent may call; default all, without --policy',
      },
      { name: 'expires-in', value: 'DURATION', about: 'the validity of the delegations, such as 8h; default 30d' },
      gatewayHome,
      { name: 'key-file', value: 'FILE', about: 'the key file of the vault; default: as gateway.json has it' },
      json,
    ],
    example: 'procura invite bob --server mail --tools list',
    negative: 'nothing was issued, or the agent has not confirmed it',
    run: async (...given) => (await import('./invite.ts')).invite(...given),
  },
  {
    name: 'join',
    operands: 'TEXT',
    about: 'make an agent with a key of its own, and get its delegations from the one who has invited',
    options: [gatewayHome, json],
    example: 'procura join procura-1,127.0.0.1:7333,did:key:z6Mk…',
    run: async (...given) => (await import('./join.ts')).join(...given),
  },
]
