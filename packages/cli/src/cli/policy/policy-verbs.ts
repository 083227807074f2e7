// node only: loads verbs that read files
import { delegationsKeyFile, gatewayHome, json } from '../common-options.ts'
import type { Verb, VerbOption } from '../verb.ts'

const agent: VerbOption = {
  name: 'agent',
  value: 'NAME',
  about: 'the agent; default the only one that has the server',
}

const keyFile: VerbOption = {
  name: 'key-file',
  value: 'FILE',
  about: 'the key file of the vault; default: as gateway.json has it',
}

const dryRun: VerbOption = { name: 'dry-run', about: 'show what would change, and write nothing' }

/** The verbs that change what agents may do. */
export const policyVerbs: readonly Verb[] = [
  {
    name: 'policy',
    operands: 'SERVER',
    about: 'show what each agent may do with the tools of a server, or change it',
    options: [
      agent,
      {
        name: 'policy',
        value: 'TEXT',
        many: true,
        about:
          'a condition on the arguments of a tool, in the place of its present ones, such as "send: .to like *@example.com"; * is every tool',
      },
      { name: 'add', about: 'add the conditions to the present ones' },
      dryRun,
      gatewayHome,
      keyFile,
      delegationsKeyFile,
      json,
    ],
    example: 'procura policy mail --policy "send: .to like *@example.com"',
    negative: 'no agent may call a tool, nothing had to be changed, or the gateway has not taken the revocation',
    run: async (...given) => (await import('./policy.ts')).policy(...given),
  },
  {
    name: 'allow',
    operands: 'SERVER/TOOL',
    about: 'let an agent call a tool of a server that it cannot call now',
    options: [
      agent,
      {
        name: 'policy',
        value: 'TEXT',
        many: true,
        about: 'a condition on the arguments of the tool, such as ".to like *@example.com"; default none',
      },
      dryRun,
      gatewayHome,
      keyFile,
      delegationsKeyFile,
      json,
    ],
    example: 'procura allow mail/list',
    run: async (...given) => (await import('./allow.ts')).allow(...given),
  },
]
