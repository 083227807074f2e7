// node only: loads verbs that read files
import { gatewayHome, json } from '../common-options.ts'
import type { Verb } from '../verb.ts'

/** The verbs that change the secrets of a home folder. */
export const secretVerbs: readonly Verb[] = [
  {
    name: 'rotate',
    operands: 'SERVER [NAME]',
    about:
      'store the new value of a key of a server or API behind the gateway; it is typed, or read from standard input',
    options: [
      gatewayHome,
      { name: 'key-file', value: 'FILE', about: 'the key file of the vault; default: as gateway.json has it' },
      json,
    ],
    example: 'procura rotate mail MAIL_KEY',
    run: async (...given) => (await import('./rotate.ts')).rotate(...given),
  },
]
